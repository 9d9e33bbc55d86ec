#pragma once

#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace chiron {

/// Why an expression was refused, as Go words it: error parsing regexp: missing closing ): `(`. What is
/// quoted of it is shortened.
std::string regex_error(const re2::RE2& regex);

/// An expression for a message: of a long one the beginning, and dots.
std::string shortened(std::string_view expression);

}  // namespace chiron
