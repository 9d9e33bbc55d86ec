#pragma once

#include "exporter/base/result.h"
#include "rules/engine/template_functions.h"

#include <span>
#include <string>
#include <string_view>

namespace chiron::rules {

/// Go's fmt.Sprintf for %v %s %q %d %t %f %e %g %% with flags, width and precision. A verb that does not fit
/// its argument, missing and extra arguments show in the text as Go shows them: %!d(float64=1.5).
Result<std::string> go_printf(std::string_view format, std::span<const TemplateValue> arguments);

/// One float as Go prints it: verb f, e or g; a negative precision means the shortest form that reads back.
std::string format_float(char verb, int precision, double value);

/// float64, int, string, bool, map[string]string.
std::string_view go_type_name(const TemplateValue& value);

}  // namespace chiron::rules
