#pragma once

#include "rules/engine/template.h"

#include <string>
#include <string_view>

namespace chiron::rules {

/// What stands in place of an annotation or label whose template failed, in Prometheus' words, which people
/// search for: <error expanding template: ...>. `text` is the template's.
std::string expansion_error(const std::string& rule, std::string_view text, const TemplateFailure& failure);

}  // namespace chiron::rules
