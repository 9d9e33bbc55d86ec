#include "exporter/base/yaml.h"

#include "exporter/base/yaml_position.h"

namespace chiron::yaml {
namespace {

Node parse_good(const std::string& text) {
  DiagnosticSink sink;
  Node root = parse("f.yml", text, sink);
  for (const Diagnostic& one : sink.all()) ADD_FAILURE() << to_text(one);
  return root;
}

std::string at(Position where) { return std::to_string(where.line) + ":" + std::to_string(where.column); }

/// "line:column code", of all findings.
std::string faults(const std::string& text) {
  DiagnosticSink sink;
  const Node root = parse("f.yml", text, sink);
  EXPECT_TRUE(root.is_null());
  std::string all;
  for (const Diagnostic& one : sink.all()) {
    EXPECT_FALSE(one.message.empty());
    EXPECT_FALSE(one.hint.empty()) << one.message;
    EXPECT_EQ(one.file, "f.yml");
    all += (all.empty() ? "" : " ") + at(one.where) + " " + one.code;
  }
  return all;
}

/// Each byte of the value that the source shows as it is must be found where where(offset) says.
void expect_offsets_found(const std::string& text, const Node& node) {
  const SourceText source("f.yml", text);
  for (std::size_t i = 0; i < node.text().size(); ++i) {
    const char wanted = node.text()[i];
    if (wanted == ' ' || wanted == '\n' || wanted == '\t') continue;
    const Position where = node.where(i);
    const std::string_view line = source.line(where.line);
    ASSERT_LE(where.column, line.size()) << i;
    EXPECT_EQ(line[where.column - 1], wanted) << "byte " << i << " at " << at(where) << "\n" << text;
  }
}

TEST(Yaml, ReadsScalarsListsAndMappingsWithPositions) {
  const Node root = parse_good("a: 1\nb:\n  - x\n  - 'y'\nc: {d: \"e\", f: }\ng: ~\n");
  ASSERT_TRUE(root.is_mapping());
  EXPECT_EQ(root["a"].text(), "1");
  EXPECT_FALSE(root["a"].quoted());
  EXPECT_EQ(at(root["a"].where()), "1:4");
  ASSERT_EQ(root["b"].items().size(), 2U);
  EXPECT_EQ(at(root["b"].items()[1].where()), "4:5");
  EXPECT_TRUE(root["b"].items()[1].quoted());
  EXPECT_EQ(root["c"]["d"].text(), "e");
  EXPECT_TRUE(root["c"]["f"].is_null());
  EXPECT_TRUE(root["g"].is_null());
  EXPECT_EQ(at(root["g"].where()), "6:4");
  EXPECT_EQ(at(root.entries()[2].key.where()), "5:1");
  EXPECT_TRUE(root["none"].is_null());
  EXPECT_EQ(root["a"].file(), "f.yml");
}

TEST(Yaml, AnAbsentValueStandsAtItsKey) {
  const Node root = parse_good("a:\nnext: 1\n");
  EXPECT_TRUE(root["a"].is_null());
  EXPECT_EQ(at(root["a"].where()), "1:1");
}

TEST(Yaml, AnEmptyFileIsANullNodeThatKnowsItsFile) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) {
    const Node root = parse_good(text);
    EXPECT_TRUE(root.is_null());
    EXPECT_EQ(root.file(), "f.yml");
  }
}

TEST(Yaml, TellsQuotedNullsAndStringTagsFromPlainOnes) {
  const Node root = parse_good("a: 'null'\nb: !!str 5\nc: |\n  true\n");
  EXPECT_EQ(root["a"].text(), "null");
  EXPECT_TRUE(root["a"].quoted());
  EXPECT_TRUE(root["b"].quoted());
  EXPECT_TRUE(root["c"].quoted());
}

