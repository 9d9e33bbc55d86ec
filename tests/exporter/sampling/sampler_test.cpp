#include "exporter/sampling/sampler.h"

#include "exporter/collectors/problems.h"
#include "exporter/sampling/fault_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"

#include <future>

namespace chiron {
namespace {

using namespace std::chrono_literals;

using CollectFunction = std::function<Status(Frame&)>;

class FunctionCollector final : public Collector {
 public:
  FunctionCollector(CollectFunction function, bool can_hang)
      : function_(std::move(function)), can_hang_(can_hang) {}
  bool can_hang() const override { return can_hang_; }
  Status collect(Frame& frame) override { return function_(frame); }

 private:
  CollectFunction function_;
  const bool can_hang_;
};

class SamplerTest : public ::testing::Test {
 protected:
  SeriesId series(const std::string& name) {
    return catalogue_.series(catalogue_.declare("m", "M.", MetricType::gauge), {{"n", name}});
  }
  void add(std::string name, CollectFunction function, bool can_hang = false) {
    sampler_.add(std::move(name), std::make_unique<FunctionCollector>(std::move(function), can_hang));
  }
  bool shows(std::string_view line) const {
    return sampler_.page()->body(PageFormat::text).find(line) != std::string::npos;
  }
  PassTime pass_after(Duration time) {
    clock_.advance(time);
    return sampler_.sample();
  }

