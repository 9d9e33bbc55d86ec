#include "rules/engine/expr_facts.h"

#include "rules/promql/promql.h"

namespace chiron::rules {
namespace {

using namespace std::chrono_literals;
using Set = std::optional<std::set<std::string>>;

promql::ExprPtr parsed(std::string_view text) {
  const promql::Parsed parsed = promql::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.expr;
}

TEST(ExprLabels, AreKnownAboveAnAggregation) {
  const auto labels = [](std::string_view text) { return labels_of(*parsed(text)); };
  EXPECT_EQ(labels("up"), std::nullopt);
  EXPECT_EQ(labels("5 * scalar(up)"), Set(std::in_place));
  EXPECT_EQ(labels("vector(1)"), Set(std::in_place));
  EXPECT_EQ(labels("sum(up)"), Set(std::in_place));
  EXPECT_EQ(labels("-sum by (a, b) (rate(x[5m])) > 2"), Set({"a", "b"}));
  EXPECT_EQ(labels("max without (a) (sum by (a, b) (x))"), Set({"b"}));
  EXPECT_EQ(labels("max without (a) (x)"), std::nullopt);
  EXPECT_EQ(labels("sum by (a) (x) or sum by (b) (y)"), Set({"a", "b"}));
  EXPECT_EQ(labels("sum by (a) (x) and y"), Set({"a"}));
  EXPECT_EQ(labels("x / on (a) y"), Set({"a"}));
  EXPECT_EQ(labels("sum by (a, b) (x) / ignoring (b) sum by (a) (y)"), Set({"a"}));
  EXPECT_EQ(labels("sum by (a, b) (x) * on (a) group_left (c) y"), Set({"a", "b", "c"}));
  EXPECT_EQ(labels("histogram_quantile(0.9, sum by (le, a) (x))"), Set({"a", "le"}));
  EXPECT_EQ(labels("label_replace(sum by (a) (x), \"b\", \"\", \"\", \"\")"), std::nullopt);
  EXPECT_EQ(labels("absent(x{a=\"b\"})"), std::nullopt);
}

// These pick elements, or add a label, whatever stands in by(...).
TEST(ExprLabels, AreNotOnlyThoseOfBy) {
  EXPECT_EQ(labels_of(*parsed("topk by (a) (1, x)")), std::nullopt);
  EXPECT_EQ(labels_of(*parsed("bottomk by (a) (1, x)")), std::nullopt);
  EXPECT_EQ(labels_of(*parsed("bottomk by (a) (1, sum by (a, b) (x))")), Set({"a", "b"}));
  EXPECT_EQ(labels_of(*parsed("count_values by (a) (\"v\", x)")), std::nullopt);
  EXPECT_EQ(labels_of(*parsed("count_values without (a) (\"v\", sum by (a, b) (x))")), std::nullopt);
}

TEST(ExprFacts, TellHowFarBackAndWhetherAbsenceIsLookedFor) {
  EXPECT_EQ(facts_of(*parsed("up == 0")).history, 0s);
  EXPECT_EQ(facts_of(*parsed("rate(x[5m]) > 1 and y offset 7m")).history, 7min);
  EXPECT_EQ(facts_of(*parsed("max_over_time(rate(x[5m])[1h:1m] offset 10m)")).history, 75min);
  EXPECT_EQ(facts_of(*parsed("topk(scalar(rate(x[3m])), y)")).history, 3min);
  EXPECT_FALSE(facts_of(*parsed("up == 0")).looks_for_absence);
  EXPECT_TRUE(facts_of(*parsed("1 + absent(up) > 1")).looks_for_absence);
  EXPECT_TRUE(facts_of(*parsed("absent_over_time(up[5m])")).looks_for_absence);
}

}  // namespace
}  // namespace chiron::rules
