#pragma once

#include "alerting/alertmanager_peer.h"
#include "exporter/base/yaml_reader.h"

#include <vector>

namespace chiron::agent {

/// alertmanagers: in the configuration file, under the names of Prometheus' alertmanager_config; one for each
/// target. What Prometheus knows and Chiron does not (relabelling, service discovery) is an error.
std::vector<alerting::AlertmanagerSpec> read_alertmanagers(yaml::Reader& root);

}  // namespace chiron::agent
