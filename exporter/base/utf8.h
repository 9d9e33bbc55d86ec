#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chiron {

/// Bytes of the well-formed UTF-8 sequence (RFC 3629: no surrogates, no overlong forms) that `text` begins
/// with; 0 when it begins with none, or is empty.
std::size_t utf8_sequence(std::string_view text);
bool is_valid_utf8(std::string_view text);
/// Appends the encoded code point; false when it is no Unicode scalar value (a surrogate, beyond U+10FFFF).
bool append_utf8(std::string& out, std::uint32_t code);
/// A copy with every byte that belongs to no sequence replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);
/// `text` in double quotes, for a message and as PromQL reads it back: quotes and backslashes escaped,
/// control characters and bytes that are no UTF-8 as \n, \t, \a and so on or \xNN. ({fmt} 9's own {:?} ends
/// the program on some ill-formed text.)
std::string quoted(std::string_view text);

}  // namespace chiron
