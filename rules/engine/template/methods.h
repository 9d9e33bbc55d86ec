#pragma once

#include "exporter/base/result.h"
#include "rules/engine/template/value.h"

#include <cstddef>
#include <span>
#include <string_view>

namespace chiron::rules::tmpl {

/// A method of time.Time, time.Duration, time.Month or time.Weekday: what toTime and toDuration give has
/// them.
struct Method {
  Type receiver;
  std::string_view name;
  /// A letter for each parameter: t string, i int, d time.Duration, m time.Time.
  std::string_view parameters;
  Result<Value> (*call)(const Value& receiver, std::span<const Value> arguments);
};
/// nullptr: the type has no such method.
const Method* find_method(const Value& receiver, std::string_view name);

}  // namespace chiron::rules::tmpl
