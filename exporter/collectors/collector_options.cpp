#include "exporter/base/parse.h"
#include "exporter/collectors/collector.h"

namespace chiron {

std::string_view CollectorOptions::get(std::string_view name) const {
  for (const Value& value : values_) {
    if (value.name == name && !value.values.empty()) return value.values.back();
  }
  return {};
}

std::vector<std::string> CollectorOptions::list(std::string_view name) const {
  for (const Value& value : values_) {
    if (value.name == name) return value.values;
  }
  return {};
}

bool CollectorOptions::flag(std::string_view name) const { return parse_bool(get(name)).value_or(false); }

void CollectorOptions::set(std::string name, std::vector<std::string> values) {
  for (Value& value : values_) {
    if (value.name != name) continue;
    value.values = std::move(values);
    return;
  }
  values_.push_back({std::move(name), std::move(values)});
}

std::string flag_of(const CollectorInfo& info, const CollectorOption& option) {
  const std::string_view prefix = option.flag_prefix.empty() ? info.name : option.flag_prefix;
  return "collector." + std::string(prefix) + '.' + std::string(option.name);
}

CollectorOptions default_options(std::span<const CollectorOption> options) {
  CollectorOptions defaults;
  for (const CollectorOption& option : options) {
    std::vector<std::string> values;
    if (!option.default_value.empty()) values.emplace_back(option.default_value);
    defaults.set(std::string(option.name), std::move(values));
  }
  return defaults;
}

}  // namespace chiron
