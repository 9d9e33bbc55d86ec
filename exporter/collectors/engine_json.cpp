#include "exporter/collectors/engine_json.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

namespace chiron::engine_json {
namespace {

constexpr std::size_t kLongestText = 512;

double parse_time(std::string_view text) {
  const auto digits = [&](std::size_t at, std::size_t count) {
    return at + count <= text.size() ? parse_int<int>(text.substr(at, count)).value_or(-1) : -1;
  };
  tm parts{};
  parts.tm_year = digits(0, 4) - 1900;
  parts.tm_mon = digits(5, 2) - 1;
  parts.tm_mday = digits(8, 2);
  parts.tm_hour = digits(11, 2);
  parts.tm_min = digits(14, 2);
  parts.tm_sec = digits(17, 2);
  if (parts.tm_year < 70 || parts.tm_mon < 0 || parts.tm_mday < 1 || parts.tm_hour < 0 || parts.tm_min < 0 ||
      parts.tm_sec < 0) {
    return 0;
  }
  double seconds = static_cast<double>(::timegm(&parts));
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at + 1), text.size());
    seconds += parse_double(fmt::format("0{}", text.substr(at, end - at))).value_or(0);
    at = end;
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int offset = digits(at + 1, 2) * 3600 + digits(at + 4, 2) * 60;
    seconds -= text[at] == '+' ? offset : -offset;
  }
  return seconds;
}

}  // namespace

Result<Json> parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return corrupt("the answer is not JSON");
  return json;
}

Error corrupt(std::string what) { return {ErrorCode::corrupt, std::move(what)}; }

const Json& member(const Json& object, const char* name) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

std::string text(const Json& value) {
  if (!value.is_string()) return {};
  return value.get_ref<const std::string&>().substr(0, kLongestText);
}

std::int64_t integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number > INT64_MAX ? 0 : static_cast<std::int64_t>(number);
  }
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

double amount(const Json& value) { return value.is_number() ? std::max(0.0, value.get<double>()) : 0.0; }

bool is_true(const Json& value) { return value.is_boolean() && value.get<bool>(); }

double time(const Json& value) { return parse_time(text(value)); }

}  // namespace chiron::engine_json
