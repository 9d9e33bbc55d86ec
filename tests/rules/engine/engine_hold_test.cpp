#include "rules/engine/engine.h"
#include "tests/rules/engine/engine_bench.h"

#include <set>

#include <fmt/format.h>

namespace chiron::rules {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::EngineBench;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kFull = R"(
groups:
  - name: g
    rules:
      - {alert: Full, expr: used > 90, for: 10s}
      - {alert: Total, expr: sum(used) > 90}
      - {alert: Gone, expr: absent(used)}
      - {alert: Own, expr: chiron_thing > 90}
)";

class EngineHold : public ::testing::Test {
 protected:
  EngineHold() : bench_(kFull) {
    bench_.options.source_failing = [this](SeriesId id) {
      return failing_.contains(std::string(bench_.catalogue->labels(id).get("mount")));
    };
    bench_.restart_with(kFull);
    bench_.set("used", {{"mount", "/a"}, {"name", "a"}}, 95);
    bench_.set("used", {{"mount", "/b"}, {"name", "b"}}, 95);
    bench_.tick(0s);
    bench_.run(10s);
  }
  std::string states() {
    std::string out;
    for (const Alert& alert : bench_.engine->alerts())
      out += alert.name + std::string(alert.labels.get("name")) + ":" + std::string(to_string(alert.state)) +
             (alert.held ? ":held " : " ");
    return out;
  }
  EngineBench bench_;
  std::set<std::string> failing_;
};

TEST_F(EngineHold, AnAlertWhoseSourceFailsIsHeldAndNotResolved) {
  ASSERT_EQ(states(), "Fulla:firing Fullb:firing Total:firing ");
  failing_ = {"/a"};
  bench_.unset("used", {{"mount", "/a"}, {"name", "a"}});
  bench_.set("used", {{"mount", "/b"}, {"name", "b"}}, 50);
  // The other mount's alert resolves as ever; the sum may be short of what is missing.
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{b} firing>inactive"));
  EXPECT_EQ(states(), "Fulla:firing:held Total:firing:held ");
  EXPECT_THAT(bench_.query("count(ALERTS)"), "{} 2");
  failing_.clear();
  bench_.set("used", {{"mount", "/a"}, {"name", "a"}}, 95);
  EXPECT_THAT(bench_.tick(5s), IsEmpty());
  EXPECT_EQ(states(), "Fulla:firing Total:firing ");
}

TEST_F(EngineHold, MissingDataIsNoSignThatAnAlertIsOver) {
  const Alert alert = bench_.engine->alerts().at(0);
  failing_ = {"/a"};
  bench_.unset("used", {{"mount", "/a"}, {"name", "a"}});
  bench_.tick(5s);
  EXPECT_EQ(bench_.engine->still_holds(alert).error().code(), ErrorCode::unavailable);
  failing_.clear();
  bench_.set("used", {{"mount", "/a"}, {"name", "a"}}, 20);
  bench_.tick(5s);
  EXPECT_FALSE(bench_.engine->still_holds(alert).value_or(true));
}

TEST_F(EngineHold, AValueThatOnlyStandsInIsHeldToo) {
  failing_ = {"/a"};
  bench_.tick(5s);
  EXPECT_EQ(states(), "Fulla:firing:held Fullb:firing Total:firing:held ");
}

TEST_F(EngineHold, ItEndsAtTheLimit) {
  failing_ = {"/a"};
  bench_.clear();
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{b} firing>inactive", "Gone{} inactive>firing"));
  EXPECT_THAT(bench_.run(14min + 55s), IsEmpty());
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} firing>inactive", "Total{} firing>inactive"));
}

TEST_F(EngineHold, WhatFailedAndCameBackHealthyResolves) {
  failing_ = {"/a"};
  bench_.unset("used", {{"mount", "/a"}, {"name", "a"}});
  bench_.run(1min);
  failing_.clear();
  bench_.set("used", {{"mount", "/a"}, {"name", "a"}}, 20);
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} firing>inactive"));
}

TEST_F(EngineHold, PendingTimeStandsStillMeanwhile) {
  bench_.set("used", {{"mount", "/c"}, {"name", "c"}}, 95);
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{c} inactive>pending"));
  failing_ = {"/c"};
  EXPECT_THAT(bench_.run(1min), IsEmpty());
  failing_.clear();
  // 5 s had passed when it began to fail at the latest.
  EXPECT_THAT(bench_.tick(5s), IsEmpty());
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{c} pending>firing"));
}

TEST_F(EngineHold, AbsentAndOwnSeriesAreNeverHeld) {
  bench_.set("chiron_thing", {{"mount", "/a"}}, 95);
  bench_.tick(5s);
  failing_ = {"/a", "/b"};
  bench_.unset("chiron_thing", {{"mount", "/a"}});
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Own{} firing>inactive"));
  bench_.clear();
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Gone{} inactive>firing"));
  bench_.set("used", {{"mount", "/a"}, {"name", "a"}}, 95);
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Gone{} firing>inactive"));
}

