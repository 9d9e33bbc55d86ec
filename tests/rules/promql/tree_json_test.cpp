#include "rules/promql/tree_json.h"

#include "rules/promql/promql.h"

#include <nlohmann/json.hpp>

namespace chiron::promql {
namespace {

using Json = nlohmann::json;

Json tree(std::string_view text) {
  const Parsed parsed = parse(text);
  if (!parsed.ok()) return "no expression";
  std::string out;
  append_tree_json(out, *parsed.expr);
  return Json::parse(out);
}

TEST(TreeJson, IsThatOfPrometheus) {
  EXPECT_EQ(tree("up{job!=\"a\"} offset 5m @ 1.5"), Json::parse(R"({"type":"vectorSelector","name":"up",
    "matchers":[{"name":"job","value":"a","type":"!="},{"name":"__name__","value":"up","type":"="}],
    "offset":300000,"offsetExpr":null,"timestamp":1500,"startOrEnd":null,"anchored":false,"smoothed":false})"));
  EXPECT_EQ(tree("(-rate(x[1m] @ end()))"),
            Json::parse(R"({"type":"parenExpr","expr":{"type":"unaryExpr","op":"-",
    "expr":{"type":"call","func":{"name":"rate","argTypes":["matrix"],"variadic":0,"returnType":"vector"},
    "args":[{"type":"matrixSelector","name":"x","range":60000,"rangeExpr":null,"offset":0,"offsetExpr":null,"timestamp":null,"startOrEnd":"end",
    "matchers":[{"name":"__name__","value":"x","type":"="}],"anchored":false,"smoothed":false}]}}})"));
  EXPECT_EQ(tree("topk by(a) (1e3, x)[5m:30s]"),
            Json::parse(R"({"type":"subquery","range":300000,"rangeExpr":null,"step":30000,
    "stepExpr":null,"offset":0,"offsetExpr":null,"timestamp":null,"startOrEnd":null,"expr":{"type":"aggregation","op":"topk","grouping":["a"],
    "without":false,"param":{"type":"numberLiteral","val":"1000"},"expr":{"type":"vectorSelector","name":"x",
    "matchers":[{"name":"__name__","value":"x","type":"="}],"offset":0,"offsetExpr":null,"timestamp":null,
    "startOrEnd":null,"anchored":false,"smoothed":false}}})"));
}

// The shapes are those of web/api/v1/translate_ast.go: what is computed has no number of its own.
TEST(TreeJson, ComputedDurationsAreTrees) {
  const Json range = tree("foo[step()+1m] offset -(2*5)");
  EXPECT_EQ(range["range"], 0);
  EXPECT_EQ(range["rangeExpr"], Json::parse(R"({"type":"durationExpr","op":"+","wrapped":false,
    "lhs":{"type":"durationExpr","op":"step","lhs":null,"rhs":null,"wrapped":false},
    "rhs":{"type":"numberLiteral","val":"60","duration":true}})"));
  EXPECT_EQ(range["offset"], 0);
  EXPECT_EQ(range["offsetExpr"], Json::parse(R"({"type":"durationExpr","op":"-","lhs":null,"wrapped":false,
    "rhs":{"type":"durationExpr","op":"*","wrapped":true,
      "lhs":{"type":"numberLiteral","val":"2","duration":false},
      "rhs":{"type":"numberLiteral","val":"5","duration":false}}})"));
  const Json subquery = tree("foo[(5m):min_of(step(), 1e-3)] offset range()");
  EXPECT_EQ(subquery["rangeExpr"], Json::parse(R"({"type":"durationExpr","op":"+","lhs":null,"wrapped":true,
    "rhs":{"type":"numberLiteral","val":"300","duration":true}})"));
  EXPECT_EQ(subquery["step"], 0);
  EXPECT_EQ(subquery["stepExpr"], Json::parse(R"({"type":"durationExpr","op":"min_of","wrapped":false,
    "lhs":{"type":"durationExpr","op":"step","lhs":null,"rhs":null,"wrapped":false},
    "rhs":{"type":"numberLiteral","val":"0.001","duration":false}})"));
  EXPECT_EQ(subquery["offsetExpr"]["op"], "range");
  EXPECT_EQ(tree("foo offset step()")["offsetExpr"]["op"], "step");
  EXPECT_EQ(tree("foo offset -5m")["offset"], -300000);
}

TEST(TreeJson, MatchingIsOfTwoVectorsOnly) {
  EXPECT_EQ(tree("a / on(x) group_left(y) b")["matching"],
            Json::parse(R"({"card":"many-to-one","labels":["x"],"on":true,"include":["y"],
              "fillValues":{"lhs":null,"rhs":null}})"));
  EXPECT_EQ(tree("a and b")["matching"]["card"], "many-to-many");
  EXPECT_EQ(tree("a > bool 1")["matching"], nullptr);
  EXPECT_EQ(tree("a > bool 1")["bool"], true);
  EXPECT_EQ(tree("sum(a)")["param"], nullptr);
}

TEST(TreeJson, NumbersAndTextsAreTexts) {
  EXPECT_EQ(tree("-Inf")["val"], "-Inf");
  EXPECT_EQ(tree("NaN")["val"], "NaN");
  EXPECT_EQ(tree("1e30")["val"], "1" + std::string(30, '0'));
  EXPECT_EQ(tree("1e-7")["val"], "0.0000001");
  EXPECT_EQ(tree("1.7976931348623157e308")["val"].get<std::string>().size(), 309u);
  EXPECT_EQ(tree("\"a\\n\\\"\"")["val"], "a\n\"");
  EXPECT_EQ(tree("label_join(x, \"a\", \"b\")")["func"]["variadic"], -1);
}

}  // namespace
}  // namespace chiron::promql
