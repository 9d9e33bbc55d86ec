#include "remediation/engine/template_key.h"

namespace chiron::remediation {

std::optional<rules::Template> read_template(yaml::Reader& reader, std::string_view key,
                                             const std::string& text, const TemplateScope& scope) {
  rules::TemplateFault fault;
  std::optional<rules::Template> out = rules::Template::compile(text, fault);
  if (!out) {
    reader.fail(key, "template", fault.message, fault.hint, fault.offset);
    return std::nullopt;
  }
  if (!out->warnings().empty()) {
    const rules::TemplateFault& first = out->warnings().front();
    reader.fail(key, "template", first.message, first.hint, first.offset);
    return std::nullopt;
  }
  // A remedy acts on what labels say only where it can be seen which ones they are.
  if (out->reads_all_labels()) {
    reader.fail(key, "template", "a remedy must name each label that it reads",
                "write {{ $labels.NAME }}, or index $labels \"NAME\"; not $labels or . alone");
    return std::nullopt;
  }
  if (out->uses_time()) {
    reader.fail(key, "template", "query and now are there in rules only",
                "let the rule put what it finds into a label or an annotation");
    return std::nullopt;
  }
  if (out->uses_target() && !scope.target) {
    reader.fail(key, "template", "undefined variable \"$target\"", "$target is what this template makes",
                text.find("target"));
    return std::nullopt;
  }
  if (out->uses_run() && !scope.run) {
    reader.fail(key, "template", "$remedy, $run, $state and $reason are there in on_failure only",
                "before the run has ended there are $labels, $value and $target", text.find('$'));
    return std::nullopt;
  }
  if (!scope.has_alert && (!out->label_names().empty() || out->uses_value())) {
    reader.fail(key, "schedule-labels", "a run by schedule has no alert to read labels or a value from",
                "write it out; or give alerts and schedule to two remedies");
  }
  return out;
}

}  // namespace chiron::remediation
