#include "rules/engine/template.h"

#include <limits>

namespace chiron::rules {
namespace {

const Labels kLabels{{"__name__", "v"}, {"n", "a"}};
const Labels kExternal{{"site", "paris"}};

std::string expand(std::string_view text, double value = 0) {
  const Result<Template> compiled = Template::compile(text);
  if (!compiled) return "compile error: " + compiled.error().to_string();
  const Result<std::string> out = compiled->expand(
      {.labels = &kLabels, .value = value, .external_labels = &kExternal, .target = "nginx.service"});
  return out ? *out : "error: " + out.error().to_string();
}

TEST(Template, PutsLabelsValuesAndTargetIntoText) {
  EXPECT_EQ(expand("plain } text"), "plain } text");
  EXPECT_EQ(expand("{{ $labels.n }}-{{.Labels.n}}-{{ $labels.absent }}|"), "a-a-|");
  EXPECT_EQ(expand("{{ $externalLabels.site }} {{ .ExternalLabels.site }}"), "paris paris");
  EXPECT_EQ(expand("{{ $target }}"), "nginx.service");
  EXPECT_EQ(expand("{{ index $labels \"n\" }}{{ index $labels \"m\" }}"), "a");
  EXPECT_EQ(expand("{{ $labels }}"), "map[__name__:v n:a]");
  EXPECT_EQ(expand("{{ \"q\\n\" }}{{`raw\\n`}}{{ 1.0 }}{{ 12 }}{{true}}"), "q\nraw\\n112true");
}

// Prometheus 2.42 printed these for the same template and value.
TEST(Template, PrintsNumbersAsGoDoes) {
  const std::pair<double, std::string_view> kCases[] = {
      {0, "0"},           {1234567, "1.234567e+06"},    {123456, "123456"},
      {1e21, "1e+21"},    {1000000, "1e+06"},           {0.0001, "0.0001"},
      {0.00001, "1e-05"}, {0.123456789, "0.123456789"}, {1.5, "1.5"},
      {-2, "-2"},         {123456789, "1.23456789e+08"}};
  for (const auto& [value, text] : kCases) {
    EXPECT_EQ(expand("{{ $value }}", value), text);
    EXPECT_EQ(expand("{{ printf \"%v|%g\" .Value $value }}", value),
              std::string(text) + "|" + std::string(text));
  }
  EXPECT_EQ(expand("{{ $value }}", std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(expand("{{ $value }}", std::numeric_limits<double>::infinity()), "+Inf");
}

TEST(Template, FormatsAsSprintf) {
  const std::string many =
      "{{ printf \"%.3g|%f|%.2f|%e|%d|%s|%8.2f|%-8.2f|%08.2f|%+.1f\" $value $value $value $value $value "
      "$value "
      "$value $value $value $value}}";
  EXPECT_EQ(
      expand(many, 0.123456789),
      "0.123|0.123457|0.12|1.234568e-01|%!d(float64=0.123456789)|%!s(float64=0.123456789)|    0.12|0.12    "
      "|00000.12|+0.1");
  EXPECT_EQ(expand("{{ printf \"%q %v %5s|%-5s|%.1s\" $labels.n 5 \"x\" \"y\" \"zz\" }}"),
            "\"a\" 5     x|y    |z");
  EXPECT_EQ(expand("{{ printf \"%d %f|%5d|%05d|%+d\" 5 5 42 42 7 }}"), "5 %!f(int=5)|   42|00042|+7");
  EXPECT_EQ(expand("{{ printf \"%s\" }} {{ printf \"a\" 1 1.5 }}"),
            "%!s(MISSING) a%!(EXTRA int=1, float64=1.5)");
  EXPECT_EQ(expand("{{ printf \"%z\" 1}} {{printf \"%\"}} {{ printf \"100%%\"}}"),
            "%!z(int=1) %!(NOVERB) 100%");
  EXPECT_EQ(expand("{{ print 1 2 \"a\" \"b\" 3 }}"), "1 2ab3");
  EXPECT_EQ(expand("{{ $value | printf \"%.1f%%\" }}", 12.34), "12.3%");
}

TEST(Template, Humanizes) {
  EXPECT_EQ(expand("{{ $value | humanize }}", 1234567), "1.235M");
  EXPECT_EQ(expand("{{ $value | humanize }}", 0), "0");
  EXPECT_EQ(expand("{{ $value | humanize }}", 0.123456789), "123.5m");
  EXPECT_EQ(expand("{{ $value | humanize }}", -1500), "-1.5k");
  EXPECT_EQ(expand("{{ $value | humanize }}", 1e20), "100E");
  EXPECT_EQ(expand("{{ \"12345\" | humanize }}"), "12.35k");
  EXPECT_EQ(expand("{{ $value | humanize1024 }}", 1234567), "1.177Mi");
  EXPECT_EQ(expand("{{ $value | humanize1024 }}", 1e22), "8.47Zi");
  EXPECT_EQ(expand("{{ $value | humanize1024 }}", 0.5), "0.5");
  EXPECT_EQ(expand("{{ $value | humanizePercentage }}", 0.123456789), "12.35%");
  EXPECT_EQ(expand("{{ humanize $value }}", std::numeric_limits<double>::infinity()), "+Inf");
}

TEST(Template, HumanizesDurations) {
  const std::pair<double, std::string_view> kCases[] = {
      {0, "0s"},          {1234567, "14d 6h 56m 7s"}, {1, "1s"},         {60, "1m 0s"},
      {3600, "1h 0m 0s"}, {86400, "1d 0h 0m 0s"},     {0.0001, "100us"}, {-90, "-1m 30s"},
      {1.5, "1.5s"},      {59.99, "59.99s"}};
  for (const auto& [value, text] : kCases) EXPECT_EQ(expand("{{ $value | humanizeDuration }}", value), text);
  EXPECT_EQ(expand("{{ $value | humanizeDuration }}", std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(Template, PipesAndNests) {
  EXPECT_EQ(expand("{{ (printf \"%.0f\" $value) | humanize }}", 2000.2), "2k");
  EXPECT_EQ(expand("{{ printf \"%s of %s\" (humanize1024 $value) (humanize 5) }}", 2048), "2ki of 5");
}

TEST(Template, TrimsWhitespaceAtMarkers) {
  EXPECT_EQ(expand("a \n {{- \"b\" -}} \n c"), "abc");
  EXPECT_EQ(expand("a {{/* nothing */}} b {{- /* trims */ -}} c"), "a  bc");
  EXPECT_EQ(expand("{{-3}}"), "-3");
}

TEST(Template, SaysWhatIsWrongAndWhere) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"a {{ $value", "column 3: unclosed action: }} is missing"},
      {"{{ }}", "column 1: missing value for command"},
      {"{{ $value | }}", "column 13: missing value for command"},
      {"{{ $valu }}", "column 4: undefined variable \"$valu\""},
      {"{{ $value.x }}", "column 10: $value has no fields"},
      {"{{ .Foo }}", "column 4: there is no .Foo here; there are .Labels, .ExternalLabels and .Value"},
      {"{{ humanise $value }}", "column 4: function \"humanise\" not defined"},
      {"{{ if $value }}x{{ end }}", "column 4: not supported yet: if"},
      {"{{ range query \"up\" }}{{ end }}", "column 4: not supported yet: range"},
      {"{{ $labels.n | reReplaceAll \"a\" \"b\" }}", "column 16: not supported yet: reReplaceAll"},
      {"{{ $x := 5 }}", "column 4: not supported yet: variables of your own"},
      {"{{ humanize }}", "column 4: wrong number of arguments for humanize: want 1, got 0"},
      {"{{ humanize 1 2 }}", "column 4: wrong number of arguments for humanize: want 1, got 2"},
      {"{{ $value $value }}", "column 11: can't give an argument to what is no function"},
      {"{{ 5 | $value }}", "column 8: a value can't be piped into what is no function"},
      {"{{ \"abc }}", "column 4: unterminated string"},
      {"{{ (humanize 5 }}", "column 4: unclosed left parenthesis"},
      {"{{ humanize($value) }}", "column 12: unexpected \"(\" after an operand; a blank must separate them"},
      {"{{ 1x }}", "column 4: bad number syntax: \"1x\""},
      {"{{ $labels. }}", "column 12: a label name must follow the dot"},
      {"{{ . }}", "column 4: not supported yet: . alone"},
      {"{{/* x }}", "column 1: unclosed comment: */ is missing"},
  };
  for (const auto& [text, message] : kCases)
    EXPECT_EQ(expand(text), "compile error: " + std::string(message)) << text;
  EXPECT_THAT(expand(std::string("{{ ") + std::string(1000, '(')),
              ::testing::HasSubstr("too many parentheses"));
}

TEST(Template, SurvivesEveryTruncation) {
  const std::string text =
      "a {{- printf \"%.2f\\n\" ($value | humanize) -}} b {{/* c */}} {{ index $labels `n` }}";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const Result<Template> compiled = Template::compile(std::string_view(text).substr(0, size));
    if (!compiled) continue;
    EXPECT_TRUE(compiled->expand({.labels = &kLabels}).ok()) << size;
  }
}

TEST(Template, FaultsOfValuesShowWhenExpanding) {
  EXPECT_EQ(expand("{{ $labels.n | humanize }}"), "error: humanize: \"a\" is not a number");
  EXPECT_EQ(expand("{{ printf 5 }}"), "error: printf: printf: the format is a string");
  EXPECT_EQ(expand("{{ printf \"%x\" 10 }}"), "error: printf: not supported yet: printf %x");
}

TEST(Template, TellsWhatItReads) {
  const Result<Template> one =
      Template::compile("{{ $labels.b }}{{ .Labels.a }}{{ index $labels \"c-d\" }}{{ $labels.b }}");
  ASSERT_TRUE(one.ok());
  EXPECT_THAT(one->label_names(), ::testing::ElementsAre("a", "b", "c-d"));
  EXPECT_FALSE(one->uses_target());
  EXPECT_FALSE(one->uses_value());
  EXPECT_FALSE(one->is_literal());
  EXPECT_TRUE(Template::compile("{{ $target }}")->uses_target());
  EXPECT_TRUE(Template::compile("{{ $value | humanize }}")->uses_value());
  EXPECT_TRUE(Template::compile("text")->is_literal());
  EXPECT_TRUE(Template().is_literal());
  EXPECT_EQ(Template().text(), "");
}

}  // namespace
}  // namespace chiron::rules
