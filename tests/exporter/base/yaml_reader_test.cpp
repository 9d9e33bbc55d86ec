#include "exporter/base/yaml_reader.h"

namespace chiron::yaml {
namespace {

struct Fixture : ::testing::Test {
  Reader reader(const std::string& text) {
    return Reader(parse("f.yml", text, sink), sink, {"host", "Down"});
  }
  /// "line:column code path > path", one a line.
  std::string faults() const {
    std::string all;
    for (const Diagnostic& one : sink.all()) {
      all += std::to_string(one.where.line) + ":" + std::to_string(one.where.column) + " " + one.code;
      for (const std::string& part : one.path) all += " > " + part;
      all += "\n";
    }
    return all;
  }
  DiagnosticSink sink;
};
using YamlReader = Fixture;

TEST_F(YamlReader, ReadsEachType) {
  Reader in = reader(
      "text: '5'\nplain: 5\nhold: 5m\nsize: 16MB\ncount: -3\nratio: 0.5\nflag: yes\nlist: [a, 1]\none: a\n"
      "map: {a: 1, b: , c: 'x'}\nnested: {x: 1}\nmode: dry-run\nnothing: ~\n");
  EXPECT_EQ(in.string("text"), "5");
  EXPECT_EQ(in.string("plain"), "5");
  EXPECT_EQ(in.duration("hold"), std::chrono::minutes(5));
  EXPECT_EQ(in.bytes("size"), 16U << 20);
  EXPECT_EQ(in.integer("count"), -3);
  EXPECT_EQ(in.number("ratio"), 0.5);
  EXPECT_EQ(in.boolean("flag"), true);
  EXPECT_EQ(in.strings("list"), (std::vector<std::string>{"a", "1"}));
  EXPECT_EQ(in.strings("one"), std::vector<std::string>{"a"});
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(in.string_map("map"), (Pairs{{"a", "1"}, {"b", ""}, {"c", "x"}}));
  Reader nested = in.mapping("nested");
  EXPECT_EQ(nested.integer("x"), 1);
  nested.finish();
  EXPECT_EQ(in.one_of("mode", {"automatic", "dry-run"}), "dry-run");
  EXPECT_EQ(in.string("nothing"), std::nullopt);
  EXPECT_EQ(in.integer("absent"), std::nullopt);
  EXPECT_FALSE(in.has("nothing"));
  in.finish();
  EXPECT_EQ(faults(), "");
}

TEST_F(YamlReader, ReportsEveryWrongValueWhereItStands) {
  Reader in = reader(
      "hold: 5min\nsize: 16Q\ncount: x\nquoted: '5'\nflag: 'true'\nlist: {a: b}\nmixed: [a, [b]]\nmap: [x]\n"
      "inner: {k: [x]}\nnested: x\nmode: dryrun\ntext: [x]\nlow: 0\nratio: 1,5\n");
  in.duration("hold");
  in.bytes("size");
  in.integer("count");
  in.integer("quoted");
  in.boolean("flag");
  in.strings("list");
  in.strings("mixed");
  in.string_map("map");
  in.string_map("inner");
  in.mapping("nested").finish();
  in.one_of("mode", {"automatic", "dry-run"});
  in.string("text");
  in.integer("low", 1, 10);
  in.number("ratio");
  in.list("flag");
  in.finish();
  EXPECT_EQ(faults(),
            "1:7 bad-duration > host > Down > hold\n"
            "2:7 bad-size > host > Down > size\n"
            "3:8 bad-number > host > Down > count\n"
            "4:9 bad-number > host > Down > quoted\n"
            "5:7 bad-boolean > host > Down > flag\n"
            "6:7 wrong-type > host > Down > list\n"
            "7:12 wrong-type > host > Down > mixed\n"
            "8:6 wrong-type > host > Down > map\n"
            "9:12 wrong-type > host > Down > inner > k\n"
            "10:9 wrong-type > host > Down > nested\n"
            "11:7 bad-value > host > Down > mode\n"
            "12:7 wrong-type > host > Down > text\n"
            "13:6 out-of-range > host > Down > low\n"
            "14:8 bad-number > host > Down > ratio\n"
            "5:7 wrong-type > host > Down > flag\n");
  EXPECT_EQ(sink.all()[10].hint, "did you mean \"dry-run\"?");
}

TEST_F(YamlReader, ReportsUnreadKeysWithWhatTheyMayMean) {
  Reader in = reader("exprs: 1\nzzz: 2\nwindow: 3\nfor: 1m\n");
  in.string("expr");
  in.duration("for");
  in.not_supported({"window"});
  in.finish();
  EXPECT_EQ(
      faults(),
      "1:1 unknown-key > host > Down\n2:1 unknown-key > host > Down\n3:1 not-supported > host > Down\n");
  EXPECT_EQ(sink.all()[0].hint, "did you mean \"expr\"?");
  EXPECT_EQ(sink.all()[0].length, 5U);
  EXPECT_EQ(sink.all()[1].hint, "known keys: expr, for");
  EXPECT_EQ(sink.all()[2].message, "the key \"window\" is not supported yet");
}

TEST_F(YamlReader, ReportsWhatIsMissing) {
  Reader in = reader("rules:\n  - alert:\n");
  Reader rule = in.child(in.list("rules").at(0), "rules[0]");
  EXPECT_FALSE(rule.require({"alert", "expr"}));
  EXPECT_EQ(faults(),
            "2:5 missing-value > host > Down > rules[0] > alert\n2:5 missing-key > host > Down > rules[0]\n");
}

TEST_F(YamlReader, WantsAMappingButTakesNothingForAnEmptyOne) {
  Reader list = reader("- a\n");
  EXPECT_EQ(list.string("a"), std::nullopt);
  list.finish();
  EXPECT_EQ(faults(), "1:1 wrong-type > host > Down\n");
  Reader empty(Node(), sink);
  empty.finish();
  EXPECT_EQ(sink.all().size(), 1U);
}

TEST_F(YamlReader, PointsIntoABlock) {
  Reader in = reader("expr: |\n  a +\n    b c\n");
  in.fail("expr", "promql-syntax", "unexpected c", "", in.string("expr").value_or("").find('c'), 1);
  EXPECT_EQ(faults(), "3:7 promql-syntax > host > Down > expr\n");
}

}  // namespace
}  // namespace chiron::yaml
