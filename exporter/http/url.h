#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chiron::http {

enum class Plus { is_plus, is_blank };

/// Percent-decoding (RFC 3986, section 2.1). Nothing for an escape that is cut short or not hexadecimal, and
/// for %00, which would end the text early in what reads it as a C string.
std::optional<std::string> decode_percent(std::string_view text, Plus plus);

}  // namespace chiron::http
