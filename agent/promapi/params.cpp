#include "agent/promapi/params.h"

#include "agent/time_text.h"
#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/nodes.h"
#include "rules/promql/promql.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

/// What Go's time formats as its earliest and latest moment; clients send it for "from the beginning".
constexpr std::string_view kMinTime = "-292273086-05-16T16:47:06Z";
constexpr std::string_view kMaxTime = "292277025-08-18T07:12:54.999999999Z";
constexpr TimestampMs kFarthest = 9'007'199'254'740'991;  // as a double has it to the millisecond

std::optional<TimestampMs> read_time(std::string_view text) {
  if (text == kMinTime) return -kFarthest;
  if (text == kMaxTime) return kFarthest;
  return parse_time(text);
}

std::string not_a_time(std::string_view text) {
  return fmt::format("cannot parse {} to a valid timestamp", quoted(text));
}

/// The matchers of a selector without modifiers.
Result<std::vector<Matcher>> read_selector(std::string_view text) {
  constexpr std::string_view kEmpty = "vector selector must contain at least one non-empty matcher";
  const promql::Parsed parsed = promql::parse(text);
  if (!parsed.ok()) {
    if (parsed.errors.front().message == kEmpty) {
      return Error(ErrorCode::invalid_argument, "match[] must contain at least one non-empty matcher");
    }
    return Error(ErrorCode::invalid_argument, parse_fault(text, parsed.errors.front()));
  }
  const auto* selector = std::get_if<promql::VectorSelector>(&parsed.expr->node);
  const bool plain = selector != nullptr && !selector->modifiers.has_offset &&
                     selector->modifiers.at == promql::Modifiers::At::none;
  if (!plain) {
    return Error(ErrorCode::invalid_argument,
                 "1:1: parse error: expected a series selector without modifiers");
  }
  return selector->matchers;
}

}  // namespace

Error invalid_parameter(std::string_view name, std::string_view why) {
  return Error(ErrorCode::invalid_argument, fmt::format("invalid parameter \"{}\": {}", name, why));
}

std::string parse_fault(std::string_view expr, const promql::ParseError& fault) {
  const promql::TextPosition at = promql::position_in(expr, fault.range.begin);
  return fmt::format("{}:{}: parse error: {}", at.line, at.column, fault.message);
}

std::string_view Params::get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

bool Params::has(std::string_view name) const { return !get(name).empty(); }

std::vector<std::string_view> Params::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : pairs_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

Result<TimestampMs> Params::time(std::string_view name) const {
  const auto time = read_time(get(name));
  if (!time) return invalid_parameter(name, not_a_time(get(name)));
  return *time;
}

Result<TimestampMs> Params::time_or(std::string_view name, TimestampMs fallback) const {
  if (!has(name)) return fallback;
  const auto time = read_time(get(name));
  if (!time)
    return invalid_parameter(name,
                             fmt::format("Invalid time value for '{}': {}", name, not_a_time(get(name))));
  return *time;
}

Result<Duration> Params::duration(std::string_view name) const {
  const std::string_view text = get(name);
  const auto fault = [&](std::string_view why) {
    return invalid_parameter(name, fmt::format("cannot parse {} to a valid duration{}", quoted(text), why));
  };
  if (const auto seconds = parse_double(text)) {
    const double nanoseconds = *seconds * 1e9;
    if (!(std::abs(nanoseconds) < static_cast<double>(std::numeric_limits<Duration::rep>::max())))
      return fault(". It overflows int64");
    return Duration(static_cast<Duration::rep>(nanoseconds));
  }
  const auto duration = parse_duration(text);
  if (!duration.ok()) return fault("");
  return *duration;
}

Result<std::size_t> Params::limit(std::string_view name) const {
  const std::string_view text = get(name);
  if (text.empty()) return std::size_t{0};
  const auto value = parse_int<std::int64_t>(text);
  if (!value)
    return invalid_parameter(name, fmt::format("strconv.Atoi: parsing {}: invalid syntax", quoted(text)));
  if (*value < 0) return invalid_parameter(name, "limit must be non-negative");
  return static_cast<std::size_t>(*value);
}

Result<std::optional<long>> Params::count(std::string_view name) const {
  if (!has(name)) return std::optional<long>();
  const auto value = parse_int<long>(get(name));
  if (!value) return Error(ErrorCode::invalid_argument, fmt::format("{} must be a number", name));
  return std::optional<long>(*value);
}

Result<bool> Params::flag(std::string_view name) const {
  // Go's strconv.ParseBool.
  const std::string_view text = get(name);
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"", "0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return invalid_parameter(name, fmt::format("{} is neither true nor false", quoted(text)));
}

Result<std::vector<std::vector<Matcher>>> Params::selectors(std::string_view name) const {
  std::vector<std::vector<Matcher>> selectors;
  for (const std::string_view text : all(name)) {
    auto matchers = read_selector(text);
    if (!matchers.ok()) return invalid_parameter(name, matchers.error().message());
    selectors.push_back(*std::move(matchers));
  }
  return selectors;
}

}  // namespace chiron::agent::promapi