TEST(Yaml, EscapesYieldUtf8) {
  EXPECT_EQ(parse_good("\"\\N \\_ \\x80 \\u20ac\"").text(), "\xC2\x85 \xC2\xA0 \xC2\x80 \xE2\x82\xAC");
}

TEST(Yaml, ResolvesAliases) {
  const Node root = parse_good("a: &x {k: v}\nb: *x\nc: [*x, *x]\n");
  EXPECT_EQ(root["b"]["k"].text(), "v");
  EXPECT_EQ(root["c"].items()[1]["k"].text(), "v");
}

TEST(Yaml, SkipsAByteOrderMarkAndTakesWindowsLineEnds) {
  const std::string text = "a: 1\r\nb: |\r\n  x\r\n  y z\r\nc: 'q\r\n  r'\r\n";
  const Node root = parse_good("\xEF\xBB\xBF\xEF\xBB\xBF" + text);
  EXPECT_EQ(at(root["a"].where()), "1:4");
  EXPECT_EQ(at(root["b"].where()), "2:4");
  EXPECT_EQ(root["c"].text(), "q r");
  EXPECT_EQ(at(root["c"].where(2)), "6:3");
  EXPECT_EQ(at(root["b"].where(root["b"].text().find('z'))), "4:5");
}

TEST(YamlPosition, PointsIntoALiteralBlock) {
  const std::string text =
      "rules:\n"
      "  - expr: |  # a comment\n"
      "      sum by (job) (\n"
      "        rate(x[5m])  \n"
      "\n"
      "      ) >> 1\n"
      "  - expr: x\n";
  const Node expr = parse_good(text)["rules"].items()[0]["expr"];
  expect_offsets_found(text, expr);
  EXPECT_EQ(at(expr.where(0)), "3:7");
  EXPECT_EQ(at(expr.where(expr.text().find("rate"))), "4:9");
  EXPECT_EQ(at(expr.where(expr.text().find(">>"))), "6:9");
  EXPECT_EQ(at(expr.where(expr.text().find("\n\n"))), "4:22");
}

TEST(YamlPosition, FindsEachByteInEveryStyle) {
  for (const char* value :
       {"plain text", "plain\n      over\n\n      three lines", "'it''s \"quoted\"'",
        "'over\n      two  \n\n\n      lines'", "\"esc \\\" \\n \\x41 \\u20ac \\U0001F600 \\_ \\L end\"",
        "\"over \\\n      lines \\\n\n      on\"", "\"one\n      two\"", "|-\n      a\n       b\n\n      c d",
        "|2\n        indented by two more\n      less",
        ">\n      folded\n      text\n        kept\n        lines\n      again\n\n      more",
        ">-\n\n\n      late\n      start", "|\n\n      late\n      start", "!!str plain", "&anchor 'quoted'",
        "&a !!str\n      plain below", "&a # comment\n      plain"}) {
    const std::string text = "k:\n  - a: 1\n    v: " + std::string(value) + "\n  - end\n";
    const Node list = parse_good(text)["k"];
    ASSERT_FALSE(list.items().empty()) << text;
    const Node node = list.items()[0]["v"];
    ASSERT_TRUE(node.is_scalar()) << value;
    // Bytes that were written as escapes are not there to be found.
    if (std::string_view(value).find("\\x41") == std::string_view::npos) {
      expect_offsets_found(text, node);
    } else {
      EXPECT_EQ(at(node.where(node.text().find('A'))), "3:19");
      EXPECT_EQ(at(node.where(node.text().find("end"))), "3:48");
    }
  }
}

TEST(YamlPosition, NeverLeavesTheText) {
  const Node root = parse_good("a: 'x'\nb: |\n  x\n");
  EXPECT_EQ(at(root["a"].where(1)), "1:6");
  EXPECT_EQ(at(root["a"].where(99)), "1:6");
  EXPECT_EQ(root["b"].where(99).line, 4U);
  EXPECT_EQ(at(Node().where(3)), "0:0");
  EXPECT_EQ(at(root.where(3)), "1:1");
}

