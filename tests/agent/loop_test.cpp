#include "agent/loop.h"

#include "tests/support/recording_log.h"

#include <future>

namespace chiron::agent {
namespace {

using namespace std::chrono_literals;

class CountingCollector final : public Collector {
 public:
  explicit CountingCollector(std::atomic<int>& count) : count_(count) {}
  Status collect(Frame&) override {
    ++count_;
    return {};
  }

 private:
  std::atomic<int>& count_;
};

class LoopTest : public ::testing::Test {
 protected:
  LoopTest() { sampler_.add("counting", std::make_unique<CountingCollector>(collections_)); }

  std::atomic<int> collections_ = 0;
  testing::RecordingLog log_;
  Catalogue catalogue_;
  Store store_{catalogue_, {}};
  SelfMetrics metrics_{catalogue_};
  Sampler sampler_{catalogue_, store_, metrics_, system_clock(), log_, {}};
};

TEST_F(LoopTest, ManyWhoAskAtOnceShareOnePass) {
  Loop loop(sampler_, system_clock(), 1h, [](PassTime) {});
  loop.start();
  ASSERT_NE(loop.fresh_page(1h, 10s), nullptr);
  EXPECT_EQ(collections_, 1);
  std::vector<std::thread> scrapers;
  std::atomic<int> served = 0;
  for (int i = 0; i < 8; ++i) {
    scrapers.emplace_back([&] { served += loop.fresh_page(1h, 10s) != nullptr; });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(served, 8);
  EXPECT_EQ(collections_, 1);
  const BootTime before = sampler_.last_pass().boot;
  loop.fresh_page(Duration::zero(), 10s);
  EXPECT_GT(sampler_.last_pass().boot, before);
}

TEST_F(LoopTest, AFrameThatIsWantedComesAtOnceAndIsHandedOn) {
  std::mutex mutex;
  std::condition_variable changed;
  int passes = 0;
  Loop loop(sampler_, system_clock(), 1h, [&](PassTime) {
    const std::lock_guard lock(mutex);
    ++passes;
    changed.notify_all();
  });
  loop.start();
  const auto reached = [&](int wanted) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 10s, [&] { return passes >= wanted; });
  };
  ASSERT_TRUE(reached(1));
  loop.want_frame();
  EXPECT_TRUE(reached(2));
  loop.stop();
}

TEST_F(LoopTest, ShowsThatItLivesBetweenTwoPassesToo) {
  std::mutex mutex;
  std::condition_variable changed;
  int beats = 0;
  const auto beat = [&] {
    const std::lock_guard lock(mutex);
    ++beats;
    changed.notify_all();
  };
  Loop loop(sampler_, system_clock(), 1h, [](PassTime) {}, {.every = 1ms, .beat = beat});
  loop.start();
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, 10s, [&] { return beats >= 5; }));
  }
  loop.stop();
  EXPECT_EQ(collections_, 1);
}

TEST_F(LoopTest, AStuckPassIsNoSignOfLife) {
  std::atomic<int> beats = 0;
  std::promise<void> entered;
  std::promise<void> go_on;
  Loop loop(sampler_, system_clock(), 1h,
            [&, first = true](PassTime) mutable {
              if (!std::exchange(first, false)) return;
              entered.set_value();
              go_on.get_future().wait();
            },
            {.every = 1ms, .beat = [&] { ++beats; }});
  loop.start();
  entered.get_future().wait();
  // However often the loop is asked for a frame, it does not get there.
  loop.want_frame();
  EXPECT_EQ(loop.fresh_page(Duration::zero(), 20ms), sampler_.page());
  EXPECT_EQ(beats, 0);
  go_on.set_value();
  loop.stop();
}

}  // namespace
}  // namespace chiron::agent