  testing::FakeClock clock_;
  testing::RecordingLog log_;
  Catalogue catalogue_{Labels{{"job", "node"}}};
  Store store_{catalogue_, {}};
  SelfMetrics metrics_{catalogue_};
  Sampler sampler_{catalogue_, store_, metrics_, clock_, log_, {.series_limit = 3}, Labels{{"job", "node"}}};
  const SeriesId a_ = series("a");
  const SeriesId b_ = series("b");
};

TEST_F(SamplerTest, PublishesValuesAndWhetherEachCollectorWentWell) {
  add("good", [this](Frame& frame) {
    frame.add(a_, 1.5);
    return Status();
  });
  add("bad", [](Frame&) { return Status(Error(ErrorCode::unavailable, "no such file")); });
  const PassTime pass = pass_after(5s);
  EXPECT_TRUE(shows("m{n=\"a\"} 1.5\n"));
  EXPECT_TRUE(shows("node_scrape_collector_success{collector=\"good\"} 1\n"));
  EXPECT_TRUE(shows("node_scrape_collector_success{collector=\"bad\"} 0\n"));
  EXPECT_EQ(store_.latest(a_, 0, pass.t)->v, 1.5);
  EXPECT_FALSE(sampler_.failing(a_));
  EXPECT_EQ(log_.count("collector failed collector=bad error=no such file"), 1u);
}

TEST_F(SamplerTest, LogsAFaultOnceAndItsEndOnce) {
  bool broken = true;
  add("c", [&](Frame&) { return broken ? Status(Error(ErrorCode::unavailable, "gone")) : Status(); });
  for (int i = 0; i < 3; ++i) pass_after(5s);
  broken = false;
  for (int i = 0; i < 3; ++i) pass_after(5s);
  EXPECT_EQ(log_.count("collector failed"), 1u);
  EXPECT_EQ(log_.count("collector recovered"), 1u);
}

TEST_F(SamplerTest, LogsEachFaultOfACollectorOnceAndCountsAll) {
  std::vector<std::size_t> bad{1, 2};
  add("c", [&](Frame& frame) {
    Problems problems;
    for (const std::size_t line : bad) problems.corrupt("f", line, "expected a number", "x");
    return problems.report(frame);
  });
  pass_after(5s);
  EXPECT_EQ(sampler_.status()[0].error, "2 problems, the first: f:1: expected a number, found 'x'");
  bad = {1, 2, 3};
  pass_after(5s);
  bad = {2};
  pass_after(5s);
  EXPECT_EQ(log_.count("warning collector failed"), 3u);
  for (const char* fault : {"f:1: expected", "f:2: expected", "f:3: expected"})
    EXPECT_EQ(log_.count(std::string("collector failed collector=c error=") + fault), 1u) << fault;
  EXPECT_TRUE(shows("chiron_collector_faults_total{collector=\"c\"} 6\n"));
  bad = {};
  for (int i = 0; i < 2; ++i) pass_after(5s);
  EXPECT_EQ(log_.count("collector recovered"), 1u);
  EXPECT_TRUE(shows("chiron_collector_faults_total{collector=\"c\"} 6\n"));
  bad = {2};
  pass_after(5s);
  EXPECT_EQ(log_.count("f:2: expected"), 2u) << "it is a new one after it was gone";
}

TEST_F(SamplerTest, FaultsWithoutEndFillNeitherTheLogNorMemory) {
  std::size_t next = 0, in_a_pass = 1000;
  add("c", [&](Frame& frame) {
    Problems problems;
    for (std::size_t i = 0; i < in_a_pass; ++i) problems.corrupt("f", ++next, "expected a number", "x");
    return problems.report(frame);
  });
  for (int i = 0; i < 10; ++i) pass_after(5s);
  EXPECT_EQ(log_.count("warning collector failed"), FaultLog::kMostLogged);
  EXPECT_EQ(log_.count("warning collector has more faults collector=c error=64 are logged"), 1u);
  EXPECT_TRUE(shows("chiron_collector_faults_total{collector=\"c\"} 10000\n"));
  // A flapping one is told of as rarely.
  for (std::size_t i = 0; i < 20; ++i) {
    in_a_pass = i % 2;
    pass_after(5s);
  }
  EXPECT_EQ(log_.count("warning "), FaultLog::kMostLogged + 1);
  EXPECT_EQ(log_.count("collector recovered"), 1u);
  in_a_pass = 0;
  pass_after(1h);
  in_a_pass = 1;
  pass_after(5s);
  EXPECT_EQ(log_.count("warning collector failed"), FaultLog::kMostLogged + 1);
}

TEST_F(SamplerTest, WhatHadNothingToReportHasNotRecovered) {
  bool present = false;
  add("c", [&](Frame&) { return present ? Status() : Status(Error(ErrorCode::no_data, "none")); });
  pass_after(5s);
  present = true;
  pass_after(5s);
  EXPECT_EQ(log_.count("info "), 0u);
  EXPECT_EQ(log_.count("warning "), 0u);
}

TEST_F(SamplerTest, ALastGoodFrameStandsForTwoIntervalsAndThenEnds) {
  bool broken = false;
  add("c", [&](Frame& frame) {
    if (broken) return Status(Error(ErrorCode::unavailable, "gone"));
    frame.add(a_, 1);
    return Status();
  });
  pass_after(5s);
  broken = true;
  PassTime pass = pass_after(5s);
  EXPECT_TRUE(shows("m{n=\"a\"} 1\n"));
  EXPECT_TRUE(sampler_.failing(a_));
  pass = pass_after(5s);
  EXPECT_TRUE(store_.latest(a_, 0, pass.t).has_value());
  pass = pass_after(5s);
  EXPECT_FALSE(shows("m{n=\"a\"}"));
  EXPECT_EQ(store_.latest(a_, 0, pass.t), std::nullopt);
  EXPECT_EQ(log_.count("collector failed"), 1u);
  EXPECT_EQ(log_.count("collector hangs"), 0u) << "it answers, if only with an error";
}

TEST_F(SamplerTest, ThePageFollowsAFamilyThatTakesAnotherType) {
  MetricType type = MetricType::counter;
  add("file", [&](Frame& frame) {
    frame.add(catalogue_.series(*catalogue_.family("f", "F.", type), {}), 1);
    return Status();
  });
  pass_after(5s);
  EXPECT_TRUE(shows("# TYPE f counter\nf 1\n"));
  type = MetricType::gauge;
  pass_after(5s);
  EXPECT_TRUE(shows("# TYPE f gauge\nf 1\n"));
}

TEST_F(SamplerTest, WhatACollectorGaveBeforeItFailedIsUsed) {
  add("c", [this](Frame& frame) {
    frame.add(a_, 1);
    return Status(Error(ErrorCode::corrupt, "line 2: nonsense"));
  });
  pass_after(5s);
  EXPECT_TRUE(shows("m{n=\"a\"} 1\n"));
  EXPECT_TRUE(shows("node_scrape_collector_success{collector=\"c\"} 0\n"));
}

TEST_F(SamplerTest, NothingToReportIsNoFailure) {
  add("c", [](Frame&) { return Status(Error(ErrorCode::no_data, "no such hardware")); });
  pass_after(5s);
  EXPECT_TRUE(shows("node_scrape_collector_success{collector=\"c\"} 1\n"));
  EXPECT_TRUE(sampler_.status()[0].no_data);
  EXPECT_EQ(log_.count("warning"), 0u);
}

TEST_F(SamplerTest, AThrowingCollectorIsAFailedOne) {
  add("c", [](Frame&) -> Status { throw std::runtime_error("boom"); });
  pass_after(5s);
  EXPECT_EQ(log_.count("the collector threw: boom"), 1u);
}

TEST_F(SamplerTest, ACollectorOverItsBudgetIsCutAndCounted) {
  add("c", [this](Frame& frame) {
    for (int i = 0; i < 5; ++i) frame.add(series(std::to_string(i)), i);
    return Status();
  });
  pass_after(5s);
  pass_after(5s);
  EXPECT_EQ(sampler_.status()[0].series, 3u);
  EXPECT_TRUE(shows("chiron_series_dropped_total 4\n"));
}

TEST_F(SamplerTest, AHangingCollectorHoldsNobodyUpAndComesBack) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
  };
  const auto gate = std::make_shared<Gate>();
  add(
      "hangs",
      [gate, b = b_](Frame& frame) {
        std::unique_lock lock(gate->mutex);
        gate->changed.wait(lock, [&] { return gate->open; });
        frame.add(b, 2);
        return Status();
      },
      true);
  add("good", [this](Frame& frame) {
    frame.add(a_, 1);
    return Status();
  });
  for (int i = 0; i < 4; ++i) pass_after(5s);
  EXPECT_TRUE(shows("m{n=\"a\"} 1\n"));
  EXPECT_FALSE(shows("m{n=\"b\"}"));
  EXPECT_TRUE(shows("node_scrape_collector_success{collector=\"hangs\"} 0\n"));
  EXPECT_EQ(log_.count("collector hangs"), 1u) << "it never answered at all";
  EXPECT_EQ(sampler_.status()[0].error, "no answer for two intervals");
  {
    const std::lock_guard lock(gate->mutex);
    gate->open = true;
    gate->changed.notify_all();
  }
  // The answer arrives on its own thread: passes go on until one carries it.
  for (int i = 0; i < 10'000 && !shows("m{n=\"b\"} 2\n"); ++i) {
    sampler_.sample();
    std::this_thread::yield();
  }
  EXPECT_TRUE(shows("m{n=\"b\"} 2\n"));
  EXPECT_EQ(log_.count("collector recovered"), 1u);
}

