#include "rules/promql/ast.h"

namespace chiron::promql {
namespace {

TEST(ValueType, HasPrometheusWords) {
  EXPECT_EQ(to_string(ValueType::vector), "instant vector");
  EXPECT_EQ(to_string(ValueType::matrix), "range vector");
}

}  // namespace
}  // namespace chiron::promql
