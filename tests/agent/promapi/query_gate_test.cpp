#include "agent/promapi/query_gate.h"

#include <future>
#include <latch>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

namespace chiron::agent::promapi {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLong = 60s;

/// A query that runs until it is let go.
class Held {
 public:
  explicit Held(QueryGate& gate) {
    thread_ = std::thread([this, &gate] {
      status = gate.run(kLong, nullptr, [this](const CancelToken& token) {
        began_.count_down();
        token.wait_for(kLong);
        cancelled = token.cancelled();
      });
    });
    began_.wait();
  }
  ~Held() { thread_.join(); }
  std::atomic<bool> cancelled = false;
  Status status;

 private:
  std::latch began_{1};
  std::thread thread_;
};

TEST(QueryGate, RunsOnAThreadThatOthersGoBefore) {
  QueryGate gate({.most = 1, .waiting = 0});
  int niceness = 0;
  ASSERT_TRUE(gate.run(kLong, nullptr,
                       [&](const CancelToken&) {
                         niceness = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
                       })
                  .ok());
  EXPECT_GE(niceness, 10);
  EXPECT_LT(::getpriority(PRIO_PROCESS, 0), niceness);
}

TEST(QueryGate, RefusesWhatIsMoreThanMayWait) {
  QueryGate gate({.most = 1, .waiting = 0});
  const Held held(gate);
  const Status refused = gate.run(kLong, nullptr, [](const CancelToken&) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::unavailable);
  gate.stop();
}

TEST(QueryGate, OneThatWaitsRunsWhenThereIsRoom) {
  QueryGate gate({.most = 1, .waiting = 1});
  std::promise<void> let_go;
  std::latch began(1);
  auto first = std::async(std::launch::async, [&] {
    return gate.run(kLong, nullptr, [&](const CancelToken&) {
      began.count_down();
      let_go.get_future().wait();
    });
  });
  began.wait();
  std::atomic<int> looked = 0;
  auto second = std::async(std::launch::async, [&] {
    return gate.run(
        kLong,
        [&] {
          ++looked;
          looked.notify_all();
          return false;
        },
        [](const CancelToken&) {});
  });
  looked.wait(0);  // it is in the queue
  let_go.set_value();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
}

TEST(QueryGate, TimesOutAndLeavesInTheQueue) {
  QueryGate gate({.most = 1, .waiting = 1});
  const Held held(gate);
  const Status late = gate.run(50ms, nullptr, [](const CancelToken&) { FAIL(); });
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), ErrorCode::timed_out);
  EXPECT_EQ(late.error().message(), "query timed out in query queue");
  const Status left = gate.run(
      kLong, [] { return true; }, [](const CancelToken&) { FAIL(); });
  ASSERT_FALSE(left.ok());
  EXPECT_EQ(left.error().code(), ErrorCode::cancelled);
  gate.stop();
}

TEST(QueryGate, StoppingCancelsWhatRuns) {
  QueryGate gate({.most = 2, .waiting = 0});
  const Held one(gate), other(gate);
  gate.stop();
  EXPECT_EQ(gate.run(kLong, nullptr, [](const CancelToken&) {}).error().code(), ErrorCode::unavailable);
}

TEST(QueryGate, TheDeadlineCancels) {
  QueryGate gate({.most = 1, .waiting = 0});
  bool cancelled = false;
  EXPECT_TRUE(
      gate.run(1ms, nullptr, [&](const CancelToken& token) { cancelled = token.wait_for(kLong); }).ok());
  EXPECT_TRUE(cancelled);
}

TEST(QueryGate, AFaultOfTheWorkIsAnError) {
  QueryGate gate({.most = 1, .waiting = 0});
  const Status failed = gate.run(kLong, nullptr, [](const CancelToken&) { throw std::bad_alloc(); });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::internal);
  EXPECT_TRUE(gate.run(kLong, nullptr, [](const CancelToken&) {}).ok());
}

}  // namespace
}  // namespace chiron::agent::promapi
