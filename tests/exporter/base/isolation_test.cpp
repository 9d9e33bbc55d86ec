#include "exporter/base/isolation.h"

#include "exporter/base/cancel.h"

#include <future>

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Outcome = Isolation::Outcome;

/// A function that hangs until it is let go, and owns what it touches.
struct Hang {
  std::shared_ptr<std::promise<void>> gate = std::make_shared<std::promise<void>>();
  std::shared_ptr<std::promise<void>> entered = std::make_shared<std::promise<void>>();
  std::function<void()> function() const {
    return [gate = std::make_shared<std::shared_future<void>>(gate->get_future()), in = entered] {
      in->set_value();
      gate->wait();
    };
  }
  void wait_entered() const { entered->get_future().wait(); }
  void let_go() const { gate->set_value(); }
};

/// Waits for a condition that no event tells of, within a bound.
template <class Condition>
bool eventually(Condition condition) {
  const CancelToken pause;
  for (int i = 0; i < 5000; ++i) {
    if (condition()) return true;
    pause.wait_for(milliseconds(1));
  }
  return false;
}

TEST(Isolation, RunsAndReusesOneThread) {
  Isolation isolation;
  std::unordered_map<std::thread::id, int> seen;
  for (int i = 0; i < 100; ++i) {
    const auto outcome = isolation.run(
        "a", [&seen] { ++seen[std::this_thread::get_id()]; }, seconds(30));
    ASSERT_EQ(outcome, Outcome::done);
  }
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_EQ(isolation.threads(), 1U);
  EXPECT_EQ(isolation.running(), 0U);
}

TEST(Isolation, AHungTargetIsNotTriedAgainAndHoldsNobodyElse) {
  Isolation isolation;
  const Hang hang;
  EXPECT_EQ(isolation.run("nfs", hang.function(), milliseconds(1)), Outcome::late);
  EXPECT_TRUE(isolation.busy("nfs"));
  bool ran = false;
  EXPECT_EQ(isolation.run(
                "nfs", [&ran] { ran = true; }, seconds(30)),
            Outcome::busy);
  EXPECT_EQ(isolation.start("nfs", [&ran] { ran = true; }), Outcome::busy);
  EXPECT_EQ(isolation.run(
                "root", [&ran] { ran = true; }, seconds(30)),
            Outcome::done);
  EXPECT_TRUE(ran);
  hang.let_go();
  EXPECT_TRUE(eventually([&] { return !isolation.busy("nfs"); }));
  EXPECT_EQ(isolation.run(
                "nfs", [] {}, seconds(30)),
            Outcome::done);
}

TEST(Isolation, IsFullWhenAllThreadsHang) {
  Isolation isolation(2);
  const Hang first;
  const Hang second;
  EXPECT_EQ(isolation.start("a", first.function()), Outcome::done);
  EXPECT_EQ(isolation.start("b", second.function()), Outcome::done);
  EXPECT_EQ(isolation.start("c", [] {}), Outcome::full);
  EXPECT_FALSE(isolation.busy("c"));
  EXPECT_EQ(isolation.running(), 2U);
  first.let_go();
  EXPECT_TRUE(eventually([&] {
    return isolation.run(
               "c", [] {}, seconds(30)) == Outcome::done;
  }));
  second.let_go();
}

TEST(Isolation, IdleThreadsEnd) {
  Isolation isolation(4, milliseconds(1));
  EXPECT_EQ(isolation.run(
                "a", [] {}, seconds(30)),
            Outcome::done);
  EXPECT_TRUE(eventually([&] { return isolation.threads() == 0; }));
  EXPECT_EQ(isolation.run(
                "a", [] {}, seconds(30)),
            Outcome::done);
}

TEST(Isolation, AFunctionThatThrowsHasReturned) {
  Isolation isolation;
  EXPECT_EQ(isolation.run(
                "a", [] { throw 1; }, seconds(30)),
            Outcome::done);
  EXPECT_FALSE(isolation.busy("a"));
}

TEST(Isolation, ReleasesWhatTheFunctionHeldBeforeTheTargetIsFree) {
  Isolation isolation;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  EXPECT_EQ(isolation.run(
                "a", [held = std::move(held)] {}, seconds(30)),
            Outcome::done);
  EXPECT_TRUE(watch.expired());
}

TEST(Isolation, DoesNotWaitForTheHungWhenDestroyed) {
  const Hang hang;
  {
    Isolation isolation;
    EXPECT_EQ(isolation.start("a", hang.function()), Outcome::done);
    hang.wait_entered();
  }
  hang.let_go();
}

TEST(Isolation, ManyCallersGetOneFunctionPerTargetEach) {
  Isolation isolation(8, milliseconds(1));
  std::array<std::atomic<int>, 4> inside{};
  std::atomic<int> overlaps = 0;
  std::atomic<int> done = 0;
  std::vector<std::thread> callers;
  for (std::size_t c = 0; c < 8; ++c) {
    callers.emplace_back([&, c] {
      for (int i = 0; i < 500; ++i) {
        const std::size_t target = (c + static_cast<std::size_t>(i)) % inside.size();
        const auto once = [&inside, &overlaps, target] {
          if (++inside[target] != 1) ++overlaps;
          --inside[target];
        };
        auto outcome = Outcome::busy;
        while (outcome == Outcome::busy) outcome = isolation.run(std::to_string(target), once, seconds(60));
        if (outcome == Outcome::done) ++done;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(overlaps, 0);
  EXPECT_EQ(done, 8 * 500);
  EXPECT_LE(isolation.threads(), 8U);
}

}  // namespace
}  // namespace chiron
