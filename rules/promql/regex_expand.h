#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <re2/re2.h>

namespace chiron::promql {

/// Go's regexp.Expand, for what `groups` of a match of `regex` hold, the whole of it first: $name or ${name};
/// a plain name is as long as letters, digits and underscores (of all scripts) go on; $$ is a dollar; an
/// unknown group is empty; a dollar that starts none stands for itself. Ends when it is longer than `most`.
std::string expand_groups(const re2::RE2& regex, std::span<const re2::StringPiece> groups,
                          std::string_view replacement, std::size_t most);

}  // namespace chiron::promql
