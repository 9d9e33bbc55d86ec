#include "rules/promql/numbers.h"

#include "rules/promql/label_hash.h"

#include <limits>

namespace chiron::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(Numbers, PrintAsGoPrintsThem) {
  EXPECT_EQ(format_g(0.5), "0.5");
  EXPECT_EQ(format_g(-1), "-1");
  EXPECT_EQ(format_g(123456), "123456");
  EXPECT_EQ(format_g(1234567), "1.234567e+06");
  EXPECT_EQ(format_g(0.0001), "0.0001");
  EXPECT_EQ(format_g(0.00001), "1e-05");
  EXPECT_EQ(format_g(kInfinity), "+Inf");
  EXPECT_EQ(format_g(kNaN), "NaN");
  EXPECT_EQ(format_g2(1234.5), "1.2e+03");
  EXPECT_EQ(format_g2(0.126), "0.13");
  EXPECT_EQ(format_open_metrics(1), "1.0");
  EXPECT_EQ(format_open_metrics(0.99), "0.99");
  EXPECT_EQ(format_open_metrics(1e7), "1e+07");
  EXPECT_EQ(format_open_metrics(-kInfinity), "-Inf");
}

TEST(Numbers, NaNWinsButAgainstTheInfinityAtTheEnd) {
  EXPECT_TRUE(std::isnan(go_min(kNaN, 1)));
  EXPECT_EQ(go_min(kNaN, -kInfinity), -kInfinity);
  EXPECT_TRUE(std::isnan(go_max(1, kNaN)));
  EXPECT_EQ(go_max(kInfinity, kNaN), kInfinity);
  EXPECT_TRUE(std::signbit(go_min(0.0, -0.0)));
  EXPECT_FALSE(std::signbit(go_max(-0.0, 0.0)));
}

// Known answers of the reference implementation.
TEST(LabelHash, IsXxh64) {
  EXPECT_EQ(xxhash64(""), 0xef46db3751d8e999u);
  EXPECT_EQ(xxhash64("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(xxhash64("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(xxhash64("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
}

TEST(LabelHash, LiesBetweenZeroAndOne) {
  const double share = hash_share(Labels{{"__name__", "up"}, {"job", std::string(300, 'x')}});
  EXPECT_GE(share, 0);
  EXPECT_LT(share, 1);
  EXPECT_NE(share, hash_share(Labels{{"__name__", "up"}}));
}

}  // namespace
}  // namespace chiron::promql
