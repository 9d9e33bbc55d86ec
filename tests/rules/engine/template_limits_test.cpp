#include "rules/engine/rule_queries.h"
#include "rules/engine/template.h"
#include "tests/rules/engine/engine_bench.h"

#include <fmt/format.h>

namespace chiron::rules {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string expand(std::string_view text) {
  const Result<Template> compiled = Template::compile(text);
  if (!compiled) return "compile error: " + compiled.error().to_string();
  const Labels labels{{"n", "a"}};
  const Result<std::string> out = compiled->expand({.labels = &labels});
  return out ? *out : "error: " + out.error().to_string();
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (; count > 0; --count) out += text;
  return out;
}

TEST(TemplateLimits, StopWhatGoesOnForTooLong) {
  EXPECT_THAT(expand("{{ range 100000000 }}{{ end }}"), HasSubstr("goes on for too long"));
  EXPECT_THAT(expand("{{ range 9000 }}{{ range 9000 }}{{ $x := . }}{{ end }}{{ end }}"),
              HasSubstr("goes on for too long"));
  EXPECT_THAT(expand("{{ $x := \"\" }}{{ range 100000 }}{{ $x = printf \"%05000d\" 5 }}{{ end }}"),
              HasSubstr("goes on for too long"));
  EXPECT_THAT(expand(repeated("{{$a:=1}}", 7000) + "{{ range 100000 }}{{ $value }}{{ end }}"),
              HasSubstr("goes on for too long"));
  EXPECT_EQ(expand("{{" + std::string(60'000, ' ') + "1" + std::string(5'000, ' ') + "-}}"), "1");
  EXPECT_THAT(expand("{{ range 100000 }}{{ $x := match \"a{1,500}\" \"aaa\" }}{{ end }}"),
              HasSubstr("goes on for too long"));
}

TEST(TemplateLimits, StopWhatGrowsTooLarge) {
  EXPECT_THAT(expand("{{ range 20000 }}0123456789{{ end }}"),
              HasSubstr("the output is larger than 65536 bytes"));
  EXPECT_THAT(expand("{{ printf \"%1000000d\" 5 }}"), HasSubstr("the text is larger than 65536 bytes"));
  EXPECT_THAT(expand("{{ $x := \"ab\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}"),
              HasSubstr("the text is larger than 65536 bytes"));
  EXPECT_THAT(expand("{{ $x := \"aa\" }}{{ range 100 }}{{ $x = reReplaceAll \"a\" \"aaaa\" $x }}{{ end }}"),
              HasSubstr("too large"));
  EXPECT_THAT(expand("{{ $x := args }}{{ range 100 }}{{ $x = args $x $x }}{{ end }}{{ $x }}"),
              HasSubstr("more than 16 args inside of each other"));
  EXPECT_THAT(expand("{{ $x := args }}{{ range 15 }}{{ $x = args $x $x $x $x }}{{ end }}{{ $x }}"),
              HasSubstr("the text is larger than 65536 bytes"));
  EXPECT_THAT(expand("{{ 1 }}" + std::string(70'000, 'x')),
              HasSubstr("the template is larger than 65536 bytes"));
  EXPECT_EQ(expand(std::string(70'000, 'x')).size(), 70'000U) << "a text without {{ is none";
  EXPECT_THAT(expand("{{ match \"" + std::string(5000, 'a') + "\" \"a\" }}"),
              HasSubstr("longer than 4096 bytes"));
}

TEST(TemplateLimits, StopWhatNestsTooDeep) {
  EXPECT_THAT(expand("{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}"),
              HasSubstr("exceeded maximum template depth"));
  EXPECT_THAT(expand("{{ define \"x\" }}" + repeated("{{ if 1 }}", 20) + "{{ template \"x\" }}" +
                     repeated("{{ end }}", 20) + "{{ end }}{{ template \"x\" }}"),
              HasSubstr("exceeded maximum template depth"));
  EXPECT_THAT(expand(repeated("{{ if 1 }}", 5000)), HasSubstr("inside of each other"));
  EXPECT_THAT(expand("{{ " + std::string(5000, '(')), HasSubstr("inside of each other"));
  EXPECT_THAT(expand("{{ if 0 }}" + repeated("{{ else if 0 }}", 4000) + "{{ end }}"),
              HasSubstr("too many branches"));
  EXPECT_EQ(expand(repeated("{{ if 1 }}", 90) + "x" + repeated("{{ end }}", 90)), "x");
}

class Queries : public ::testing::Test {
 protected:
  Queries() {
    for (int i = 0; i < 20; ++i) bench.set("x", {{"i", std::to_string(i)}}, i);
    bench.frame(1min);
  }
  testing::EngineBench bench{"groups: []"};
};

TEST_F(Queries, AnswerForTheTimeTheyAreAsked) {
  RuleQueries queries(*bench.store, promql::Limits(), {}, bench.clock);
  queries.at(bench.now);
  ASSERT_TRUE(queries.ask("sum(x)").ok());
  EXPECT_EQ((*queries.ask("sum(x)"))->front().v, 190);
  EXPECT_EQ(*queries.ask("sum(x)"), *queries.ask("sum(x)")) << "one evaluation";
  EXPECT_EQ((*queries.ask("5"))->front().v, 5);
  EXPECT_EQ(queries.ask("x[5m]").error().message(), "rule result is not a vector or scalar");
  EXPECT_EQ(queries.ask("sum(x) +").error().message(), "1:9: parse error: unexpected end of input");
  bench.set("x", {{"i", "0"}}, 1000);
  bench.frame(1min);
  queries.at(bench.now);
  EXPECT_EQ((*queries.ask("sum(x)"))->front().v, 1190);
}

TEST_F(Queries, SpeakTheLanguageOfTheRules) {
  promql::Features features;
  features.experimental_functions = true;
  RuleQueries plain(*bench.store, promql::Limits(), {}, bench.clock);
  plain.at(bench.now);
  EXPECT_THAT(plain.ask("limitk(2, x)").error().message(), HasSubstr("limitk() is experimental"));
  RuleQueries enabled(*bench.store, promql::Limits(), features, bench.clock);
  enabled.at(bench.now);
  ASSERT_TRUE(enabled.ask("limitk(2, x)").ok());
  EXPECT_EQ((*enabled.ask("limitk(2, x)"))->size(), 2u);
}

TEST_F(Queries, AreRefusedPastTheirLimits) {
  promql::Limits limits;
  limits.max_samples = 100;  // of what 20 label sets take, a part
  RuleQueries queries(*bench.store, limits, {}, bench.clock);
  queries.at(bench.now);
  EXPECT_FALSE(queries.ask("x").ok());
  EXPECT_TRUE(queries.ask("x{i=\"1\"}").ok());
  const Result<Template> many =
      Template::compile("{{ range 101 }}{{ $x := printf \"%d\" . | query }}{{ end }}");
  RuleQueries wide(*bench.store, promql::Limits(), {}, bench.clock);
  const Result<std::string> out = many->expand({.queries = &wide});
  ASSERT_FALSE(out.ok());
  EXPECT_THAT(out.error().to_string(), HasSubstr("more than 100 queries in one text"));
  EXPECT_THAT(expand("{{ query \"x\" }}"), HasSubstr("there is nothing to ask here"));
}

/// Every look at it takes some time.
class SlowClock final : public Clock {
 public:
  BootTime boot() const override { return BootTime(std::chrono::milliseconds(++looks_ * 400)); }
  WallTime wall() const override { return {}; }
  const std::string& boot_id() const override { return id_; }

 private:
  const std::string id_ = "boot";
  mutable std::int64_t looks_ = 1'000'000;
};

TEST_F(Queries, ShareASmallPartOfTheTime) {
  const SlowClock clock;
  promql::Limits limits;
  limits.timeout = 8s;
  RuleQueries queries(*bench.store, limits, {}, clock);
  queries.at(bench.now);
  std::size_t refused = 0;
  for (int i = 0; i < 12; ++i)
    if (!queries.ask(fmt::format("x + {}", i)).ok()) ++refused;
  EXPECT_GT(refused, 4U);
}

}  // namespace
}  // namespace chiron::rules
