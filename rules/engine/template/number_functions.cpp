#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/engine/template.h"
#include "rules/engine/template/functions.h"
#include "rules/engine/template/go_numbers.h"
#include "rules/engine/template/go_time.h"
#include "rules/engine/template/literals.h"

#include <cmath>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

Result<double> to_number(const Value& value) {
  switch (value.type()) {
    case Type::float64:
      return value.real();
    case Type::integer:
    case Type::int64:
      return static_cast<double>(value.integer());
    case Type::duration:
      return static_cast<double>(value.integer()) / static_cast<double>(kSecond);
    case Type::string:
      return parse_go_float(value.text());
    default:
      return function_error(fmt::format("can't convert {} to float", type_name(value.type())));
  }
}

std::string four_digits(double value) { return format_float(value, 'g', 4); }

constexpr std::string_view kSmallPrefixes[] = {"m", "u", "n", "p", "f", "a", "z", "y"};
constexpr std::string_view kLargePrefixes[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr std::string_view kBinaryPrefixes[] = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};

std::string scale_down(double value, double base, std::span<const std::string_view> prefixes) {
  std::string_view prefix;
  for (const std::string_view next : prefixes) {
    if (std::abs(value) < base) break;
    prefix = next;
    value /= base;
  }
  return four_digits(value) + std::string(prefix);
}

std::string scale_up(double value) {
  std::string_view prefix;
  for (const std::string_view next : kSmallPrefixes) {
    if (std::abs(value) >= 1) break;
    prefix = next;
    value *= 1000;
  }
  return four_digits(value) + std::string(prefix);
}

std::string humanize(double value) {
  if (value == 0 || !std::isfinite(value)) return four_digits(value);
  return std::abs(value) >= 1 ? scale_down(value, 1000, kLargePrefixes) : scale_up(value);
}

std::string humanize_1024(double value) {
  if (std::abs(value) <= 1 || !std::isfinite(value)) return four_digits(value);
  return scale_down(value, 1024, kBinaryPrefixes);
}

std::string humanize_percentage(double value) { return four_digits(value * 100) + "%"; }

std::string humanize_duration(double value) {
  if (!std::isfinite(value)) return four_digits(value);
  if (value == 0) return four_digits(value) + "s";
  if (std::abs(value) < 1) return scale_up(value) + "s";
  const std::string_view sign = value < 0 ? "-" : "";
  value = std::abs(value);
  // Beyond this many seconds an int64 could not hold them; such a value is no duration of anything.
  const auto whole = static_cast<std::int64_t>(std::min(value, 9e18));
  const std::int64_t seconds = whole % 60, minutes = whole / 60 % 60, hours = whole / 3600 % 24,
                     days = whole / 86400;
  if (days != 0) return fmt::format("{}{}d {}h {}m {}s", sign, days, hours, minutes, seconds);
  if (hours != 0) return fmt::format("{}{}h {}m {}s", sign, hours, minutes, seconds);
  if (minutes != 0) return fmt::format("{}{}m {}s", sign, minutes, seconds);
  return std::string(sign) + four_digits(value) + "s";
}

template <std::string (*format)(double)>
Result<Value> of_number(Context&, Arguments arguments) {
  Result<double> number = to_number(arguments[0]);
  if (!number) return std::move(number).error();
  return Value::of(format(*number));
}

/// To the millisecond, as Prometheus keeps timestamps.
Result<Instant> to_instant(double seconds) {
  const double nanoseconds = seconds * 1e9;
  if (!std::isfinite(seconds)) return function_error("value is NaN or Inf");
  constexpr double kTwoTo63 = 0x1p63;
  if (nanoseconds >= kTwoTo63 || nanoseconds < -kTwoTo63)
    return function_error(
        fmt::format("{} cannot be represented as a nanoseconds timestamp since it overflows int64",
                    format_float(seconds, 'g', std::nullopt)));
  return Instant{static_cast<std::int64_t>(nanoseconds) / kMillisecond * kMillisecond};
}

Result<Value> call_humanize_timestamp(Context&, Arguments arguments) {
  Result<double> number = to_number(arguments[0]);
  if (!number) return std::move(number).error();
  if (!std::isfinite(*number)) return Value::of(four_digits(*number));
  Result<Instant> instant = to_instant(*number);
  if (!instant) return std::move(instant).error();
  return Value::of(time_text(*instant));
}

Result<Value> call_to_time(Context&, Arguments arguments) {
  Result<double> number = to_number(arguments[0]);
  if (!number) return std::move(number).error();
  Result<Instant> instant = to_instant(*number);
  if (!instant) return std::move(instant).error();
  return Value(Type::time_pointer, *instant);
}

Result<Value> call_to_duration(Context&, Arguments arguments) {
  Result<double> number = to_number(arguments[0]);
  if (!number) return std::move(number).error();
  // What does not fit is, on amd64, the smallest int64 in Go.
  const double nanoseconds = *number * static_cast<double>(kSecond);
  constexpr double kTwoTo63 = 0x1p63;
  const bool fits = nanoseconds >= -kTwoTo63 && nanoseconds < kTwoTo63;
  return Value::of_int(
      fits ? static_cast<std::int64_t>(nanoseconds) : std::numeric_limits<std::int64_t>::min(),
      Type::duration_pointer);
}

Result<Value> call_now(Context& context, Arguments) {
  return Value::of(static_cast<double>(context.data.now) / 1000.0);
}

Result<Value> call_parse_duration(Context&, Arguments arguments) {
  std::string_view text = arguments[0].text();
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const Result<Duration> duration = parse_duration(text);
  if (!duration)
    return function_error(text.empty() ? "empty duration string"
                                       : fmt::format("not a valid duration string: {}", quoted(text)));
  const double seconds = std::chrono::duration<double>(*duration).count();
  return Value::of(negative ? -seconds : seconds);
}

constexpr Function kFunctions[] = {
    {"humanize", "a", of_number<humanize>},
    {"humanize1024", "a", of_number<humanize_1024>},
    {"humanizeDuration", "a", of_number<humanize_duration>},
    {"humanizePercentage", "a", of_number<humanize_percentage>},
    {"humanizeTimestamp", "a", call_humanize_timestamp},
    {"now", "", call_now},
    {"parseDuration", "t", call_parse_duration},
    {"toDuration", "a", call_to_duration},
    {"toTime", "a", call_to_time},
};

}  // namespace

std::span<const Function> number_functions() { return kFunctions; }

}  // namespace chiron::rules::tmpl
