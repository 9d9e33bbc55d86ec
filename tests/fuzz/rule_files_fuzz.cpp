#include "remediation/actions/glob.h"
#include "remediation/engine/remedy_check.h"
#include "rules/engine/rule_file.h"
#include "rules/engine/saved_state.h"
#include "rules/engine/template.h"
#include "tests/fuzz/expect.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace chiron::fuzz {
namespace {

void check_template(const std::string& text) {
  rules::TemplateFault fault;
  const auto compiled = rules::Template::compile(text, fault);
  if (!compiled) {
    expect(!fault.message.empty() && fault.offset <= text.size());
    return;
  }
  const Labels labels{{"a", "1"}, {"b", "x"}};
  const auto out = compiled->expand({.labels = &labels, .value = 1e300, .target = "t"});
  if (compiled->is_literal()) expect(out.ok() && *out == text);
}

void check_files(const std::string& text) {
  DiagnosticSink sink;
  const auto groups = rules::parse_rule_file("rules.yml", text, sink);
  const auto remedies = remediation::parse_remedy_file("remedies.yml", text, sink);
  // No file is both.
  expect(groups.empty() || remedies.empty() || !sink.ok());
  for (const Diagnostic& one : sink.all())
    expect(one.where.line > 0 && one.where.column > 0 && !one.message.empty());
  remediation::check_against_rules(remedies, groups, sink);
  if (!sink.ok()) return;
  for (const rules::GroupSpec& group : groups)
    for (const rules::RuleSpec& rule : group.rules) expect(rule.expr != nullptr && !rule.name.empty());
  for (const remediation::RemedySpec& remedy : remedies)
    expect(!remedy.steps.empty() && (!remedy.alerts.empty() || remedy.schedule.has_value()));
}

void check_state(const std::string& text) {
  const auto state = rules::decode_state(text);
  if (!state) return;
  expect(rules::decode_state(rules::encode_state(*state)).ok());
}

}  // namespace
}  // namespace chiron::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  chiron::fuzz::check_template(text);
  chiron::fuzz::check_files(text);
  chiron::fuzz::check_state(text);
  const std::string_view view(text);
  chiron::remediation::glob_match(view.substr(0, size / 2), view.substr(size / 2));
  return 0;
}
