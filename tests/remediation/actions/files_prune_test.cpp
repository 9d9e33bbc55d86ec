#include "remediation/actions/files_prune.h"

#include "tests/support/action_fixture.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::ShiftedClock;
using chiron::testing::TempDir;
using ::testing::HasSubstr;

/// A host in a temporary directory, thirty days after its files were made.
struct FilesPruneTest : ::testing::Test {
  FilesPruneTest() {
    fixture.paths = HostPaths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()});
    fixture.deletion.roots = {"/srv"};
  }
  static ArgumentBuilder glob(std::string pattern) {
    return ArgumentBuilder().list("globs", {std::move(pattern)});
  }
  Status run(const ArgumentBuilder& arguments) {
    FilesPrune action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context();
    report = {};
    return action.run(context, report);
  }
  Result<Plan> plan(const ArgumentBuilder& arguments) {
    FilesPrune action;
    if (Status status = arguments.fill(action); !status) return std::move(status).error();
    ActionContext context = fixture.context();
    return action.plan(context);
  }
  /// A file whose content was written at this second of 2026.
  void write(std::string_view path, std::size_t size, time_t second) {
    const std::string file = host.write(path, std::string(size, 'x'));
    const timespec times[2] = {{1'767'225'600 + second, 0}, {1'767'225'600 + second, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  }
  bool exists(std::string_view path) const { return fs::exists(host / path); }
  std::string fact(std::string_view key) const {
    for (const auto& [name, value] : report.facts) {
      if (name == key) return value;
    }
    return "";
  }

  TempDir host;
  // Half an hour more, for the clocks of files and of the program differ by less than a second.
  ShiftedClock clock{std::chrono::hours(24 * 30) + std::chrono::minutes(30)};
  ActionFixture fixture{clock};
  Report report;
};

TEST_F(FilesPruneTest, RemovesWhatMatchesAndNothingElse) {
  for (const char* path : {"srv/a.csv", "srv/deep/er/b.csv", "srv/a.txt", "srv/.c.csv", "etc/a.csv"})
    host.write(path, "x");
  fs::create_symlink("../etc/a.csv", host / "srv/link.csv");
  const Status status = run(glob("/srv/**/*.csv"));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_FALSE(exists("srv/a.csv"));
  EXPECT_FALSE(exists("srv/deep/er/b.csv"));
  for (const char* path : {"srv/a.txt", "srv/.c.csv", "etc/a.csv", "srv/link.csv", "srv/deep/er"})
    EXPECT_TRUE(exists(path)) << path;
  EXPECT_EQ(report.removed_objects, 2U);
  EXPECT_EQ(report.freed_bytes, 8192U);
}

TEST_F(FilesPruneTest, AgeHoldsByTheChangeOfTheInodeToo) {
  write("srv/copied-with-its-old-time", 1, 0);
  ASSERT_TRUE(run(glob("/srv/*").text("older_than", "31d")).ok());
  EXPECT_TRUE(exists("srv/copied-with-its-old-time"));
  EXPECT_EQ(fact("kept_young"), "1");
  ASSERT_TRUE(run(glob("/srv/*").text("older_than", "29d")).ok());
  EXPECT_FALSE(exists("srv/copied-with-its-old-time"));
}

TEST_F(FilesPruneTest, KeepsTheNewestOfEachDirectoryOverAllGlobs) {
  for (int i = 0; i < 5; ++i) {
    write("srv/a/" + std::to_string(i) + (i % 2 != 0 ? ".sql" : ".gz"), 10, i);
    write("srv/b/" + std::to_string(4 - i) + ".gz", 10, i);
  }
  // What happened to the inode last is not what was written last.
  ASSERT_EQ(::chmod((host / "srv/a/0.gz").c_str(), 0600), 0);
  const auto arguments = ArgumentBuilder().list("globs", {"/srv/a/*.sql", "/srv/*/*.gz"}).text("keep", "2");
  const Result<Plan> planned = plan(arguments);
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->objects, 6U);
  ASSERT_TRUE(run(arguments).ok());
  EXPECT_EQ(report.removed_objects, 6U);
  EXPECT_EQ(fact("kept_newest"), "4");
  for (const char* path : {"srv/a/3.sql", "srv/a/4.gz", "srv/b/0.gz", "srv/b/1.gz"})
    EXPECT_TRUE(exists(path)) << path;
  ASSERT_TRUE(run(arguments).ok());
  EXPECT_EQ(report.removed_objects, 0U);
}

TEST_F(FilesPruneTest, YoungFilesCountAmongTheNewest) {
  write("srv/old", 10, 0);
  const std::string young = host.write("srv/young", "x");
  const timespec now[2] = {
      {0, UTIME_OMIT},
      {std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count(), 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, young.c_str(), now, 0), 0);
  ASSERT_TRUE(run(glob("/srv/*").text("keep", "1")).ok());
  EXPECT_FALSE(exists("srv/old"));
  EXPECT_TRUE(exists("srv/young"));
}