TEST_F(EngineHold, WhatIsRecordedOutOfAFailingSourceIsHeldToo) {
  constexpr std::string_view kRecorded = R"(
groups:
  - name: g
    rules:
      - {record: 'name:used:max', expr: max by (name) (used)}
      - {record: 'name:used:share', expr: 'name:used:max / 100'}
      - {record: 'circle', expr: 'circle or name:used:share'}
      - {alert: Share, expr: 'name:used:share > 0.9 or circle > 2'}
)";
  bench_.restart_with(kRecorded);
  // However many series go round in that circle.
  for (int i = 0; i < 200; ++i) bench_.set("used", {{"mount", "/c"}, {"name", fmt::format("c{}", i)}}, 1);
  bench_.run(10s);
  ASSERT_EQ(states(), "Sharea:firing Shareb:firing ");
  failing_ = {"/a"};
  bench_.clear();
  EXPECT_THAT(bench_.run(10s), ElementsAre("Share{b} firing>inactive"));
  EXPECT_EQ(states(), "Sharea:firing:held ");
  failing_.clear();
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Share{a} firing>inactive"));
}

TEST_F(EngineHold, AClockSetForwardResolvesNothingThatLooksBack) {
  bench_.restart_with(R"(
groups:
  - name: g
    rules:
      - {alert: Busy, expr: 'rate(work[1m]) > 1'}
      - {alert: Full, expr: used > 90}
)");
  double work = 0;
  const auto step = [&](Duration by) {
    bench_.set("work", {{"name", "w"}}, work += 50);
    return bench_.tick(by);
  };
  for (int i = 0; i < 20; ++i) step(5s);
  ASSERT_EQ(states(), "Busyw:firing Fulla:firing Fullb:firing ");
  bench_.clock.jump_wall(1h);
  bench_.set("used", {{"mount", "/a"}, {"name", "a"}}, 20);
  EXPECT_THAT(step(5s), ElementsAre("Full{a} firing>inactive"));
  EXPECT_EQ(states(), "Busyw:firing:held Fullb:firing ");
  for (int i = 0; i < 13; ++i) EXPECT_THAT(step(5s), IsEmpty());
  EXPECT_EQ(states(), "Busyw:firing Fullb:firing ");
  // And when it was over all the while, it ends as soon as its range is full again.
  bench_.clock.jump_wall(1h);
  EXPECT_THAT(bench_.run(55s), IsEmpty());
  EXPECT_THAT(bench_.run(10s), ElementsAre("Busy{w} firing>inactive"));
}

class EngineRestart : public ::testing::Test {
 protected:
  static constexpr std::string_view kRules = R"(
groups:
  - name: g
    rules:
      - {alert: Full, expr: used > 90, for: 1m, labels: {severity: critical}}
      - {alert: Rate, expr: 'rate(work[1m]) > 1'}
)";
  EngineRestart() : bench_(kRules) {
    bench_.set("used", {{"name", "a"}}, 95);
    bench_.tick(0s);
  }
  void restart(Duration off) {
    const std::string state = bench_.engine->save_state();
    bench_.forget_history();
    bench_.clock.advance(off);
    bench_.restart_with(kRules, state);
  }
  EngineBench bench_;
};

TEST_F(EngineRestart, ProgressOfForGoesOn) {
  bench_.run(40s);
  restart(10s);
  EXPECT_THAT(bench_.tick(5s), IsEmpty());
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} pending>firing"));
  EXPECT_EQ(bench_.engine->alerts()[0].fired_at - bench_.engine->alerts()[0].active_at, 60s);
}

TEST_F(EngineRestart, AFiringAlertGoesOnFiringWithoutBeginningAgain) {
  bench_.run(70s);
  const Alert before = bench_.engine->alerts().at(0);
  restart(10s);
  EXPECT_THAT(bench_.tick(5s), IsEmpty());
  const Alert after = bench_.engine->alerts().at(0);
  EXPECT_EQ(after.state, AlertState::firing);
  EXPECT_EQ(after.active_at, before.active_at);
  EXPECT_EQ(after.fired_at, before.fired_at);
  EXPECT_EQ(after.fingerprint, before.fingerprint);
  EXPECT_FALSE(after.held);
}

TEST_F(EngineRestart, WhatIsNotTrueAnyMoreResolves) {
  bench_.run(70s);
  bench_.set("used", {{"name", "a"}}, 5);
  restart(10s);
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} firing>inactive"));
}

TEST_F(EngineRestart, AnAlertWaitsForDataThatIsNotThereYet) {
  bench_.run(70s);
  bench_.clear();
  restart(0s);
  EXPECT_THAT(bench_.run(1min), IsEmpty());
  EXPECT_TRUE(bench_.engine->alerts().at(0).held);
  bench_.set("used", {{"name", "a"}}, 5);
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} firing>inactive"));
}

