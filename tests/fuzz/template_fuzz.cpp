#include "rules/engine/expansion_error.h"
#include "rules/engine/template.h"
#include "tests/fuzz/expect.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace chiron::fuzz {
namespace {

constexpr std::size_t kLargestOutput = 64 * 1024;

/// Answers some expressions with samples, others with errors, by their length.
class Answers final : public rules::TemplateQueries {
 public:
  Result<std::shared_ptr<const promql::Vector>> ask(const std::string& expression) override {
    if (expression.size() % 4 == 3) return Error(ErrorCode::invalid_argument, "no answer");
    auto out = std::make_shared<promql::Vector>();
    for (std::size_t i = 0; i < expression.size() % 4; ++i)
      out->push_back(
          {Labels{{"a", expression.substr(0, 40)}, {"i", std::string(1, static_cast<char>('z' - i))}}, 0,
           static_cast<double>(i) - 1.5});
    return std::shared_ptr<const promql::Vector>(std::move(out));
  }
};

/// What can be seen of the labels in the output must be told beforehand: remedies rely on it.
void check_label_names(const rules::Template& text, rules::TemplateData data, const std::string& out) {
  if (text.reads_all_labels()) return;
  Labels other = *data.labels;
  const std::vector<std::string> names = text.label_names();
  for (const Label& label : *data.labels)
    if (std::find(names.begin(), names.end(), label.name) == names.end()) other.erase(label.name);
  data.labels = &other;
  rules::TemplateFailure failure;
  const auto again = text.expand(data, failure);
  expect(again.has_value() && *again == out);
}

void check(const std::string& text) {
  rules::TemplateFault fault;
  const auto compiled = rules::Template::compile(text, fault);
  if (!compiled) {
    expect(!fault.message.empty() && fault.offset <= text.size());
    return;
  }
  for (const rules::TemplateFault& warning : compiled->warnings())
    expect(!warning.message.empty() && warning.offset <= text.size());
  const Labels labels{
      {"__name__", "up"}, {"a", "1"}, {"b", "x<y>&\"\n\xff"}, {"Labels", "l"}, {"Value", "v"}};
  const Labels external{{"site", "paris"}};
  Answers answers;
  const rules::TemplateData data{.labels = &labels,
                                 .value = 1e300,
                                 .external_labels = &external,
                                 .external_url = "http://h:1/p",
                                 .target = "t",
                                 .now = 1'435'065'584'128,
                                 .queries = &answers};
  rules::TemplateFailure failure;
  const auto out = compiled->expand(data, failure);
  if (!out) {
    expect(!failure.message.empty() && failure.offset <= text.size());
    expect(!rules::expansion_error("A", text, failure).empty());
    return;
  }
  expect(out->size() <= kLargestOutput || compiled->is_literal());
  if (compiled->is_literal()) expect(*out == text);
  check_label_names(*compiled, data, *out);
}

}  // namespace
}  // namespace chiron::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chiron::fuzz::check(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
