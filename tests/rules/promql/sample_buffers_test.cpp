#include "rules/promql/sample_buffers.h"

#include "rules/promql/promql.h"
#include "tests/support/series_fixture.h"

#include <array>

#include <gtest/gtest.h>

namespace chiron::promql {
namespace {

TEST(SampleBuffers, PassMemoryFromOneBorrowerToTheNext) {
  SampleBuffers buffers;
  std::vector<Sample> first, second;
  buffers.lend(first);
  first.resize(100);
  const Sample* const memory = first.data();
  buffers.reclaim();
  EXPECT_EQ(first.capacity(), 0u);
  buffers.lend(second);
  EXPECT_TRUE(second.empty());
  second.resize(100);
  EXPECT_EQ(second.data(), memory);
  buffers.release();
  EXPECT_EQ(second.capacity(), 0u);
  buffers.lend(first);
  EXPECT_EQ(first.capacity(), 0u) << "all of it is gone";
}

class BorrowingQueries : public ::testing::Test {
 protected:
  static constexpr TimestampMs kNow = 1'700'000'000'000;

  BorrowingQueries() { series_.load(kNow - 600'000, 10'000, {R"(a{x="1"} 0+1x60)", R"(a{x="2"} 0+2x60)"}); }
  Query query(std::string_view text, Limits limits = {}) {
    Parsed parsed = parse(text);
    EXPECT_TRUE(parsed.ok()) << text;
    limits.buffers = &buffers_;
    return {std::move(parsed.expr), series_.store(), limits};
  }
  static double only(Query& query, TimestampMs t = kNow) {
    const auto found = query.elements(t);
    EXPECT_TRUE(found.ok());
    return found.ok() && found->size() == 1 ? found->front().v : -1;
  }

  /// What the pool holds, in samples.
  std::size_t pooled() {
    std::array<std::vector<Sample>, 16> all;
    std::size_t sum = 0;
    for (std::vector<Sample>& one : all) {
      buffers_.lend(one);
      sum += one.capacity();
    }
    buffers_.reclaim();
    return sum;
  }

  testing::SeriesFixture series_;
  SampleBuffers buffers_;
};

TEST_F(BorrowingQueries, LeaveTheirMemoryToTheNext) {
  Query one = query("sum(increase(a[5m]))");
  only(one);
  const std::size_t held = pooled();
  EXPECT_GE(held, 60u);
  Query other = query("sum(delta(a[5m]))");
  for (int turn = 0; turn < 3; ++turn) {
    only(one);
    only(other);
    EXPECT_EQ(pooled(), held) << turn;
  }
}

TEST_F(BorrowingQueries, WithManySmallWindowsDoNotMakeEachAsLargeAsTheLargest) {
  Query large = query("sum(increase(a[10m]))"),
        small = query("sum(delta(a[20s])) + sum(delta(a[30s])) + sum(delta(a[40s])) + sum(delta(a[50s]))");
  for (int turn = 0; turn < 8; ++turn) {
    only(large);
    only(small);
  }
  EXPECT_LT(pooled(), 2 * 120u + 4 * 16u);
}

TEST_F(BorrowingQueries, AnswerAsThoseWithMemoryOfTheirOwn) {
  Query sum = query("sum(increase(a[5m]))"), most = query("max_over_time(sum(rate(a[1m]))[5m:1m])"),
        two = query("sum(delta(a[1m])) / sum(delta(a[5m]))");
  for (const TimestampMs t : {kNow - 60'000, kNow, kNow}) {
    EXPECT_DOUBLE_EQ(only(sum, t), 90);
    EXPECT_DOUBLE_EQ(only(most, t), 0.3);
    EXPECT_DOUBLE_EQ(only(two, t), 0.2);
  }
  const auto range = query("sum(increase(a[5m]))").range(kNow - 60'000, kNow, std::chrono::seconds(15));
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(std::get<Matrix>(*range).at(0).samples.size(), 5u);
  const auto windows = query("a[1m]").instant(kNow);
  ASSERT_TRUE(windows.ok());
  EXPECT_EQ(std::get<Matrix>(*windows).at(1).samples.size(), 6u);
}

TEST_F(BorrowingQueries, OneThatIsTooLargeLeavesNothingBehind) {
  Query large = query("sum(increase(a[10m])) + sum(increase(a[5m]))", {.max_samples = 100});
  const auto refused = large.elements(kNow);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::exhausted);
  std::vector<Sample> next;
  buffers_.lend(next);
  EXPECT_EQ(next.capacity(), 0u);
  buffers_.reclaim();
  Query after = query("sum(increase(a[5m]))");
  EXPECT_DOUBLE_EQ(only(after), 90);
}

}  // namespace
}  // namespace chiron::promql
