#pragma once

#include "exporter/collectors/collector.h"
#include "exporter/collectors/container_watch.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kContainersOptions[] = {
    {.name = "socket",
     .default_value = "",
     .help = "Unix socket of a Docker Engine API or Podman's, may be given several times; by default all "
             "there are "
             "of /run/docker.sock, /var/run/docker.sock, /run/podman/podman.sock and "
             "$XDG_RUNTIME_DIR/podman/podman.sock",
     .repeatable = true},
    {.name = "disk-usage-interval",
     .default_value = "30m",
     .help =
         "How often an engine is asked for the sizes of its images, volumes and build cache, which takes it "
         "seconds; 0 never asks",
     .is_duration = true,
     .zero_is_off = true},
};

/// containers: the containers of Docker and Podman, stopped ones included. State, health, exit code and
/// restarts come from the engine's events (ContainerWatch); CPU, memory, I/O and threads from the containers'
/// control groups, network counters from their namespaces, whether the engine answers or not. Names, labels
/// and meanings are cAdvisor's where it has them. What an engine that does not answer last said stands for
/// ten seconds. No engine at all is no_data; one that was there and does not answer is an error.
Result<std::unique_ptr<Collector>> make_containers_collector(CollectorContext context);
/// With other times than usual; disk_interval is the option's.
Result<std::unique_ptr<Collector>> make_containers_collector(CollectorContext context,
                                                             ContainerWatch::Options options);

}  // namespace chiron
