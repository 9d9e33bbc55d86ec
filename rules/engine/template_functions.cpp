#include "rules/engine/template_functions.h"

#include "exporter/base/parse.h"
#include "rules/engine/template_printf.h"

#include <fmt/format.h>

namespace chiron::rules {
namespace {

Result<double> to_number(const TemplateValue& value) {
  if (const double* number = std::get_if<double>(&value)) return *number;
  if (const std::int64_t* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  if (const std::string* text = std::get_if<std::string>(&value)) {
    if (const std::optional<double> number = parse_double(*text)) return *number;
    return Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a number", *text));
  }
  return Error(ErrorCode::invalid_argument, fmt::format("can't convert {} to a number", go_type_name(value)));
}

std::string four_digits(double value) { return format_float('g', 4, value); }

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
  if (value == 0) return "0s";
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
Result<TemplateValue> of_number(std::span<const TemplateValue> arguments) {
  Result<double> number = to_number(arguments[0]);
  if (!number) return std::move(number).error();
  return TemplateValue(format(*number));
}

Result<TemplateValue> call_index(std::span<const TemplateValue> arguments) {
  const auto* labels = std::get_if<const Labels*>(&arguments[0]);
  if (labels == nullptr)
    return Error(ErrorCode::invalid_argument, fmt::format("can't index {}", go_type_name(arguments[0])));
  const auto* name = std::get_if<std::string>(&arguments[1]);
  if (name == nullptr) return Error(ErrorCode::invalid_argument, "index: a label name is a string");
  return TemplateValue(std::string(*labels == nullptr ? std::string_view() : (*labels)->get(*name)));
}

/// Go's fmt.Sprint: a blank between operands when neither is a string.
Result<TemplateValue> call_print(std::span<const TemplateValue> arguments) {
  std::string out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0 && !std::holds_alternative<std::string>(arguments[i]) &&
        !std::holds_alternative<std::string>(arguments[i - 1]))
      out += ' ';
    out += print_value(arguments[i]);
  }
  return TemplateValue(std::move(out));
}

Result<TemplateValue> call_printf(std::span<const TemplateValue> arguments) {
  const auto* format = std::get_if<std::string>(&arguments[0]);
  if (format == nullptr) return Error(ErrorCode::invalid_argument, "printf: the format is a string");
  Result<std::string> text = go_printf(*format, arguments.subspan(1));
  if (!text) return std::move(text).error();
  return TemplateValue(*std::move(text));
}

constexpr std::size_t kAnyNumber = 64;

constexpr TemplateFunction kFunctions[] = {
    {"humanize", 1, 1, of_number<humanize>},
    {"humanize1024", 1, 1, of_number<humanize_1024>},
    {"humanizeDuration", 1, 1, of_number<humanize_duration>},
    {"humanizePercentage", 1, 1, of_number<humanize_percentage>},
    {"index", 2, 2, call_index},
    {"print", 0, kAnyNumber, call_print},
    {"printf", 1, kAnyNumber, call_printf},
};

constexpr std::string_view kElsewhere[] = {
    // Go's keywords and built-in functions.
    "if", "else", "end", "range", "with", "define", "block", "template", "break", "continue", "nil", "and",
    "call", "html", "slice", "js", "len", "not", "or", "println", "urlquery", "eq", "ne", "lt", "le", "gt",
    "ge",
    // Prometheus' functions.
    "query", "first", "label", "value", "strvalue", "args", "reReplaceAll", "safeHtml", "match", "title",
    "toUpper", "toLower", "graphLink", "tableLink", "sortByLabel", "stripPort", "stripDomain",
    "humanizeTimestamp", "toTime", "toDuration", "now", "pathPrefix", "externalURL", "parseDuration", "tmpl",
    "urlQueryEscape"};

}  // namespace

const TemplateFunction* find_template_function(std::string_view name) {
  for (const TemplateFunction& function : kFunctions)
    if (function.name == name) return &function;
  return nullptr;
}

bool is_known_elsewhere(std::string_view name) {
  return std::find(std::begin(kElsewhere), std::end(kElsewhere), name) != std::end(kElsewhere);
}

}  // namespace chiron::rules
