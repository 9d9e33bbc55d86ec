#include "rules/engine/template.h"

#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>

namespace chiron::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Labels kLabels{{"__name__", "v"}, {"n", "a"}};
const Labels kRun{{"remedy", "restart"}, {"run", "7"}, {"state", "failed"}, {"reason", "no job"}};

std::string expand(std::string_view text) {
  const Result<Template> compiled = Template::compile(text);
  if (!compiled) return "compile error: " + compiled.error().to_string();
  const Result<std::string> out =
      compiled->expand({.labels = &kLabels, .target = "nginx.service", .run = &kRun});
  return out ? *out : "error: " + out.error().to_string();
}

Template compiled(std::string_view text) {
  Result<Template> out = Template::compile(text);
  EXPECT_TRUE(out.ok()) << text;
  return out ? *std::move(out) : Template();
}

// template_cases_test.cpp has the language; here is what only Chiron has.
TEST(Template, KnowsTheVariablesOfRemedies) {
  EXPECT_EQ(expand("{{ $target }} {{ $remedy }} {{ $run }} {{ $state }}: {{ $reason }}"),
            "nginx.service restart 7 failed: no job");
  EXPECT_EQ(
      expand("{{ $labels.n | humanize }}"),
      "error: at <humanize>: error calling humanize: strconv.ParseFloat: parsing \"a\": invalid syntax");
  EXPECT_EQ(expand("{{ $valu }}"), "compile error: column 4: undefined variable \"$valu\"");
}

TEST(Template, PrintsNumbersInTheShortestForm) {
  const std::pair<double, std::string_view> kCases[] = {{0, "0"},
                                                        {1234567, "1.234567e+06"},
                                                        {123456, "123456"},
                                                        {1e21, "1e+21"},
                                                        {1000000, "1e+06"},
                                                        {0.0001, "0.0001"},
                                                        {0.00001, "1e-05"},
                                                        {0.123456789, "0.123456789"},
                                                        {-0.0, "-0"},
                                                        {5e-324, "5e-324"},
                                                        {1.7976931348623157e308, "1.7976931348623157e+308"}};
  const Template text = compiled("{{ $value }}|{{ printf \"%v|%g\" .Value $value }}");
  for (const auto& [value, expected] : kCases)
    EXPECT_EQ(text.expand({.value = value}).value_or("failed"), fmt::format("{0}|{0}|{0}", expected));
  EXPECT_EQ(compiled("{{ printf \"%x %b %.30f %.1000f\" $value $value 0.1 0.0 }}")
                .expand({.value = 5e-324})
                .value_or("failed"),
            "0x1p-1074 1p-1074 0.100000000000000005551115123126 0." + std::string(1000, '0'));
}

TEST(Template, SurvivesEveryTruncation) {
  const std::string text =
      "a {{- printf \"%.2f\\n\" ($value | humanize) -}} b {{/* c */}} {{ index $labels `n` }}"
      "{{ define \"d\" }}{{ . }}{{ end }}{{ range $i, $x := $labels }}{{ if eq $x 'a' }}{{ break }}{{ else "
      "if "
      "1.5e3 }}{{ else }}{{ template \"d\" . }}{{ end }}{{ end }}";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    TemplateFault fault;
    const std::optional<Template> made = Template::compile(std::string_view(text).substr(0, size), fault);
    if (made) {
      TemplateFailure failure;
      const auto out = made->expand({.labels = &kLabels}, failure);
      EXPECT_NE(out.has_value(), !failure.message.empty()) << size;
    } else {
      EXPECT_FALSE(fault.message.empty()) << size;
      EXPECT_LE(fault.offset, size);
    }
  }
}

TEST(Template, TellsWhatItReads) {
  const Template one =
      compiled("{{ $labels.b }}{{ .Labels.a }}{{ index $labels \"c-d\" }}{{ $.Labels.b.x }}");
  EXPECT_THAT(one.label_names(), ElementsAre("a", "b", "c-d"));
  EXPECT_FALSE(one.reads_all_labels());
  EXPECT_FALSE(one.uses_target());
  EXPECT_FALSE(one.uses_value());
  EXPECT_FALSE(one.uses_time());
  EXPECT_FALSE(one.is_literal());
  EXPECT_TRUE(compiled("{{ $target }}").uses_target());
  EXPECT_TRUE(compiled("{{ $reason }}").uses_run());
  EXPECT_TRUE(compiled("{{ $value | humanize }}").uses_value());
  EXPECT_TRUE(compiled("{{ with .Value }}{{ end }}").uses_value());
  EXPECT_TRUE(compiled("{{ range query \"x\" }}{{ end }}").uses_time());
  EXPECT_TRUE(compiled("{{ humanizeTimestamp now }}").uses_time());
  EXPECT_TRUE(compiled("text").is_literal());
  EXPECT_TRUE(Template().is_literal());
  EXPECT_EQ(Template().text(), "");
}

