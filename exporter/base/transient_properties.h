#pragma once

#include "exporter/base/transient_unit.h"

struct sd_bus_message;

namespace chiron {

/// Appends the properties of a transient service, an a(sv), to a call of StartTransientUnit. `out` and `err`
/// are duplicated, `environment_file` is read by systemd. Negative as sd_bus_message_append(3): -EINVAL for
/// text that is not UTF-8.
int append_transient_properties(sd_bus_message* message, const TransientCommand& command, int out, int err,
                                const std::string& environment_file);

/// The variables as systemd.exec(5), EnvironmentFile=, reads them. invalid_argument for names and values that
/// it would pass over.
Result<std::string> environment_file_text(const std::vector<std::pair<std::string, std::string>>& variables);

}  // namespace chiron
