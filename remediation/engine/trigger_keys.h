#pragma once

#include "exporter/base/yaml_reader.h"
#include "remediation/engine/schedule.h"

#include <optional>

namespace chiron::remediation {

/// The key `schedule` of a remedy's `on`; nothing when it is absent or wrong. Faults: "bad-cron" and
/// "bad-timezone" at their place in the text, "contradiction", "out-of-range", and the reader's own.
std::optional<ScheduleSpec> read_schedule(yaml::Reader& on);

}  // namespace chiron::remediation
