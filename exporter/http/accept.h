#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::http {

/// Content negotiation by quality values (RFC 9110, 12.4.2 and 12.5). What cannot be parsed in a header is
/// passed over, the rest of it counts.

struct Parameter {
  std::string name;  ///< in lower case
  std::string value;
  bool operator==(const Parameter&) const = default;
};

/// An element of Accept: a media range, its parameters without q, its weight in thousandths.
struct MediaRange {
  std::string type;  ///< "text/plain", "text/*", "*/*"; in lower case
  std::vector<Parameter> parameters = {};
  int quality = 1000;

  /// The value, or "" when absent. `name` in lower case.
  std::string_view parameter(std::string_view name) const;
};

/// All elements, in their order, those of quality 0 too.
std::vector<MediaRange> parse_accept(std::string_view header);

/// Another header's value with parameters, as Content-Type or Content-Disposition have them (RFC 9110,
/// 5.6.6); nothing when it is malformed.
std::optional<MediaRange> parse_with_parameters(std::string_view value);

/// What a server can answer with: a type and the parameters that tell it from others of the same type. A
/// range that says nothing of these, or the same, matches; its other parameters (charset) are overlooked.
struct Offer {
  std::string_view type;
  std::span<const std::pair<std::string_view, std::string_view>> parameters;
};

struct Choice {
  std::size_t offer;
  const MediaRange* range;  ///< that matched best
};

/// The offer of the highest quality: for each offer the most specific range that matches it tells the
/// quality. Of equal ones that whose range comes first in the header, then the one offered first. Nothing
/// when none is acceptable.
std::optional<Choice> choose(std::span<const MediaRange> ranges, std::span<const Offer> offers);

/// Whether an answer in this content coding is wanted, at least as much as one without: `coding` in lower
/// case.
bool prefers_coding(std::string_view accept_encoding, std::string_view coding);

}  // namespace chiron::http
