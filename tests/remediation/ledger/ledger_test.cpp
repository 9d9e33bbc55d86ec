#include "remediation/ledger/ledger.h"

#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"
#include "tests/support/temp_dir.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

class LedgerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> open(Ledger::Options options = {}) {
    options.directory = dir_.path().string();
    if (options.reserve == (4u << 20)) options.reserve = 256 << 10;
    Result<std::unique_ptr<Ledger>> ledger = Ledger::open(options, clock_, log_);
    EXPECT_TRUE(ledger.ok()) << (ledger ? "" : ledger.error().to_string());
    return ledger ? *std::move(ledger) : nullptr;
  }
  /// Calls until one does not time out: what a loaded machine's disk makes a short deadline miss.
  template <class Call>
  static auto at_last(Call call) {
    auto result = call();
    for (int i = 0; i < 200 && !result && result.error().code() == ErrorCode::timed_out; ++i) result = call();
    return result;
  }
  RunRecord intent(std::string remedy = "restart-web", RunState state = RunState::running) {
    RunRecord run;
    run.remedy = std::move(remedy);
    run.target = "nginx.service";
    run.trigger = "alert";
    run.mode = "automatic";
    run.alertname = "WebDown";
    run.alert_fingerprint = 0xfedcba9876543210;
    run.alert_labels = Labels{{"alertname", "WebDown"}, {"odd", "a\"b\\c\xff"}};
    run.state = state;
    return run;
  }

  testing::TempDir dir_;
  testing::FakeClock clock_;
  testing::RecordingLog log_;
};

TEST_F(LedgerTest, ARunReadsBackWithItsSteps) {
  auto ledger = open();
  const std::string id = *ledger->begin(intent());
  StepRecord step{.index = 0, .action = "service.restart", .arguments = R"({"unit":"nginx.service"})"};
  step.started = moment_now(clock_);
  ASSERT_TRUE(ledger->begin_step(id, step).ok());
  clock_.advance(3s);
  step.outcome = "succeeded";
  step.detail = "job done";
  step.took = 3s;
  step.freed_bytes = 0xffffffffffffffff;
  step.removed_objects = 7;
  ASSERT_TRUE(ledger->end_step(id, step).ok());
  ASSERT_TRUE(ledger->set_state(id, RunState::verifying, "").ok());
  ASSERT_TRUE(ledger->finish(id, RunState::succeeded, "healed", 12, 7).ok());

  ledger.reset();
  ledger = open();
  const auto run = *ledger->run(id);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->state, RunState::succeeded);
  EXPECT_EQ(run->reason, "healed");
  EXPECT_EQ(run->alert_fingerprint, 0xfedcba9876543210);
  EXPECT_EQ(run->alert_labels.get("alertname"), "WebDown");
  EXPECT_EQ(run->started.boot_id, "boot-1");
  ASSERT_TRUE(run->finished.has_value());
  EXPECT_EQ(run->finished->boot - run->started.boot, 3s);
  EXPECT_EQ(run->freed_bytes, 12u);
  ASSERT_EQ(run->steps.size(), 1u);
  EXPECT_EQ(run->steps[0].freed_bytes, 0xffffffffffffffff);
  EXPECT_EQ(run->steps[0].took, 3s);
  EXPECT_EQ(run->steps[0].detail, "job done");
}

TEST_F(LedgerTest, HistoryIsNewestFirstAndFiltered) {
  auto ledger = open();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(*ledger->begin(intent(i % 2 == 0 ? "a" : "b")));
    clock_.advance(1min);
  }
  ASSERT_TRUE(ledger->begin(intent("a", RunState::suppressed)).ok());
  ASSERT_TRUE(ledger->finish(ids[1], RunState::failed, "", 0, 0).ok());
  const auto count = [&](HistoryFilter filter) { return ledger->history(filter)->size(); };
  EXPECT_EQ(count({}), 6u);
  EXPECT_EQ(count({.suppressed = false}), 5u);
  EXPECT_EQ(count({.remedy = "b"}), 2u);
  EXPECT_EQ(count({.state = "failed"}), 1u);
  EXPECT_EQ(count({.target = "x"}), 0u);
  EXPECT_EQ(count({.limit = 2}), 2u);
  EXPECT_EQ(count({.since = clock_.wall() - 2min}), 3u);
  EXPECT_EQ(ledger->history({.suppressed = false})->front().id, ids[4]);
  // Of a routine remedy what succeeded is left out, and nothing else.
  ASSERT_TRUE(ledger->finish(ids[3], RunState::succeeded, "", 0, 0).ok());
  ASSERT_TRUE(ledger->finish(ids[4], RunState::succeeded, "", 0, 0).ok());
  EXPECT_EQ(count({.suppressed = false, .routine = {"b"}}), 4u);
  EXPECT_EQ(count({.suppressed = false, .routine = {"b", "a"}}), 3u);
}

