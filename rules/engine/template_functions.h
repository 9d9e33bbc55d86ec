#pragma once

#include "exporter/base/result.h"
#include "exporter/series/labels.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace chiron::rules {

/// A value inside a template, with Go's types: string, float64, int, bool, map[string]string.
using TemplateValue = std::variant<std::string, double, std::int64_t, bool, const Labels*>;

/// A row of the table of functions: prometheus.io, "Template reference", and Go's text/template.
struct TemplateFunction {
  std::string_view name;
  std::size_t min_arguments;
  std::size_t max_arguments;
  Result<TemplateValue> (*call)(std::span<const TemplateValue> arguments);
};
/// nullptr: there is no such function here.
const TemplateFunction* find_template_function(std::string_view name);
/// Whether Prometheus or Go has a function or keyword of this name.
bool is_known_elsewhere(std::string_view name);

/// As Go's fmt prints it with %v.
std::string print_value(const TemplateValue& value);

}  // namespace chiron::rules
