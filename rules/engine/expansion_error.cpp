#include "rules/engine/expansion_error.h"

#include "exporter/base/utf8.h"

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
  const promql::TextPosition at = promql::position_in(text, failure.offset);
  // Go counts columns from 0, and the definitions stand on the first line.
  const std::size_t column = at.column - 1 + (at.line == 1 ? kDefinitions.size() : 0);
  return fmt::format(
      "<error expanding template: error executing template {}: template: {}:{}:{}: executing {} at <{}>: {}>",
      name, name, at.line, column, quoted(failure.template_name.empty() ? name : failure.template_name),
      failure.context, failure.message);
}

}  // namespace chiron::rules