TEST_F(LedgerTest, WhatWasNotFinishedIsInterruptedOnceByRecover) {
  auto ledger = open();
  const std::string done = *ledger->begin(intent());
  ASSERT_TRUE(ledger->finish(done, RunState::succeeded, "", 0, 0).ok());
  const std::string open_run = *ledger->begin(intent());
  StepRecord step{.index = 0, .action = "disk.rescue", .started = moment_now(clock_)};
  ASSERT_TRUE(ledger->begin_step(open_run, step).ok());
  step.outcome = "succeeded";
  step.freed_bytes = 100;
  ASSERT_TRUE(ledger->end_step(open_run, step).ok());
  step.index = 1;
  step.outcome = "";
  step.freed_bytes = 0;
  ASSERT_TRUE(ledger->begin_step(open_run, step).ok());
  ledger.reset();
  ledger = open();
  const auto interrupted = *ledger->recover({});
  ASSERT_EQ(interrupted.size(), 1u);
  EXPECT_EQ(interrupted[0].id, open_run);
  EXPECT_EQ(ledger->recover({})->size(), 0u);
  const auto run = **ledger->run(open_run);
  EXPECT_EQ(run.state, RunState::interrupted);
  EXPECT_EQ(run.freed_bytes, 100u);
  EXPECT_TRUE(run.finished.has_value());
  EXPECT_EQ(run.steps[0].outcome, "succeeded");
  EXPECT_EQ(run.steps[1].outcome, "interrupted");
  EXPECT_EQ((**ledger->run(done)).state, RunState::succeeded);
}

TEST_F(LedgerTest, WhatMayGoOnIsReturnedAsItIs) {
  auto ledger = open();
  const std::string goes_on = *ledger->begin(intent());
  const std::string lost = *ledger->begin(intent());
  const StepRecord step{.index = 0, .action = "command.run", .started = moment_now(clock_)};
  ASSERT_TRUE(ledger->begin_step(goes_on, step).ok());
  ASSERT_TRUE(ledger->begin_step(lost, step).ok());
  ledger.reset();
  ledger = open();
  const auto may = [&](const RunRecord& run) { return run.id == goes_on; };
  ASSERT_EQ(ledger->recover(may)->size(), 2u);
  EXPECT_EQ((**ledger->run(goes_on)).state, RunState::running);
  EXPECT_FALSE((**ledger->run(goes_on)).finished.has_value());
  EXPECT_EQ((**ledger->run(goes_on)).steps[0].outcome, "");
  EXPECT_EQ((**ledger->run(lost)).state, RunState::interrupted);
  EXPECT_EQ((**ledger->run(lost)).steps[0].outcome, "interrupted");
}

TEST_F(LedgerTest, OldEndedRunsArePrunedThoseThatActedApartFromThoseThatDidNot) {
  auto ledger = open({.keep_runs = 10});
  const std::string running = *ledger->begin(intent());
  const std::string acted = *ledger->begin(intent());
  ASSERT_TRUE(ledger->finish(acted, RunState::failed, "", 0, 0).ok());
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(ledger->begin(intent("noisy", RunState::suppressed)).ok());
  EXPECT_LE(ledger->history({.remedy = "noisy", .limit = 1000})->size(), 10u);
  EXPECT_TRUE(ledger->run(running)->has_value());
  EXPECT_TRUE(ledger->run(acted)->has_value());
}

