#pragma once

#include <string_view>

namespace chiron::remediation {

/// Shell-like glob over a whole name: * ? [..]; no special meaning of '/' here.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace chiron::remediation
