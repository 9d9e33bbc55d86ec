#pragma once

#include <complex>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chiron::rules::tmpl {

/// What stands between % and the verb of a directive of Go's fmt.
struct Flags {
  bool plus = false, minus = false, space = false, zero = false, sharp = false;
  bool plus_v = false;   ///< %+v: with the names of fields
  bool sharp_v = false;  ///< %#v: as Go source
  std::optional<std::size_t> width, precision;
};

/// Blanks, or zeros where `zero` asks for them, up to the width, which counts characters.
std::string padded(std::string text, const Flags& flags);

/// Go's strconv.FormatFloat: verbs e E f F g G b x X; no precision means the shortest form that reads back.
std::string format_float(double value, char verb, std::optional<std::size_t> precision);

/// A float as fmt prints it with one of these verbs.
std::string print_float(double value, char verb, const Flags& flags);
std::string print_complex(std::complex<double> value, char verb, const Flags& flags);
/// An integer: base 2, 8, 10 or 16; verb O adds 0o, X writes capitals.
std::string print_integer(std::uint64_t magnitude, bool negative, unsigned base, char verb,
                          const Flags& flags);
/// U+0041, with # also the character.
std::string print_code_point(std::uint64_t code, const Flags& flags);

}  // namespace chiron::rules::tmpl
