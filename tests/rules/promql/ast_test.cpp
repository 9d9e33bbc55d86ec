#include "rules/promql/ast.h"

#include <fmt/format.h>

namespace chiron::promql {
namespace {

TEST(ValueType, HasPrometheusWords) {
  EXPECT_EQ(to_string(ValueType::vector), "instant vector");
  EXPECT_EQ(to_string(ValueType::matrix), "range vector");
}

TEST(TextPosition, CountsLinesAndBytes) {
  const auto at = [](std::size_t offset) {
    const TextPosition position = position_in("a\nbäc\n", offset);
    return fmt::format("{}:{}", position.line, position.column);
  };
  EXPECT_EQ(at(0), "1:1");
  EXPECT_EQ(at(1), "1:2");
  EXPECT_EQ(at(2), "2:1");
  EXPECT_EQ(at(5), "2:4");
  EXPECT_EQ(at(99), "3:1");
}

}  // namespace
}  // namespace chiron::promql