TEST_F(EngineRestart, ARateWaitsForItsRange) {
  bench_.clear();
  for (int i = 0; i <= 20; ++i) {
    bench_.set("work", {{"name", "w"}}, i * 50);
    bench_.tick(5s);
  }
  ASSERT_EQ(bench_.engine->alerts().size(), 1U);
  restart(0s);
  bench_.set("work", {{"name", "w"}}, 1000);
  EXPECT_THAT(bench_.run(55s), IsEmpty());
  EXPECT_THAT(bench_.run(10s), ElementsAre("Rate{w} firing>inactive"));
}

// A clock that is set at boot must not make up for time that nobody saw, nor must the time that booting
// takes.
TEST_F(EngineRestart, OverARebootTheTimeOffDoesNotCount) {
  for (const auto jump : {0h, 1h, -1h}) {
    EngineBench bench(kRules);
    bench.set("used", {{"name", "a"}}, 95);
    bench.tick(0s);
    bench.run(40s);
    const std::string state = bench.engine->save_state();
    bench.forget_history();
    bench.clock.advance(60s);
    bench.clock.jump_wall(jump);
    bench.clock.reboot("boot-2", 30s);
    bench.restart_with(kRules, state);
    EXPECT_THAT(bench.tick(0s), IsEmpty()) << jump.count();
    EXPECT_THAT(bench.run(15s), IsEmpty()) << jump.count();
    EXPECT_THAT(bench.tick(5s), ElementsAre("Full{a} pending>firing")) << jump.count();
  }
}

TEST_F(EngineRestart, AfterAnHourUnseenAlertsBeginAnew) {
  bench_.run(70s);
  restart(1h);
  EXPECT_THAT(bench_.tick(0s), IsEmpty());
  EXPECT_EQ(bench_.engine->alerts().at(0).state, AlertState::firing);
  restart(1h + 1s);
  EXPECT_THAT(bench_.engine->alerts(), IsEmpty());
  EXPECT_THAT(bench_.tick(0s), ElementsAre("Full{a} inactive>pending"));
  EXPECT_THAT(bench_.run(55s), IsEmpty());
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} pending>firing"));
}

TEST_F(EngineRestart, AnAgentThatBeginsAnHourAfterBootingWasAwayAsLong) {
  bench_.run(70s);
  const std::string state = bench_.engine->save_state();
  bench_.forget_history();
  bench_.clock.reboot("boot-2", 1h + 1s);
  bench_.restart_with(kRules, state);
  EXPECT_THAT(bench_.tick(0s), ElementsAre("Full{a} inactive>pending"));
}

TEST_F(EngineRestart, TheWallClockDoesNotCountWithinABoot) {
  bench_.run(40s);
  const std::string state = bench_.engine->save_state();
  bench_.forget_history();
  bench_.clock.jump_wall(1h);
  bench_.restart_with(kRules, state);
  EXPECT_THAT(bench_.tick(5s), IsEmpty());
  EXPECT_THAT(bench_.run(10s), IsEmpty());
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} pending>firing"));
}

TEST_F(EngineRestart, DamagedStateIsRefusedAndHarmless) {
  bench_.run(70s);
  const std::string state = bench_.engine->save_state();
  EXPECT_THAT(state, HasSubstr("\"boot_id\":\"boot-1\""));
  for (std::size_t size = 0; size + 1 < state.size(); size += 7)
    EXPECT_EQ(bench_.engine->restore_state(state.substr(0, size)).error().code(), ErrorCode::corrupt) << size;
  for (const std::string_view text :
       {"[]", "5", "{\"version\":2}", "{\"version\":\"x\"}",
        R"({"version":1,"boot_id":"b","boot_ns":1,"wall_ms":1,"rules":[{"group":1}]})"})
    EXPECT_EQ(bench_.engine->restore_state(text).error().code(), ErrorCode::corrupt) << text;
  EXPECT_EQ(bench_.engine->alerts().size(), 1U);
}

TEST_F(EngineRestart, ProgressThatIsAbsurdDoesNotOverflow) {
  bench_.run(10s);
  std::string state = bench_.engine->save_state();
  const auto put = [&](std::string_view key, std::string_view value) {
    const std::size_t begin = state.find(key) + key.size();
    state.replace(begin, state.find_first_of(",}", begin) - begin, value);
  };
  put("\"active_for_ns\":", "9223372036854775807");
  bench_.forget_history();
  bench_.restart_with(kRules, state);
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} pending>firing"));
  // Before the boot: the agent was away for all of it.
  put("\"boot_ns\":", "-9223372036854775807");
  bench_.forget_history();
  bench_.restart_with(kRules, state);
  EXPECT_THAT(bench_.tick(5s), ElementsAre("Full{a} inactive>pending"));
}

}  // namespace
}  // namespace chiron::rules
