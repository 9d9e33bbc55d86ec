#pragma once

#include "exporter/base/time_zone.h"
#include "exporter/base/yaml_reader.h"

#include <string_view>

namespace chiron::remediation {

/// The zone under the key `timezone`, Local when it is absent. One that is not found is reported, at the key
/// `otherwise` when there is no `timezone`.
TimeZone read_zone(yaml::Reader& reader, std::string_view otherwise);

}  // namespace chiron::remediation
