#include "exporter/base/diagnostics.h"

#include <nlohmann/json.hpp>

namespace chiron {
namespace {

Diagnostic sample() {
  Diagnostic one;
  one.code = "promql-syntax";
  one.message = "unexpected \")\"";
  one.hint = "remove it";
  one.file = "a.yml";
  one.path = {"host", "Down", "expr"};
  one.where = {2, 9};
  one.length = 2;
  return one;
}

TEST(Diagnostics, QuotesTheLineWithACaret) {
  DiagnosticSink sink;
  sink.add_source("a.yml", "groups:\r\n  expr: ))\r\nlast");
  sink.add(sample());
  EXPECT_EQ(to_text(sink.all()[0]),
            "a.yml:2:9: error: unexpected \")\" [promql-syntax]\n"
            "  in host > Down > expr\n"
            "      expr: ))\n"
            "            ^~\n"
            "  hint: remove it");
}

TEST(Diagnostics, CaretLinesUpUnderTabsAndNonAsciiText) {
  DiagnosticSink sink;
  sink.add_source("a.yml", "\n\té: ü))");
  Diagnostic one = sample();
  one.where.column = 8;  // bytes: tab, two, colon, blank, two
  sink.add(one);
  EXPECT_THAT(to_text(sink.all()[0]), ::testing::HasSubstr("    \té: ü))\n    \t    ^~\n"));
}

TEST(Diagnostics, NeverLooksBeyondTheText) {
  DiagnosticSink sink;
  sink.add_source("a.yml", "one");
  for (const Position where : {Position{9, 9}, Position{1, 99}, Position{1, 0}, Position{0, 0}}) {
    Diagnostic one = sample();
    one.where = where;
    one.length = 1000;
    sink.add(one);
    EXPECT_THAT(to_text(sink.all().back()), ::testing::HasSubstr("unexpected"));
  }
}

TEST(Diagnostics, CutsLongLinesAroundTheCaret) {
  DiagnosticSink sink;
  sink.add_source("a.yml", std::string(500, 'x') + "BAD" + std::string(500, 'y'));
  Diagnostic one = sample();
  one.where = {1, 501};
  one.length = 3;
  sink.add(one);
  const std::string text = to_text(sink.all()[0]);
  EXPECT_THAT(text,
              ::testing::HasSubstr("    ..." + std::string(80, 'x') + "BAD" + std::string(77, 'y') + "..."));
  EXPECT_THAT(text, ::testing::HasSubstr("\n" + std::string(87, ' ') + "^~~\n"));
}

TEST(Diagnostics, DoesNotPassTerminalControlsOn) {
  DiagnosticSink sink;
  sink.add_source("a.yml", "\x1b[2J\xff");
  Diagnostic one = sample();
  one.where = {1, 1};
  one.message = "bad \x1b[31m";
  sink.add(one);
  EXPECT_EQ(to_text(sink.all()[0]).find('\x1b'), std::string::npos);
}

TEST(Diagnostics, CountsErrorsApartFromWarnings) {
  DiagnosticSink sink;
  Diagnostic one = sample();
  one.severity = Severity::warning;
  sink.add(one);
  EXPECT_TRUE(sink.ok());
  sink.add(sample());
  EXPECT_FALSE(sink.ok());
  EXPECT_EQ(sink.errors(), 1U);
}

TEST(Diagnostics, JsonHasTheSameFacts) {
  DiagnosticSink sink;
  sink.add_source("a.yml", "x\n  expr: \xff)");
  sink.add(sample());
  const auto json = nlohmann::json::parse(to_json(sink.all()));
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["severity"], "error");
  EXPECT_EQ(json[0]["line"], 2);
  EXPECT_EQ(json[0]["column"], 9);
  EXPECT_EQ(json[0]["path"], (std::vector<std::string>{"host", "Down", "expr"}));
  EXPECT_EQ(json[0]["source_line"], "  expr: \xEF\xBF\xBD)");
  EXPECT_EQ(to_json({}), "[]");
}

TEST(Closest, FindsWhatWasMeant) {
  const std::vector<std::string_view> keys = {"alert", "record", "expr", "for", "keep_firing_for", "labels"};
  EXPECT_EQ(closest("exrp", keys), "expr");
  EXPECT_EQ(closest("Alert", keys), "alert");
  EXPECT_EQ(closest("keep-firing-for", keys), "keep_firing_for");
  EXPECT_EQ(closest("lables", keys), "labels");
  EXPECT_EQ(closest("annotations", keys), "");
  EXPECT_EQ(closest("x", keys), "");
  EXPECT_EQ(closest("", keys), "");
  EXPECT_EQ(closest(std::string(100000, 'a'), keys), "");
}

}  // namespace
}  // namespace chiron
