#include "exporter/http/multipart.h"

#include "exporter/base/parse.h"
#include "exporter/http/accept.h"

#include <algorithm>

namespace chiron::http {
namespace {

constexpr std::size_t kMostParts = 1000;
constexpr std::size_t kLongestBoundary = 70;  // RFC 2046, 5.1.1
constexpr std::string_view kEnd = "\r\n";

/// The Content-Disposition among the header lines of a part.
std::optional<MediaRange> disposition_of(std::string_view lines) {
  std::string_view line;
  while (next_line(lines, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || to_lower(trim(line.substr(0, colon))) != "content-disposition")
      continue;
    return parse_with_parameters(trim(line.substr(colon + 1)));
  }
  return std::nullopt;
}

/// Adds a part when it is a field. False when it is no part.
bool add_field(std::string_view part, std::vector<std::pair<std::string, std::string>>& fields) {
  // A part without header lines begins with the empty line that ends them.
  std::size_t lines_end = 0;
  if (!part.starts_with(kEnd)) {
    lines_end = part.find("\r\n\r\n");
    if (lines_end == std::string_view::npos) return false;
    lines_end += kEnd.size();
  }
  const auto disposition = disposition_of(part.substr(0, lines_end));
  if (!disposition || disposition->type != "form-data") return true;
  const std::string_view name = disposition->parameter("name");
  const std::string_view value = part.substr(lines_end + kEnd.size());
  const bool is_file = !disposition->parameter("filename").empty();
  const auto has_zero = [](std::string_view text) { return text.find('\0') != std::string_view::npos; };
  if (!name.empty() && !is_file && !has_zero(name) && !has_zero(value)) fields.emplace_back(name, value);
  return true;
}

}  // namespace

std::optional<std::vector<std::pair<std::string, std::string>>> parse_multipart(std::string_view content_type,
                                                                                std::string_view body) {
  const auto type = parse_with_parameters(content_type);
  if (!type || type->type != "multipart/form-data") return std::nullopt;
  const std::string_view boundary = type->parameter("boundary");
  if (boundary.empty() || boundary.size() > kLongestBoundary) return std::nullopt;
  const std::string delimiter = "\r\n--" + std::string(boundary);

  // What stands before the first delimiter is no part; nor does anything have to.
  const std::string_view first = std::string_view(delimiter).substr(kEnd.size());
  if (body.starts_with(first)) {
    body.remove_prefix(first.size());
  } else {
    const std::size_t at = body.find(delimiter);
    if (at == std::string_view::npos) return std::nullopt;
    body.remove_prefix(at + delimiter.size());
  }

  std::vector<std::pair<std::string, std::string>> fields;
  for (std::size_t parts = 0; parts < kMostParts; ++parts) {
    if (body.starts_with("--")) return fields;
    body.remove_prefix(std::min(body.find_first_not_of(" \t"), body.size()));
    if (!body.starts_with(kEnd)) return std::nullopt;
    body.remove_prefix(kEnd.size());
    const std::size_t end = body.find(delimiter);
    if (end == std::string_view::npos || !add_field(body.substr(0, end), fields)) return std::nullopt;
    body.remove_prefix(end + delimiter.size());
  }
  return std::nullopt;
}

}  // namespace chiron::http
