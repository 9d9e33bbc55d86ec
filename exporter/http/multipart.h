#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::http {

/// The fields of a form sent as multipart/form-data (RFC 7578), in their order; files are left out, and
/// fields with a zero byte. `content_type` is the header's value. Nothing when it is another type, or the
/// body is malformed, cut short, or has more than a thousand parts. Takes time and memory in proportion to
/// the body.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_multipart(std::string_view content_type,
                                                                                std::string_view body);

}  // namespace chiron::http