TEST(YamlErrors, PointAtTheMistake) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"a: 1\na: 2\nb: 1\nb: 2\n", "2:1 yaml-duplicate-key 4:1 yaml-duplicate-key"},
           {"a: {x: 1, x: 2}\n", "1:11 yaml-duplicate-key"},
           {"a: 1\n---\nb: 2\n", "2:1 yaml-second-document"},
           {"a: &x {k: v}\nb:\n  <<: *x\n", "3:3 yaml-merge-key"},
           {"a: &x [*x]\n", "1:8 yaml-alias"},
           {"a: *none\n", "1:4 yaml-syntax"},
           {"? [a]\n: b\n", "1:3 yaml-key"},
           {": b\n", "1:1 yaml-key"},
           {"target: {{ $labels.name }}\n", "1:9 yaml-key"},
           {"a: !vault x\n", "1:4 yaml-tag"},
           {"a:\n\tb: 1\n", "2:1 yaml-syntax"},
           {"a:\n  b: 1\n\tc: 1\n", "3:1 yaml-syntax"},
           {"a: b: c\n", "1:5 yaml-syntax"},
           {"a: 'x\nb: 1\n", "1:4 yaml-syntax"},
           {"a: 'it''s\n", "1:4 yaml-syntax"},
           {"a: &b \"x \\\"\n", "1:7 yaml-syntax"},
           {"a: 'x", "1:6 yaml-syntax"},
           {"a: {b: 1\n", "2:1 yaml-syntax"},
           {"a: [1,\n", "2:1 yaml-syntax"},
           {"a: [1, 2\nb: 1\n", "2:2 yaml-syntax"},
           {"a: \"\\q\"\n", "1:5 yaml-syntax"},
           {"a: @x\n", "1:4 yaml-syntax"},
           {"a: |x\n  b\n", "1:5 yaml-syntax"},
           {"a: 1\n  b: 2\n", "2:4 yaml-syntax"},
           {"a:\n  - b\n  c: d\n", "3:3 yaml-syntax"},
           {"a: \x01\n", "1:4 yaml-syntax"},
           {"a: x\x04\nb: 1", "1:5 yaml-syntax"},
           {"a: \xff\n", "1:4 yaml-syntax"},
           {"a: 1\rb: 2\n", "1:5 yaml-syntax"},
       }) {
    EXPECT_EQ(faults(one.text), one.expected) << one.text;
  }
}

TEST(YamlErrors, TabsAreCalledTabs) {
  DiagnosticSink sink;
  parse("f.yml", "groups:\n  - name: x\n\t  rules: []\n", sink);
  ASSERT_EQ(sink.all().size(), 1U);
  EXPECT_THAT(sink.all()[0].message, ::testing::HasSubstr("tab"));
  EXPECT_EQ(sink.all()[0].source_line, "\t  rules: []");
}

TEST(YamlErrors, RefuseDepthSizeAndAliasBombs) {
  EXPECT_EQ(faults(std::string(65, '[') + std::string(65, ']')), "1:65 yaml-too-deep");
  EXPECT_TRUE(parse_good(std::string(64, '[') + std::string(64, ']')).is_sequence());
  EXPECT_THAT(faults(std::string(10'000, '[')), ::testing::EndsWith("yaml-too-deep"));

  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 1; j < 10; ++j) bomb += ", " + last;
    bomb += "]\n";
  }
  EXPECT_THAT(faults(bomb), ::testing::EndsWith("yaml-too-large"));

  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 70; ++i) {
    deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_THAT(faults(deep), ::testing::EndsWith("yaml-too-deep"));

  std::string many = "[";
  for (int i = 0; i < 100'001; ++i) many += "1,";
  EXPECT_THAT(faults(many + "]"), ::testing::EndsWith("yaml-too-large"));
}

}  // namespace
}  // namespace chiron::yaml
