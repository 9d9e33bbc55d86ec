#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kContainersOptions[] = {
    {.name = "docker-socket",
     .default_value = "",
     .help = "Unix socket of the Docker Engine API or Podman's; by default the first of /run/docker.sock, "
             "/var/run/docker.sock and /run/podman/podman.sock that exists"},
};

/// containers: the containers of Docker or Podman, stopped ones included. State, health, exit code and
/// restarts come from the engine's API, CPU and memory from the containers' control groups. Names, labels and
/// meanings are cAdvisor's where it has them. A container is inspected again only when its row in the
/// engine's list changed or its process went away. No engine at all is no_data; one that does not answer is
/// an error.
Result<std::unique_ptr<Collector>> make_containers_collector(CollectorContext context);

}  // namespace chiron
