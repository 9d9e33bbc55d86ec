#include "rules/promql/query_gate.h"

#include <optional>
#include <thread>

#include <gtest/gtest.h>

namespace chiron::promql {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(QueryGate, LetsOnlySoManyIn) {
  QueryGate gate(2);
  Result<QueryGate::Turn> first = gate.enter(hours(1));
  ASSERT_TRUE(first.ok());
  {
    const Result<QueryGate::Turn> second = gate.enter(hours(1));
    ASSERT_TRUE(second.ok());
    const Result<QueryGate::Turn> third = gate.enter(milliseconds(1));
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code(), ErrorCode::timed_out);
    EXPECT_EQ(third.error().message(), "query timed out in query queue");
  }
  EXPECT_TRUE(gate.enter(milliseconds(1)).ok()) << "the second one left";
}

TEST(QueryGate, LetsTheNextOneInWhenOneLeaves) {
  QueryGate gate(1);
  std::optional<QueryGate::Turn> inside(*gate.enter(hours(1)));
  bool entered = false;
  std::thread next([&] { entered = gate.enter(hours(1)).ok(); });
  inside.reset();
  next.join();
  EXPECT_TRUE(entered);
}

TEST(QueryGate, LetsACancelledOneGo) {
  QueryGate gate(1);
  const Result<QueryGate::Turn> inside = gate.enter(hours(1));
  CancelToken cancel;
  std::optional<Error> error;
  std::thread waiting([&] {
    const Result<QueryGate::Turn> turn = gate.enter(hours(1), &cancel);
    if (!turn.ok()) error = turn.error();
  });
  cancel.cancel();
  waiting.join();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::cancelled);
  EXPECT_EQ(error->message(), "query was canceled in query queue");
}

}  // namespace
}  // namespace chiron::promql