TEST_F(SamplerTest, UpExistsInQueriesOnly) {
  const PassTime pass = pass_after(5s);
  std::vector<SeriesId> ids;
  const std::vector<Matcher> up{*Matcher::make(MatchOp::equal, "__name__", "up")};
  store_.select(up, ids);
  ASSERT_EQ(ids.size(), 1u);
  EXPECT_EQ(store_.labels(ids[0]).get("job"), "node");
  EXPECT_EQ(store_.latest(ids[0], 0, pass.t)->v, 1);
  EXPECT_FALSE(shows("\nup "));
}

class SometimesSlow final : public Collector {
 public:
  SometimesSlow(SeriesId id, bool& slow, std::thread::id& ran_on) : id_(id), slow_(slow), ran_on_(ran_on) {}
  bool can_hang() const override { return true; }
  bool can_hang_now() override { return slow_; }
  Status collect(Frame& frame) override {
    ran_on_ = std::this_thread::get_id();
    frame.add(id_, 1);
    return {};
  }

 private:
  const SeriesId id_;
  bool& slow_;
  std::thread::id& ran_on_;
};

TEST_F(SamplerTest, ACollectorThatCannotHangNowRunsOnTheSamplingThread) {
  bool slow = false;
  std::thread::id ran_on;
  sampler_.add("sometimes", std::make_unique<SometimesSlow>(series("a"), slow, ran_on));
  for (const bool now : {false, true, true, false}) {
    slow = now;
    pass_after(5s);
    EXPECT_EQ(ran_on != std::this_thread::get_id(), now);
    EXPECT_TRUE(shows("m{n=\"a\"} 1\n"));
  }
}

}  // namespace
}  // namespace chiron
