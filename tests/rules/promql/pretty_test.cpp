#include "rules/promql/pretty.h"

#include "rules/promql/promql.h"

namespace chiron::promql {
namespace {

std::string laid_out(std::string_view text) {
  const Parsed parsed = parse(text);
  return parsed.ok() ? pretty(*parsed.expr) : "no expression";
}

TEST(Pretty, ALineThatFitsStaysOne) {
  EXPECT_EQ(laid_out("sum  by(job)  (rate( up [5m] ))"), "sum by (job) (rate(up[5m]))");
  EXPECT_EQ(laid_out("(1+ 2)"), "(1 + 2)");
}

TEST(Pretty, WhatIsTooLongIsBrokenFromTheOutside) {
  const std::string name(60, 'a');
  EXPECT_EQ(laid_out("sum by(job)(" + name + "{x=\"y\"} + ignoring(b) group_left(c) " + name + ") > bool 1"),
            "  sum by (job) (\n"
            "      " +
                name +
                "{x=\"y\"}\n"
                "    + ignoring (b) group_left (c)\n"
                "      " +
                name +
                "\n"
                "  )\n"
                "> bool\n"
                "  1");
  EXPECT_EQ(laid_out("topk(5, label_replace(" + name + ", \"" + name + "\", \"b\", \"c\", \"d\"))"),
            "topk(\n  5,\n  label_replace(\n    " + name + ",\n    \"" + name +
                "\",\n    \"b\",\n    \"c\",\n    \"d\"\n  )\n)");
  EXPECT_EQ(laid_out("-(" + name + "+" + name + ")"), "-(\n    " + name + "\n  +\n    " + name + "\n)");
  EXPECT_EQ(laid_out("sum(" + name + "+" + name + ")[5m:1m] offset 1m"),
            "sum(\n    " + name + "\n  +\n    " + name + "\n)[5m:1m] offset 1m");
}

TEST(Pretty, ReadsBackAsTheSame) {
  const std::string name(60, 'a');
  for (const std::string& text :
       {name + " and on(a, b) " + name, "quantile without(x) (0.9, " + name + " or " + name + ")",
        "time() - timestamp(" + name + " offset -5m) > 10 unless " + name + "[5m:] @ end() == 3"}) {
    const Parsed once = parse(text);
    if (!once.ok()) continue;
    const Parsed again = parse(pretty(*once.expr));
    ASSERT_TRUE(again.ok()) << pretty(*once.expr);
    EXPECT_EQ(to_string(*again.expr), to_string(*once.expr));
  }
}

}  // namespace
}  // namespace chiron::promql