// A remedy may not act on labels that nobody can name beforehand.
TEST(Template, TellsWhenItReadsTheLabelsAsAWhole) {
  for (const std::string_view text :
       {"{{ $labels }}", "{{ range $labels }}{{ . }}{{ end }}", "{{ .Labels }}", "{{ . }}", "{{ $ }}",
        "{{ $x := $labels }}{{ $x.a }}", "{{ with .Labels }}{{ .a }}{{ end }}",
        "{{ $x := . }}{{ $x.Labels.a }}", "{{ index $labels $target }}", "{{ \"n\" | index $labels }}",
        "{{ ($labels).n }}", "{{ (.).Labels.n }}",
        "{{ template \"x\" $labels }}{{ define \"x\" }}{{ .a }}{{ end }}", "{{ printf \"%v\" $labels }}",
        "{{ index $labels \"a\" }}{{ len $labels }}", "{{ if true }}{{ . }}{{ end }}",
        "{{ with 1 }}{{ else }}{{ . }}{{ end }}"})
    EXPECT_TRUE(compiled(text).reads_all_labels()) << text;
  for (const std::string_view text :
       {"{{ $labels.a }}", "{{ with $labels.a }}{{ . }}{{ end }}", "{{ index .Labels \"a\" | toUpper }}",
        "{{ $labels := args 1 }}{{ $labels }}", "{{ $externalLabels }}", "{{ $value }}",
        "{{ template \"x\" $labels.a }}{{ define \"x\" }}{{ . }}{{ end }}"})
    EXPECT_FALSE(compiled(text).reads_all_labels()) << text;
  EXPECT_THAT(compiled("{{ with $x := $labels.a }}{{ $x }}{{ end }}").label_names(), ElementsAre("a"));
}

TEST(Template, VariablesOfOnesOwnHideTheOthers) {
  EXPECT_FALSE(compiled("{{ $target := 5 }}{{ $target }}").uses_target());
  EXPECT_FALSE(
      compiled("{{ range $state, $run := $externalLabels }}{{ $state }}{{ $run }}{{ end }}").uses_run());
  EXPECT_TRUE(compiled("{{ if $target := 5 }}{{ $target }}{{ end }}{{ $target }}").uses_target());
  EXPECT_TRUE(compiled("{{ $target := $target }}{{ $target }}").uses_target());
}

TEST(Template, WarnsOfWhatFailsWheneverItIsExpanded) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"{{ humanize }}", "3 wrong number of args for humanize: want 1 got 0"},
      {"{{ $value | humanize 1 }}", "12 wrong number of args for humanize: want 1 got 2"},
      {"{{ printf }}", "3 wrong number of args for printf: want at least 1 got 0"},
      {"{{ print match }}", "9 wrong number of args for match: want 2 got 0"},
      {"{{ toUpper 5 }}", "11 expected string; found 5"},
      {"{{ 5 6 }}", "5 can't give argument to non-function 5"},
      {"{{ .Foo }}", "3 there is no .Foo here"},
      {"{{ if .labels.x }}{{ end }}", "6 there is no .labels here"},
      {"{{ template \"x\" }}", "12 template \"x\" not defined"},
  };
  for (const auto& [text, expected] : kCases) {
    const Template made = compiled(text);
    ASSERT_EQ(made.warnings().size(), 1U) << text;
    EXPECT_EQ(fmt::format("{} {}", made.warnings()[0].offset, made.warnings()[0].message), expected);
    EXPECT_FALSE(made.warnings()[0].hint.empty()) << text;
    EXPECT_FALSE(made.expand({.labels = &kLabels, .value = 1}).ok()) << text;
  }
  for (const std::string_view text : {"{{ range $labels }}{{ .x }}{{ end }}", "{{ print }}",
                                      "{{ $value | printf \"%v\" }}", "{{ eq 1 2 3 }}"})
    EXPECT_TRUE(compiled(text).warnings().empty()) << text;
}

TEST(Template, ReferencePageHasTheFunctions) {
  std::ifstream file(CHIRON_SOURCE_DIR "/docs/rules.md");
  std::stringstream page;
  page << file.rdbuf();
  for (const TemplateFunctionInfo& function : template_functions())
    EXPECT_THAT(page.str(), HasSubstr(fmt::format("| `{}` | {} |", function.name, function.arguments)));
  std::size_t rows = 0;
  std::string line;
  bool in_table = false;
  while (std::getline(page, line)) {
    if (line.starts_with("| function | arguments |")) in_table = true;
    if (line.empty()) in_table = false;
    if (in_table && line.starts_with("| `")) ++rows;
  }
  EXPECT_EQ(rows, template_functions().size());
}

}  // namespace
}  // namespace chiron::rules
