#include "rules/engine/template/methods.h"

#include "rules/engine/template/functions.h"
#include "rules/engine/template/go_time.h"

#include <chrono>
#include <cstdlib>
#include <limits>

namespace chiron::rules::tmpl {
namespace {

using Arguments = std::span<const Value>;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

/// Durations and times stay inside their range, as Go's Sub, Round and Abs do.
std::int64_t add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? kMost : kLeast;
}
std::int64_t subtract(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? kMost : kLeast;
}

Value duration(std::int64_t nanoseconds) { return Value::of_int(nanoseconds, Type::duration); }
Value time(std::int64_t nanoseconds) { return {Type::time, Instant{nanoseconds}}; }

/// Go's Duration.Round: halves away from zero.
std::int64_t round_to(std::int64_t value, std::int64_t unit) {
  if (unit <= 0) return value;
  const std::int64_t rest = value % unit;
  const std::int64_t magnitude = rest < 0 ? -rest : rest;
  const std::int64_t down = value - rest;
  if (magnitude < unit - magnitude) return down;
  return add(down, value < 0 ? -unit : unit);
}

/// The remainder of the time since the year 1, from which Go's Time.Truncate and Round count. An int64 of
/// nanoseconds does not reach as far back, so that the days before 1970 are added modulo `unit` one bit at a
/// time.
std::int64_t since_year_one(std::int64_t nanoseconds, std::int64_t unit) {
  const auto modulus = static_cast<std::uint64_t>(unit);
  const std::int64_t rest = nanoseconds % unit;
  std::uint64_t sum = static_cast<std::uint64_t>(rest < 0 ? rest + unit : rest);
  std::uint64_t term = static_cast<std::uint64_t>(kDay) % modulus;
  constexpr std::uint64_t kDaysBefore1970 = 719'162;
  for (std::uint64_t days = kDaysBefore1970; days > 0; days >>= 1) {
    if ((days & 1) != 0) sum = (sum + term) % modulus;
    term = (term + term) % modulus;
  }
  return static_cast<std::int64_t>(sum);
}

Result<Value> add_date(const Value& receiver, Arguments arguments) {
  constexpr std::int64_t kFar = 10'000;
  for (const Value& argument : arguments)
    if (argument.integer() < -kFar * 366 || argument.integer() > kFar * 366)
      return function_error("the date is out of range");
  const std::int64_t nanoseconds = receiver.instant().nanoseconds;
  const Civil at = civil(receiver.instant());
  const std::int64_t months =
      at.year * 12 + at.month - 1 + arguments[0].integer() * 12 + arguments[1].integer();
  const std::int64_t year = months >= 0 ? months / 12 : (months - 11) / 12;
  if (year < 1600 || year > 2300) return function_error("the date is out of range");
  const std::chrono::sys_days first = std::chrono::year(static_cast<int>(year)) /
                                      std::chrono::month(static_cast<unsigned>(months - year * 12 + 1)) / 1;
  const std::int64_t days = first.time_since_epoch().count() + at.day - 1 + arguments[2].integer();
  std::int64_t rest = nanoseconds % kDay;
  if (rest < 0) rest += kDay;
  constexpr std::int64_t kMostDays = kMost / kDay - 1;
  if (days > kMostDays || days < -kMostDays) return function_error("the date is out of range");
  return time(days * kDay + rest);
}

std::int64_t floor_divide(std::int64_t value, std::int64_t unit) {
  return value / unit - (value % unit < 0 ? 1 : 0);
}

template <std::int64_t unit>
Result<Value> unix_time(const Value& receiver, Arguments) {
  return Value::of_int(floor_divide(receiver.instant().nanoseconds, unit), Type::int64);
}
template <std::int64_t unit>
Result<Value> whole(const Value& receiver, Arguments) {
  return Value::of_int(receiver.integer() / unit, Type::int64);
}
/// As Go computes it: the whole units, and the rest for itself.
template <std::int64_t unit>
Result<Value> decimal(const Value& receiver, Arguments) {
  const std::int64_t value = receiver.integer();
  return Value::of(static_cast<double>(value / unit) +
                   static_cast<double>(value % unit) / static_cast<double>(unit));
}
template <int Civil::*field>
Result<Value> part(const Value& receiver, Arguments) {
  return Value::of_int(civil(receiver.instant()).*field);
}
std::int64_t at(Arguments arguments) { return arguments[0].instant().nanoseconds; }
std::int64_t of(const Value& receiver) { return receiver.instant().nanoseconds; }

constexpr Method kMethods[] = {
    {Type::duration, "Abs", "",
     [](const Value& r, Arguments) -> Result<Value> {
       return duration(r.integer() == kLeast ? kMost : std::abs(r.integer()));
     }},
    {Type::duration, "Hours", "", decimal<kHour>},
    {Type::duration, "Microseconds", "", whole<kMicrosecond>},
    {Type::duration, "Milliseconds", "", whole<kMillisecond>},
    {Type::duration, "Minutes", "", decimal<kMinute>},
    {Type::duration, "Nanoseconds", "", whole<kNanosecond>},
    {Type::duration, "Round", "d",
     [](const Value& r, Arguments a) -> Result<Value> {
       return duration(round_to(r.integer(), a[0].integer()));
     }},
    {Type::duration, "Seconds", "", decimal<kSecond>},
    {Type::duration, "String", "",
     [](const Value& r, Arguments) -> Result<Value> { return Value::of(duration_text(r.integer())); }},
    {Type::duration, "Truncate", "d",
     [](const Value& r, Arguments a) -> Result<Value> {
       const std::int64_t unit = a[0].integer();
       return duration(unit <= 0 ? r.integer() : r.integer() - r.integer() % unit);
     }},
    {Type::month, "String", "",
     [](const Value& r, Arguments) -> Result<Value> {
       return Value::of(std::string(month_name(r.integer())));
     }},
    {Type::time, "Add", "d",
     [](const Value& r, Arguments a) -> Result<Value> { return time(add(of(r), a[0].integer())); }},
    {Type::time, "AddDate", "iii", add_date},
    {Type::time, "After", "m",
     [](const Value& r, Arguments a) -> Result<Value> { return Value::of(of(r) > at(a)); }},
    {Type::time, "Before", "m",
     [](const Value& r, Arguments a) -> Result<Value> { return Value::of(of(r) < at(a)); }},
    {Type::time, "Compare", "m",
     [](const Value& r, Arguments a) -> Result<Value> {
       return Value::of_int(of(r) < at(a) ? -1 : of(r) > at(a) ? 1 : 0);
     }},
    {Type::time, "Day", "", part<&Civil::day>},
    {Type::time, "Equal", "m",
     [](const Value& r, Arguments a) -> Result<Value> { return Value::of(of(r) == at(a)); }},
    {Type::time, "Format", "t",
     [](const Value& r, Arguments a) -> Result<Value> {
       if (a[0].text().size() > Budget::kText / 10) return function_error("the layout is too long");
       return Value::of(format_time(r.instant(), a[0].text()));
     }},
    {Type::time, "Hour", "", part<&Civil::hour>},
    {Type::time, "IsZero", "", [](const Value&, Arguments) -> Result<Value> { return Value::of(false); }},
    {Type::time, "Minute", "", part<&Civil::minute>},
    {Type::time, "Month", "",
     [](const Value& r, Arguments) -> Result<Value> {
       return Value::of_int(civil(r.instant()).month, Type::month);
     }},
    {Type::time, "Nanosecond", "",
     [](const Value& r, Arguments) -> Result<Value> { return Value::of_int(civil(r.instant()).nanosecond); }},
    {Type::time, "Round", "d",
     [](const Value& r, Arguments a) -> Result<Value> {
       const std::int64_t unit = a[0].integer();
       if (unit <= 0) return time(of(r));
       const std::int64_t rest = since_year_one(of(r), unit);
       return time(rest < unit - rest ? subtract(of(r), rest) : add(of(r), unit - rest));
     }},
    {Type::time, "Second", "", part<&Civil::second>},
    {Type::time, "String", "",
     [](const Value& r, Arguments) -> Result<Value> { return Value::of(time_text(r.instant())); }},
    {Type::time, "Sub", "m",
     [](const Value& r, Arguments a) -> Result<Value> { return duration(subtract(of(r), at(a))); }},
    {Type::time, "Truncate", "d",
     [](const Value& r, Arguments a) -> Result<Value> {
       const std::int64_t unit = a[0].integer();
       return time(unit <= 0 ? of(r) : subtract(of(r), since_year_one(of(r), unit)));
     }},
    {Type::time, "UTC", "", [](const Value& r, Arguments) -> Result<Value> { return time(of(r)); }},
    {Type::time, "Unix", "", unix_time<kSecond>},
    {Type::time, "UnixMicro", "", unix_time<kMicrosecond>},
    {Type::time, "UnixMilli", "", unix_time<kMillisecond>},
    {Type::time, "UnixNano", "", unix_time<kNanosecond>},
    {Type::time, "Weekday", "",
     [](const Value& r, Arguments) -> Result<Value> {
       return Value::of_int(civil(r.instant()).weekday, Type::weekday);
     }},
    {Type::time, "Year", "",
     [](const Value& r, Arguments) -> Result<Value> { return Value::of_int(civil(r.instant()).year); }},
    {Type::time, "YearDay", "", part<&Civil::year_day>},
    {Type::weekday, "String", "",
     [](const Value& r, Arguments) -> Result<Value> {
       return Value::of(std::string(weekday_name(r.integer())));
     }},
};

Type base_of(Type type) {
  if (type == Type::duration_pointer) return Type::duration;
  return type == Type::time_pointer ? Type::time : type;
}

}  // namespace

const Method* find_method(const Value& receiver, std::string_view name) {
  const Type type = base_of(receiver.type());
  for (const Method& method : kMethods)
    if (method.receiver == type && method.name == name) return &method;
  return nullptr;
}

}  // namespace chiron::rules::tmpl