TEST_F(LedgerTest, FactsArePutReadAndDeleted) {
  auto ledger = open();
  EXPECT_EQ(*ledger->get("pauses"), "");
  ASSERT_TRUE(ledger->put("pauses", "[1]").ok());
  ASSERT_TRUE(ledger->put("pauses", "[2]").ok());
  EXPECT_EQ(*ledger->get("pauses"), "[2]");
  ASSERT_TRUE(ledger->put("pauses", "").ok());
  EXPECT_EQ(*ledger->get("pauses"), "");
}

TEST_F(LedgerTest, AnUnknownRunIsSaid) {
  auto ledger = open();
  EXPECT_EQ(ledger->finish("nope", RunState::failed, "", 0, 0).error().code(), ErrorCode::not_found);
  EXPECT_EQ(ledger->set_state("nope", RunState::failed, "").error().code(), ErrorCode::not_found);
  EXPECT_FALSE(ledger->begin_step("nope", {}).ok());
  EXPECT_FALSE(ledger->run("nope")->has_value());
}

TEST_F(LedgerTest, TheCommandLineReadsBesideARunningAgentAndCannotWrite) {
  auto ledger = open();
  const std::string id = *ledger->begin(intent());
  auto reader = *Ledger::open_read_only(dir_.path().string(), clock_, log_);
  EXPECT_TRUE(reader->run(id)->has_value());
  const std::string later = *ledger->begin(intent());
  EXPECT_TRUE(reader->run(later)->has_value());
  EXPECT_EQ(reader->begin(intent()).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(reader->put("a", "b").error().code(), ErrorCode::permission_denied);
  reader.reset();
  EXPECT_TRUE(ledger->begin(intent()).ok());
  ledger.reset();
  reader = *Ledger::open_read_only(dir_.path().string(), clock_, log_);
  EXPECT_EQ(reader->history({})->size(), 3u);
}

TEST_F(LedgerTest, ReadingWhereThereIsNoLedgerSaysSo) {
  const auto reader = Ledger::open_read_only(dir_ / "absent", clock_, log_);
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code(), ErrorCode::not_found);
}

TEST_F(LedgerTest, ANewerSchemaIsLeftAlone) {
  open();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "ledger.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(db, "PRAGMA user_version=99; PRAGMA application_id=0x43680063", nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(db);
  const auto ledger = Ledger::open({.directory = dir_.path().string()}, clock_, log_);
  ASSERT_FALSE(ledger.ok());
  EXPECT_EQ(ledger.error().code(), ErrorCode::failed_precondition);
  EXPECT_EQ(log_.count("damaged"), 0u);
}

TEST_F(LedgerTest, WhenTheLedgerCannotWriteCallsTimeOutAndALateIntentIsNotLeftRunning) {
  auto ledger = open({.deadline = 100ms});
  const std::string before = *at_last([&] { return ledger->begin(intent()); });
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "ledger.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto begun = ledger->begin(intent("late"));
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().code(), ErrorCode::timed_out);
  EXPECT_EQ(ledger->history({}).error().code(), ErrorCode::timed_out);
  EXPECT_EQ(ledger->finish(before, RunState::succeeded, "", 0, 0).error().code(), ErrorCode::timed_out);
  ASSERT_EQ(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  // The outcome that was asked for is recorded once the disk answers.
  const auto run = at_last([&] { return ledger->run(before); });
  ASSERT_TRUE(run.ok());
  EXPECT_EQ((**run).state, RunState::succeeded);
  const auto late = at_last([&] { return ledger->history({.remedy = "late"}); });
  ASSERT_TRUE(late.ok());
  for (const RunRecord& record : *late) EXPECT_EQ(record.state, RunState::interrupted);
}

