#pragma once

#include "exporter/base/result.h"
#include "rules/engine/template/value.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chiron::rules::tmpl {

/// A number as written in a template: what it can be taken for.
struct Number {
  std::optional<std::int64_t> integer;
  bool too_large = false;  ///< an integer that only a uint64 holds
  std::optional<double> real;
  std::optional<std::complex<double>> complex;
  /// What the syntax alone makes of it: int, float64 or complex128; none when too_large.
  Value ideal;
};
/// Go's numbers: decimal, 0x, 0o, 0b, a leading 0 for octal, underscores, exponents, hexadecimal floats,
/// imaginary and complex numbers, 'c'.
Result<Number> parse_number(std::string_view text);

/// Go's strconv.ParseFloat. Errors in its words.
Result<double> parse_go_float(std::string_view text);

/// The contents of a literal in double quotes or back quotes, quotes included in `text`.
Result<std::string> unquote(std::string_view text);

}  // namespace chiron::rules::tmpl
