#include "remediation/ledger/ledger.h"
#include "tests/support/private_mounts.h"
#include "tests/support/recording_log.h"
#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using testing::in_private_mounts;

/// A small file system of its own for STATE_DIR, filled up by the test.
class FullDisk : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!testing::is_root()) GTEST_SKIP() << "mounting needs root";
    if (GetParam() == std::string_view("ext4") &&
        std::system("command -v mkfs.ext4 >/dev/null && losetup -f >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "no ext4 on a loop device here";
    }
  }
  /// In the private namespace.
  void mount_small() {
    const std::string where = mountpoint();
    std::filesystem::create_directories(where);
    if (GetParam() == std::string_view("tmpfs")) {
      ASSERT_EQ(::mount("none", where.c_str(), "tmpfs", 0, "size=24m,nr_inodes=64"), 0);
    } else {
      const std::string image = dir_ / "image";
      const std::string command = fmt::format(
          "truncate -s 24M {0} && mkfs.ext4 -q -m 0 -N 64 {0} && mount -o loop {0} {1}", image, where);
      ASSERT_EQ(std::system(command.c_str()), 0);
    }
  }
  std::string mountpoint() const { return dir_ / "mnt"; }
  std::string state() const { return mountpoint() + "/state"; }
  std::unique_ptr<Ledger> open(std::size_t reserve = 2u << 20) {
    auto ledger =
        Ledger::open({.directory = state(), .reserve = reserve, .deadline = 10s}, system_clock(), log_);
    EXPECT_TRUE(ledger.ok()) << (ledger ? "" : ledger.error().to_string());
    return ledger ? *std::move(ledger) : nullptr;
  }
  /// Takes every byte that is left.
  void fill_bytes() {
    const int fd =
        ::open((mountpoint() + "/filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    const std::vector<char> block(1 << 20, 'x');
    for (std::size_t size = block.size(); size > 0;) {
      if (::write(fd, block.data(), size) <= 0) size /= 2;
    }
    ::fsync(fd);
    ::close(fd);
    struct statvfs left {};
    ASSERT_EQ(::statvfs(mountpoint().c_str(), &left), 0);
    ASSERT_EQ(left.f_bavail, 0u);
  }
  void fill_inodes() {
    for (int i = 0;; ++i) {
      const int fd =
          ::open(fmt::format("{}/inode-{}", mountpoint(), i).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      if (fd < 0) break;
      ::close(fd);
    }
    struct statvfs left {};
    ASSERT_EQ(::statvfs(mountpoint().c_str(), &left), 0);
    ASSERT_EQ(left.f_ffree, 0u);
  }
  Status whole_run(Ledger& ledger) {
    RunRecord run;
    run.remedy = "rescue-disk";
    run.state = RunState::running;
    run.reason = std::string(2000, 'r');
    Result<std::string> id = ledger.begin(run);
    if (!id) return std::move(id).error();
    StepRecord step{.index = 0, .action = "disk.rescue", .started = moment_now(system_clock())};
    if (Status status = ledger.begin_step(*id, step); !status) return status;
    step.outcome = "succeeded";
    step.detail = std::string(2000, 'd');
    if (Status status = ledger.end_step(*id, step); !status) return status;
    return ledger.finish(*id, RunState::succeeded, "", 1, 1);
  }

  testing::TempDir dir_;
  testing::RecordingLog log_;
};

TEST_P(FullDisk, RunsAreRecordedWithoutAFreeByteUntilTheReserveIsUsedUpAndAgainWhenThereIsRoom) {
  in_private_mounts([&] {
    mount_small();
    if (HasFatalFailure()) return;
    auto ledger = open();
    ASSERT_TRUE(ledger);
    fill_bytes();
    int recorded = 0;
    Status last;
    for (; recorded < 5000; ++recorded) {
      last = whole_run(*ledger);
      if (!last) break;
      // Somebody else takes every byte that becomes free.
      if (recorded % 10 == 0) fill_bytes();
      if (HasFatalFailure()) return;
    }
    EXPECT_GE(recorded, 30);
    ASSERT_FALSE(last.ok()) << "the reserve never ended";
    EXPECT_EQ(last.error().code(), ErrorCode::exhausted);
    EXPECT_NE(last.error().to_string().find("reserve"), std::string::npos) << last.error().to_string();
    EXPECT_EQ(ledger->writable().error().code(), ErrorCode::exhausted);

    const auto unfinished = ledger->history({.state = "running"});
    ASSERT_TRUE(unfinished.ok());
    EXPECT_EQ(unfinished->size(), 0u) << "what began could not be ended";
    EXPECT_EQ(ledger->history({.limit = 10'000})->size(), static_cast<std::size_t>(recorded));

    std::filesystem::remove(mountpoint() + "/filler");
    EXPECT_TRUE(ledger->writable().ok());
    EXPECT_TRUE(whole_run(*ledger).ok());
    EXPECT_EQ(std::filesystem::file_size(state() + "/ledger.reserve"), 2u << 20);
    ledger.reset();
  });
}

TEST_P(FullDisk, ARestartOnAFullDiskKeepsWorking) {
  in_private_mounts([&] {
    mount_small();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(whole_run(*open()).ok());
    fill_bytes();
    fill_inodes();
    if (HasFatalFailure()) return;
    for (int i = 0; i < 5; ++i) {
      auto ledger = open();
      ASSERT_TRUE(ledger);
      ASSERT_TRUE(ledger->recover({}).ok());
      const Status status = whole_run(*ledger);
      ASSERT_TRUE(status.ok()) << status.error().to_string();
    }
    EXPECT_EQ(open()->history({})->size(), 6u);
  });
}

TEST_P(FullDisk, RunsAreRecordedWithoutAFreeInode) {
  in_private_mounts([&] {
    mount_small();
    if (HasFatalFailure()) return;
    auto ledger = open();
    ASSERT_TRUE(ledger);
    fill_inodes();
    if (HasFatalFailure()) return;
    for (int i = 0; i < 200; ++i) {
      const Status status = whole_run(*ledger);
      ASSERT_TRUE(status.ok()) << status.error().to_string();
    }
    EXPECT_EQ(ledger->history({.limit = 1000})->size(), 200u);
    ledger.reset();
  });
}

TEST_P(FullDisk, WithoutAReserveFromBeforeNothingBegins) {
  in_private_mounts([&] {
    mount_small();
    if (HasFatalFailure()) return;
    { auto ledger = open(0); }
    fill_bytes();
    if (HasFatalFailure()) return;
    auto ledger = open();
    ASSERT_TRUE(ledger);
    EXPECT_EQ(whole_run(*ledger).error().code(), ErrorCode::exhausted);
    EXPECT_GE(log_.count("ledger reserve not full"), 1u);
    ledger.reset();
  });
}

INSTANTIATE_TEST_SUITE_P(FileSystems, FullDisk, ::testing::Values("tmpfs", "ext4"),
                         [](const auto& suite) { return std::string(suite.param); });

}  // namespace
}  // namespace chiron::remediation