TEST_F(LedgerTest, AnOutcomeThatFoundTheFileLockedIsRecordedLater) {
  auto ledger = open({.deadline = 20s});
  const std::string id = *ledger->begin(intent());
  ASSERT_TRUE(ledger->begin_step(id, {.index = 0, .action = "a", .started = moment_now(clock_)}).ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "ledger.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  StepRecord step{.index = 0, .outcome = "succeeded", .detail = "done"};
  EXPECT_EQ(ledger->end_step(id, step).error().code(), ErrorCode::unavailable);
  EXPECT_FALSE(ledger->finish(id, RunState::succeeded, "verified", 7, 1).ok());
  ASSERT_EQ(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto run = ledger->run(id);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ((**run).state, RunState::succeeded);
  EXPECT_EQ((**run).freed_bytes, 7u);
  EXPECT_EQ((**run).steps.at(0).outcome, "succeeded");
}

TEST_F(LedgerTest, AStepRecordedTooLateIsNotLeftRunning) {
  auto ledger = open({.deadline = 100ms});
  const std::string id = *at_last([&] { return ledger->begin(intent()); });
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "ledger.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(ledger->begin_step(id, {.index = 0, .action = "a", .started = moment_now(clock_)}).error().code(),
            ErrorCode::timed_out);
  ASSERT_EQ(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto run = at_last([&] { return ledger->run(id); });
  ASSERT_TRUE(run.ok());
  for (const StepRecord& step : (**run).steps) EXPECT_EQ(step.outcome, "interrupted");
}

TEST_F(LedgerTest, ARowThatMakesNoSenseHidesNoOther) {
  auto ledger = open();
  const std::string id = *ledger->begin(intent());
  ASSERT_TRUE(ledger->begin(intent("other")).ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "ledger.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE runs SET state='runninh' WHERE remedy='restart-web'", nullptr, nullptr,
                         nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  const auto runs = ledger->history({});
  ASSERT_TRUE(runs.ok()) << runs.error().to_string();
  ASSERT_EQ(runs->size(), 2u);
  // It may have acted: better counted than not.
  EXPECT_EQ(runs->back().id, id);
  EXPECT_EQ(runs->back().state, RunState::interrupted);
}

TEST_F(LedgerTest, ADirectoryBehindALinkIsNoObstacle) {
  ASSERT_EQ(::mkdir((dir_ / "real").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("real", (dir_ / "link").c_str()), 0);
  const auto ledger = Ledger::open({.directory = dir_ / "link/state", .reserve = 256 << 10}, clock_, log_);
  ASSERT_TRUE(ledger.ok()) << ledger.error().to_string();
  EXPECT_TRUE((*ledger)->begin(intent()).ok());
  EXPECT_TRUE(Ledger::open_read_only(dir_ / "link/state", clock_, log_).ok());
}

TEST_F(LedgerTest, TheFilesAreNotForEverybody) {
  auto ledger = open();
  ASSERT_TRUE(ledger->begin(intent()).ok());
  for (const char* name : {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.reserve"}) {
    struct stat status {};
    ASSERT_EQ(::stat((dir_ / name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 07, 0u) << name;
  }
}

TEST_F(LedgerTest, ManyThreadsMayWrite) {
  auto ledger = open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto id = ledger->begin(intent());
        ASSERT_TRUE(id.ok());
        EXPECT_TRUE(ledger->finish(*id, RunState::succeeded, "", 0, 0).ok());
        EXPECT_TRUE(ledger->history({.limit = 3}).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto runs = *ledger->history({.limit = 1000});
  ASSERT_EQ(runs.size(), 80u);
  for (std::size_t i = 1; i < runs.size(); ++i) EXPECT_GT(runs[i - 1].id, runs[i].id);
}

TEST(RunId, SortsByStartAndSurvivesAClockSetBack) {
  const WallTime now = from_ms(1'795'220'093'500);
  EXPECT_EQ(next_run_id(now, "", 0x2a), "20261121T001453-002a");
  EXPECT_EQ(next_run_id(now, "20261121T001453-002a", 0xff), "20261121T001453-01ff");
  EXPECT_EQ(next_run_id(now, "20261121T001453-ffff", 0), "20261121T001454-0000");
  EXPECT_EQ(next_run_id(now - 10min, "20261121T001453-002a", 0), "20261121T001453-0100");
  EXPECT_EQ(next_run_id(now - 3h, "20261121T001453-002a", 0), "20261120T211453-0000");
  EXPECT_EQ(next_run_id(now, "nonsense", 0), "20261121T001453-0000");
  EXPECT_EQ(next_run_id(now, "20269921T001453-002a", 0), "20261121T001453-0000");
}

}  // namespace
}  // namespace chiron::remediation
