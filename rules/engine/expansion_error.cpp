#include "rules/engine/expansion_error.h"

#include "exporter/base/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::rules {
namespace {

/// What Prometheus puts before each text so that the short names of its data are there: it counts in the
/// columns of its messages.
constexpr std::string_view kDefinitions =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}"
    "{{$value := .Value}}";

}  // namespace

std::string expansion_error(const std::string& rule, std::string_view text, const TemplateFailure& failure) {
  const std::string name = "__alert_" + rule;
  const std::string_view before = text.substr(0, std::min(failure.offset, text.size()));
  const std::size_t newline = before.rfind('\n');
  const std::size_t column =
      newline == std::string_view::npos ? kDefinitions.size() + before.size() : before.size() - newline - 1;
  return fmt::format(
      "<error expanding template: error executing template {}: template: {}:{}:{}: executing {} at <{}>: {}>",
      name, name, std::count(before.begin(), before.end(), '\n') + 1, column,
      quoted(failure.template_name.empty() ? name : failure.template_name), failure.context, failure.message);
}

}  // namespace chiron::rules
