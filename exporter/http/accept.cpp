#include "exporter/http/accept.h"

#include "exporter/base/parse.h"

#include <algorithm>

namespace chiron::http {
namespace {

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// Takes what stands before `separator` off the front; separators within quotes do not count. False at the
/// end.
bool next_element(std::string_view& text, char separator, std::string_view& element) {
  if (text.empty()) return false;
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (quoted && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      quoted = !quoted;
    } else if (text[at] == separator && !quoted) {
      break;
    }
  }
  element = trim(text.substr(0, at));
  text.remove_prefix(std::min(at + 1, text.size()));
  return true;
}

/// 0, 0.5, 1.000: RFC 9110, 12.4.2. In thousandths.
std::optional<int> parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int quality = text[0] == '1' ? 1000 : 0;
  int unit = 100;
  for (const char digit : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (digit < '0' || digit > '9') return std::nullopt;
    quality += (digit - '0') * unit;
    unit /= 10;
  }
  if (quality > 1000) return std::nullopt;
  return quality;
}

std::optional<std::string> unquote(std::string_view text) {
  if (!text.starts_with('"')) return is_token(text) ? std::optional(std::string(text)) : std::nullopt;
  if (text.size() < 2 || !text.ends_with('"')) return std::nullopt;
  std::string value;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    value += text[i];
  }
  return value;
}

/// The parameters and the weight behind a range or a coding; nothing when one of them is malformed.
std::optional<MediaRange> parse_element(std::string_view element) {
  MediaRange range;
  std::string_view part;
  if (!next_element(element, ';', part)) return std::nullopt;
  range.type = to_lower(part);
  while (next_element(element, ';', part)) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    Parameter parameter{to_lower(trim(part.substr(0, equals))), {}};
    auto value = unquote(trim(part.substr(equals + 1)));
    if (!is_token(parameter.name) || !value) return std::nullopt;
    parameter.value = *std::move(value);
    if (parameter.name != "q") {
      range.parameters.push_back(std::move(parameter));
      continue;
    }
    const auto quality = parse_quality(parameter.value);
    if (!quality) return std::nullopt;
    range.quality = *quality;
  }
  return range;
}

bool is_media_range(std::string_view type) {
  const std::size_t slash = type.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view kind = type.substr(0, slash), subtype = type.substr(slash + 1);
  return is_token(kind) && is_token(subtype) && (kind != "*" || subtype == "*");
}

/// How closely a range describes an offer, 0 for not at all.
int specificity(const MediaRange& range, const Offer& offer) {
  if (range.type == "*/*") return 1;
  if (range.type.ends_with("/*"))
    return offer.type.starts_with(range.type.substr(0, range.type.size() - 1)) ? 2 : 0;
  if (range.type != offer.type) return 0;
  int fit = 3;
  for (const auto& [name, value] : offer.parameters) {
    const std::string_view asked = range.parameter(name);
    if (asked.empty()) continue;
    if (asked != value) return 0;
    ++fit;
  }
  return fit;
}

const MediaRange* best_range(std::span<const MediaRange> ranges, const Offer& offer) {
  const MediaRange* best = nullptr;
  int best_fit = 0;
  for (const MediaRange& range : ranges) {
    const int fit = specificity(range, offer);
    if (fit > best_fit) {
      best = &range;
      best_fit = fit;
    }
  }
  return best;
}

}  // namespace

std::string_view MediaRange::parameter(std::string_view name) const {
  const auto it = std::find_if(parameters.begin(), parameters.end(),
                               [&](const Parameter& one) { return one.name == name; });
  return it == parameters.end() ? std::string_view() : it->value;
}

std::optional<MediaRange> parse_with_parameters(std::string_view value) { return parse_element(value); }

std::vector<MediaRange> parse_accept(std::string_view header) {
  std::vector<MediaRange> ranges;
  std::string_view element;
  while (next_element(header, ',', element)) {
    auto range = parse_element(element);
    if (range && is_media_range(range->type)) ranges.push_back(*std::move(range));
  }
  return ranges;
}

std::optional<Choice> choose(std::span<const MediaRange> ranges, std::span<const Offer> offers) {
  std::optional<Choice> best;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    const MediaRange* range = best_range(ranges, offers[i]);
    if (range == nullptr || range->quality == 0) continue;
    const bool better = !best || range->quality > best->range->quality ||
                        (range->quality == best->range->quality && range < best->range);
    if (better) best = Choice{i, range};
  }
  return best;
}

bool prefers_coding(std::string_view accept_encoding, std::string_view coding) {
  std::optional<int> named, any, identity;
  std::string_view element;
  while (next_element(accept_encoding, ',', element)) {
    const auto parsed = parse_element(element);
    if (!parsed) continue;
    if (parsed->type == coding || parsed->type == "x-" + std::string(coding)) named = parsed->quality;
    if (parsed->type == "*") any = parsed->quality;
    if (parsed->type == "identity") identity = parsed->quality;
  }
  const int quality = named.value_or(any.value_or(0));
  return quality > 0 && quality >= identity.value_or(0);
}

}  // namespace chiron::http