TEST_F(FilesPruneTest, OnlyLargerFiles) {
  write("srv/small", 1000, 0);
  write("srv/large", 1001, 0);
  ASSERT_TRUE(run(glob("/srv/*").text("larger_than", "1000")).ok());
  EXPECT_TRUE(exists("srv/small"));
  EXPECT_FALSE(exists("srv/large"));
}

TEST_F(FilesPruneTest, RemovesTheOldestUntilTheTotalHolds) {
  for (int i = 0; i < 4; ++i) write("srv/" + std::to_string(i), 4096, 10 - i);
  const Result<Plan> planned = plan(glob("/srv/*").text("max_total", "8KiB"));
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->objects, 2U);
  ASSERT_TRUE(run(glob("/srv/*").text("max_total", "8KiB")).ok());
  EXPECT_FALSE(exists("srv/3"));
  EXPECT_FALSE(exists("srv/2"));
  EXPECT_TRUE(exists("srv/1"));
  EXPECT_EQ(fact("left_bytes"), "8192");

  const int held = ::open((host / "srv/1").c_str(), O_WRONLY | O_CLOEXEC);
  const Status status = run(glob("/srv/*").text("max_total", "0"));
  ::close(held);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(status.error().message(), HasSubstr("4.0 KiB is left, max_total is 0 (kept 1 in use)"));
  EXPECT_FALSE(exists("srv/0"));
}

TEST_F(FilesPruneTest, ABudgetOfFilesLeavesTheRestForTheNextRun) {
  for (int i = 0; i < 5; ++i) write("srv/" + std::to_string(i), 1, i);
  ASSERT_TRUE(run(glob("/srv/*").text("max_files", "3")).ok());
  EXPECT_EQ(report.removed_objects, 3U);
  EXPECT_EQ(fact("more"), "true");
  EXPECT_TRUE(exists("srv/3"));
  ASSERT_TRUE(run(glob("/srv/*").text("max_files", "3")).ok());
  EXPECT_EQ(report.removed_objects, 2U);
  EXPECT_EQ(fact("more"), "");
}

TEST_F(FilesPruneTest, RootsWithinRootsAreLookedAtOnce) {
  fixture.deletion.roots = {"/srv", "/srv/inner"};
  write("srv/a", 1, 0);
  write("srv/inner/b", 1, 0);
  write("srv/inner/c", 1, 1);
  const auto arguments = ArgumentBuilder().list("globs", {"/srv/**", "/srv/inner/*"}).text("keep", "1");
  const Result<Plan> planned = plan(arguments);
  ASSERT_TRUE(planned.ok());
  ASSERT_EQ(planned->items.size(), 1U);
  EXPECT_EQ(planned->items.front().what, "/srv/inner/b");
  EXPECT_THAT(planned->items.front().note,
              ::testing::AllOf(::testing::StartsWith("30d"), ::testing::EndsWith(" old")));
}

TEST_F(FilesPruneTest, AnAbsentRootIsNothingToDo) {
  ASSERT_TRUE(run(glob("/srv/*")).ok());
  EXPECT_EQ(report.removed_objects, 0U);
}

TEST_F(FilesPruneTest, ProtectedAndLinkedFilesStay) {
  host.write("srv/keep/a", "x");
  host.write("srv/linked", "x");
  fs::create_hard_link(host / "srv/linked", host / "other");
  fixture.deletion.protect = {"/srv/keep"};
  ASSERT_TRUE(run(glob("/srv/**")).ok());
  EXPECT_TRUE(exists("srv/keep/a"));
  EXPECT_TRUE(exists("srv/linked"));
  EXPECT_EQ(fact("kept_linked"), "1");
}

TEST_F(FilesPruneTest, StopsWhenTold) {
  host.write("srv/file", "x");
  fixture.cancel.cancel();
  EXPECT_EQ(run(glob("/srv/*")).error().code(), ErrorCode::cancelled);
  EXPECT_TRUE(exists("srv/file"));
}

TEST_F(FilesPruneTest, BadArgumentsAreRefused) {
  const auto refused = [&](const ArgumentBuilder& arguments, std::string_view message) {
    const Status status = run(arguments);
    ASSERT_FALSE(status.ok()) << message;
    EXPECT_THAT(status.error().to_string(), HasSubstr(message));
  };
  refused(ArgumentBuilder(), "globs");
  refused(glob("srv/*"), "not an absolute path");
  refused(glob("/srv/../etc/*"), "..");
  refused(glob("/etc/*"), "below none of deletion.roots (/srv)");
  refused(glob("/s*/x"), "below none of deletion.roots");
  refused(glob("/srv/*.{csv,txt}"), "write one glob for each of them");
  refused(glob("/srv/*").text("max_total", "10%"), "max_total");
  refused(glob("/srv/*").text("larger_than", "big"), "larger_than");
  refused(glob("/srv/*").text("keep", "-1"), "keep: must be from 0");
  refused(glob("/srv/*").text("max_files", "0"), "max_files: must be at least 1");
}

}  // namespace
}  // namespace chiron::remediation
