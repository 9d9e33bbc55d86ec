#include "remediation/ledger/ledger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Damage : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Ledger>> open(const std::string& directory) {
    return Ledger::open({.directory = directory, .reserve = 0}, clock_, log_);
  }
  void fill(const std::string& directory, int runs) {
    auto ledger = open(directory);
    ASSERT_TRUE(ledger.ok());
    for (int i = 0; i < runs; ++i) {
      RunRecord run;
      run.remedy = fmt::format("remedy-{}", i);
      run.state = RunState::running;
      const auto id = (*ledger)->begin(run);
      ASSERT_TRUE(id.ok());
      ASSERT_TRUE(
          (*ledger)->begin_step(*id, {.index = 0, .action = "a", .started = moment_now(clock_)}).ok());
      ASSERT_TRUE((*ledger)->finish(*id, RunState::succeeded, std::string(200, 'x'), 0, 0).ok());
    }
  }
  /// Whatever the damage: it opens, answers, and takes a new run.
  void expect_usable(const std::string& directory, const std::string& what) {
    auto ledger = open(directory);
    ASSERT_TRUE(ledger.ok()) << what << ": " << ledger.error().to_string();
    [[maybe_unused]] const auto recovered = (*ledger)->recover({});
    [[maybe_unused]] const auto history = (*ledger)->history({.limit = 1000});
    RunRecord run;
    run.state = RunState::running;
    const auto id = (*ledger)->begin(run);
    EXPECT_TRUE(id.ok()) << what << ": " << id.error().to_string();
  }

  testing::TempDir dir_;
  testing::FakeClock clock_;
  testing::RecordingLog log_;
};

void flip(const std::string& path, std::size_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0xff);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

TEST_F(Damage, AFileThatIsNoDatabaseIsMovedAsideAndSaid) {
  dir_.write("ledger.db", std::string(10'000, 'j'));
  expect_usable(dir_.path().string(), "junk");
  EXPECT_EQ(log_.count("ledger damaged"), 1u);
  std::size_t aside = 0;
  for (const auto& entry : fs::directory_iterator(dir_.path())) {
    aside += entry.path().filename().string().find("ledger.db.damaged-2023-11-14T") == 0;
  }
  EXPECT_GE(aside, 1u);
}

TEST_F(Damage, TornPagesAreFound) {
  const std::string directory = dir_ / "state";
  fill(directory, 200);
  // Everything into the database file, so that the damage is not covered by the log.
  { auto ledger = open(directory); }
  fs::remove(directory + "/ledger.db-wal");
  fs::remove(directory + "/ledger.db-shm");
  for (std::size_t at = 4096; at < 12 * 4096; at += 4096) flip(directory + "/ledger.db", at);
  expect_usable(directory, "torn");
  EXPECT_EQ(log_.count("ledger damaged"), 1u);
}

TEST_F(Damage, AnyFlippedByteOrCutLeavesAUsableLedger) {
  const std::string original = dir_ / "original";
  fill(original, 20);
  const auto try_with = [&](const std::string& name, const std::string& what, const auto& damage) {
    const std::string copy = dir_ / "copy";
    fs::remove_all(copy);
    fs::copy(original, copy);
    damage(copy + "/" + name);
    expect_usable(copy, name + " " + what);
  };
  for (const std::string name : {"ledger.db", "ledger.db-wal", "ledger.db-shm"}) {
    const std::size_t size = fs::file_size(original + "/" + name);
    const std::size_t step = std::max<std::size_t>(1, std::min<std::size_t>(size, 160 << 10) / 40);
    for (std::size_t at = 0; at < std::min<std::size_t>(size, 160 << 10); at += at < 100 ? 9 : step) {
      try_with(name, fmt::format("flip at {}", at), [at](const std::string& path) { flip(path, at); });
    }
    for (const std::size_t length : {std::size_t{0}, std::size_t{50}, size / 3, size - 1}) {
      try_with(name, fmt::format("cut to {}", length),
               [length](const std::string& path) { fs::resize_file(path, length); });
    }
  }
}

TEST_F(Damage, DamageFoundWhileInUseStartsAFreshFile) {
  const std::string directory = dir_ / "state";
  fill(directory, 50);
  auto ledger = *open(directory);
  RunRecord run;
  run.state = RunState::running;
  ASSERT_TRUE(ledger->begin(run).ok());
  // The write-ahead log answers for what it holds, so the junk goes there as well.
  for (const char* name : {"/ledger.db", "/ledger.db-wal"}) {
    std::fstream file(directory + name, std::ios::in | std::ios::out | std::ios::binary);
    const std::string junk(fs::file_size(directory + name), 'j');
    file.write(junk.data(), static_cast<std::streamsize>(junk.size()));
  }
  bool ok = true;
  for (int i = 0; i < 200 && log_.count("ledger damaged") == 0; ++i) ok = ledger->begin(run).ok();
  EXPECT_TRUE(ok);
  EXPECT_TRUE(ledger->begin(run).ok());
}

}  // namespace
}  // namespace chiron::remediation
