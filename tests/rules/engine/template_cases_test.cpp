#include "exporter/base/parse.h"
#include "rules/engine/expansion_error.h"
#include "rules/engine/rule_queries.h"
#include "tests/rules/engine/engine_bench.h"

#include <fstream>

#include <fmt/format.h>

namespace chiron::rules {
namespace {

std::string with_newlines(std::string text) {
  constexpr std::string_view kNewline = "⏎";
  for (std::size_t at = text.find(kNewline); at != std::string::npos; at = text.find(kNewline, at))
    text.replace(at, kNewline.size(), "\n");
  return text;
}

/// What template_oracle.py tells promtool to expect.
std::string expected_text(const std::string& expected, std::string_view text) {
  if (!expected.starts_with("! ")) return with_newlines(expected);
  TemplateFailure failure;
  const std::size_t blank = expected.find(' ', 2), end = expected.find(">: ", blank);
  failure.offset = parse_int<std::size_t>(std::string_view(expected).substr(2, blank - 2)).value_or(0);
  failure.context = expected.substr(blank + 2, end - blank - 2);
  failure.message = expected.substr(end + 3);
  return expansion_error("Case", text, failure);
}

/// The samples and data that the head of the file names.
class Cases {
 public:
  Cases() {
    bench_.set("up", {{"instance", "a"}, {"job", "x"}}, 1);
    bench_.set("up", {{"instance", "b"}, {"job", "x"}}, 0);
    bench_.set("load", {{"instance", "b"}}, 2.5);
    bench_.set("load", {{"instance", "a"}}, 7);
    bench_.set("load", {{"instance", "c"}}, 3);
    bench_.set("big", {}, 123456789);
    bench_.frame(std::chrono::minutes(1));
    queries_.at(bench_.now);
  }

  void set_value(double value) { value_ = value; }

  std::string expand(const std::string& text) {
    const Result<Template> compiled = Template::compile(text);
    if (!compiled) return "does not compile: " + compiled.error().to_string();
    TemplateFailure failure;
    std::optional<std::string> out = compiled->expand({.labels = &labels_,
                                                       .value = value_,
                                                       .external_labels = &external_,
                                                       .external_url = "http://chiron.example:9101/base",
                                                       .now = 60'000,
                                                       .queries = &queries_},
                                                      failure);
    return out ? *std::move(out) : expansion_error("Case", text, failure);
  }

 private:
  testing::EngineBench bench_{"groups: []"};
  RuleQueries queries_{*bench_.store, promql::Limits(), {}, bench_.clock};
  const Labels labels_{
      {"__name__", "v"}, {"instance", "db-1.example.com:9100"}, {"n", "a"}, {"path", "a/b c&d"}};
  const Labels external_{{"site", "paris"}};
  double value_ = 1.5;
};

TEST(TemplateCases, ExpandAsPrometheusDoes) {
  std::ifstream file(CHIRON_SOURCE_DIR "/tests/rules/engine/template_cases.txt");
  ASSERT_TRUE(file);
  Cases cases;
  std::string line, text;
  std::size_t number = 0, compared = 0;
  while (std::getline(file, line)) {
    ++number;
    if (line.starts_with('\t')) {
      ++compared;
      EXPECT_EQ(cases.expand(text), expected_text(line.substr(1), text))
          << "line " << number - 1 << ": " << text;
    } else if (line.starts_with("value ")) {
      const std::optional<double> value = parse_double(line.substr(6));
      ASSERT_TRUE(value.has_value()) << "line " << number;
      cases.set_value(*value);
    } else if (!line.empty() && !line.starts_with('#') && !line.starts_with("@3 ")) {
      text = with_newlines(line);
    }
  }
  EXPECT_GT(compared, 150U);
}

TEST(TemplateFaults, SayWhatIsWrongWhereAndHowToMendIt) {
  std::ifstream file(CHIRON_SOURCE_DIR "/tests/rules/engine/template_faults.txt");
  ASSERT_TRUE(file);
  std::string line, text;
  std::size_t compared = 0;
  while (std::getline(file, line)) {
    if (line.starts_with('\t')) {
      ++compared;
      TemplateFault fault;
      ASSERT_FALSE(Template::compile(text, fault).has_value()) << text;
      EXPECT_EQ(
          fmt::format("{} {}{}{}", fault.offset, fault.message, fault.hint.empty() ? "" : " | ", fault.hint),
          line.substr(1))
          << text;
    } else if (!line.empty() && !line.starts_with('#')) {
      text = with_newlines(line);
    }
  }
  EXPECT_GT(compared, 40U);
}

}  // namespace
}  // namespace chiron::rules
