#include "remediation/actions/disk_rescue.h"

#include "tests/support/action_fixture.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::ShiftedClock;
using chiron::testing::TempDir;
using ::testing::HasSubstr;

/// A host in a temporary directory, thirty days after its files were made. The disk below is the machine's,
/// so a target of 100% takes all that may go, and then is not reached.
struct DiskRescueTest : ::testing::Test {
  DiskRescueTest() {
    fixture.paths = HostPaths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()});
  }
  ArgumentBuilder all() { return ArgumentBuilder().text("path", "/").text("target_free", "100%"); }
  Status run(const ArgumentBuilder& arguments) {
    DiskRescue action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context();
    report = {};
    return action.run(context, report);
  }
  Result<Plan> plan(const ArgumentBuilder& arguments) {
    DiskRescue action;
    if (Status status = arguments.fill(action); !status) return std::move(status).error();
    ActionContext context = fixture.context();
    return action.plan(context);
  }
  std::string fact(std::string_view key) const {
    for (const auto& [name, value] : report.facts) {
      if (name == key) return value;
    }
    return "";
  }
  bool exists(std::string_view path) const { return fs::exists(host / path); }

  TempDir host;
  ShiftedClock clock{std::chrono::hours(24 * 30)};
  ActionFixture fixture{clock};
  Report report;
};

TEST_F(DiskRescueTest, EachStageTakesItsOwnAndNothingElse) {
  const std::vector<std::string> go = {"var/cache/apt/archives/a_1_amd64.deb",
                                       "var/cache/apt/archives/partial/b.deb",
                                       "var/log/journal/0123/system@00-01.journal",
                                       "var/log/journal/0123/user-1000.journal~",
                                       "var/log/syslog.2.gz",
                                       "var/log/app/app.log.1",
                                       "var/log/app/app.log.12",
                                       "var/log/app/app.old",
                                       "var/log/app/app-20250131.log",
                                       "tmp/file",
                                       "tmp/.hidden/file",
                                       "var/tmp/deep/er/file"};
  const std::vector<std::string> stay = {"var/cache/apt/archives/lock",
                                         "var/cache/apt/archives/readme.txt",
                                         "var/cache/apt/pkgcache.bin",
                                         "var/log/journal/0123/system.journal",
                                         "var/log/syslog",
                                         "var/log/app/app.log",
                                         "var/log/app/.hidden.gz",
                                         "var/log/app/v2-current.log",
                                         "etc/passwd.old",
                                         "home/user/x.gz",
                                         "tmp/.X0-lock"};
  for (const std::string& file : go) host.write(file, "12345678");
  for (const std::string& file : stay) host.write(file, "12345678");
  const Status status = run(all());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(status.error().message(), HasSubstr("needed"));
  for (const std::string& file : go) EXPECT_FALSE(exists(file)) << file;
  for (const std::string& file : stay) EXPECT_TRUE(exists(file)) << file;
  EXPECT_EQ(report.removed_objects, go.size());
  EXPECT_EQ(fact("stage_apt_cache"), "2 files, 8.0 KiB");
  EXPECT_EQ(fact("kept_protected"), "1");
  EXPECT_EQ(fixture.log.count("file removed"), go.size());
}

TEST_F(DiskRescueTest, DoesNothingWhenEnoughIsFree) {
  host.write("tmp/file", "x");
  const auto arguments =
      ArgumentBuilder().text("path", "/").text("target_free", "1").text("target_free_inodes", "1");
  const Status status = run(arguments);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_TRUE(exists("tmp/file"));
  EXPECT_EQ(report.removed_objects, 0U);
  const Result<Plan> planned = plan(arguments);
  ASSERT_TRUE(planned.ok());
  EXPECT_THAT(planned->summary, HasSubstr("nothing to do"));
}

TEST_F(DiskRescueTest, PlanSaysWhatRunDoesAndRemovesNothing) {
  host.write("tmp/small", std::string(5'000, 'x'));
  host.write("tmp/large", std::string(500'000, 'x'));
  const std::string open = host.write("tmp/open", "x");
  const int fd = ::open(open.c_str(), O_WRONLY | O_CLOEXEC);
  const Result<Plan> planned = plan(all());
  ASSERT_TRUE(planned.ok()) << planned.error().to_string();
  EXPECT_TRUE(exists("tmp/small"));
  ASSERT_EQ(planned->items.size(), 2U);
  EXPECT_EQ(planned->items[0].what, "/tmp/large");
  EXPECT_EQ(planned->items[0].note, "temporary_files");
  EXPECT_THAT(planned->summary, HasSubstr("not enough (kept 1 in use)"));
  ASSERT_FALSE(run(all()).ok());
  ::close(fd);
  EXPECT_EQ(report.removed_objects, planned->objects);
  EXPECT_EQ(report.freed_bytes, planned->bytes);
  EXPECT_TRUE(exists("tmp/open"));
}

TEST_F(DiskRescueTest, PlanNamesAtMostTwoHundredTheLargest) {
  for (int i = 0; i < 250; ++i)
    host.write("tmp/" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 4096, 'x'));
  const Result<Plan> planned = plan(all());
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->objects, 250U);
  ASSERT_EQ(planned->items.size(), 200U);
  EXPECT_EQ(planned->items.front().what, "/tmp/249");
  EXPECT_GE(planned->items.back().bytes, 49U * 4096);
}

TEST_F(DiskRescueTest, OnlyTheStagesNamedAndInTheirOrder) {
  host.write("tmp/file", "x");
  host.write("var/log/a.gz", "x");
  host.write("var/cache/apt/archives/a.deb", "x");
  ASSERT_FALSE(run(all().list("stages", {"rotated_logs", "apt_cache"})).ok());
  EXPECT_TRUE(exists("tmp/file"));
  EXPECT_FALSE(exists("var/log/a.gz"));
  EXPECT_FALSE(exists("var/cache/apt/archives/a.deb"));
  const auto logs = fixture.log.lines();
  const auto position = [&](std::string_view stage) {
    return std::ranges::find_if(logs,
                                [&](const std::string& line) {
                                  return line.find("stage done") != std::string::npos &&
                                         line.find(stage) != std::string::npos;
                                }) -
           logs.begin();
  };
  EXPECT_LT(position("rotated_logs"), position("apt_cache"));
}

TEST_F(DiskRescueTest, OwnGlobsGoOnlyBelowTheRoots) {
  host.write("srv/cache/a.tmp", "x");
  host.write("srv/cache/keep/b.tmp", "x");
  host.write("srv/cache/.hidden.tmp", "x");
  host.write("etc/a.tmp", "x");
  fixture.deletion.roots = {"/srv/cache"};
  fixture.deletion.protect = {"/srv/cache/keep"};
  ASSERT_FALSE(run(all().list("stages", {"globs"}).list("globs", {"/srv/cache/**/*.tmp"})).ok());
  EXPECT_FALSE(exists("srv/cache/a.tmp"));
  EXPECT_TRUE(exists("srv/cache/keep/b.tmp"));
  EXPECT_TRUE(exists("srv/cache/.hidden.tmp"));

  host.write("srv/cache/a.tmp", "x");
  for (const char* outside : {"/etc/*.tmp", "/srv/*/a.tmp", "/**", "/srv/cache2/*"}) {
    const Status status = run(all().list("globs", {"/srv/cache/*.tmp", outside}));
    ASSERT_FALSE(status.ok()) << outside;
    EXPECT_EQ(status.error().code(), ErrorCode::permission_denied) << outside;
    EXPECT_THAT(status.error().message(), HasSubstr("below none of deletion.roots (/srv/cache)"));
    EXPECT_TRUE(exists("srv/cache/a.tmp")) << "refused before anything is removed";
  }
}

TEST_F(DiskRescueTest, AStageOutsideTheRootsIsRefusedWhenNamedAndToldWhenNot) {
  host.write("tmp/file", "x");
  host.write("var/log/a.gz", "x");
  fixture.deletion.roots = {"/tmp"};
  EXPECT_EQ(run(all().list("stages", {"rotated_logs"})).error().code(), ErrorCode::permission_denied);
  ASSERT_FALSE(run(all()).ok());
  EXPECT_TRUE(exists("var/log/a.gz"));
  EXPECT_FALSE(exists("tmp/file"));
  EXPECT_THAT(fact("stage_rotated_logs"), HasSubstr("/var/log is below none of deletion.roots"));
}

TEST_F(DiskRescueTest, ALinkInPlaceOfARootIsToldAndNotFollowed) {
  host.write("real/file", "x");
  fs::create_directory(host.path() / "var");
  fs::create_directory_symlink("../real", host.path() / "var/tmp");
  const Status status = run(all().list("stages", {"temporary_files"}));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), HasSubstr("deletion root /var/tmp: a component is a symbolic link"));
  EXPECT_TRUE(exists("real/file"));
}

TEST_F(DiskRescueTest, AgesAreOfTheirStage) {
  host.write("tmp/file", "x");
  host.write("var/log/a.gz", "x");
  ASSERT_FALSE(run(all().text("temporary_min_age", "31d").text("min_age", "29d")).ok());
  EXPECT_TRUE(exists("tmp/file"));
  EXPECT_FALSE(exists("var/log/a.gz"));
  EXPECT_EQ(fact("kept_young"), "1");
}

// As a running apt does: an fcntl(2) lock of another process.
TEST_F(DiskRescueTest, AptAtWorkKeepsItsCache) {
  host.write("var/cache/apt/archives/a.deb", "x");
  const std::string lock = host.write("var/cache/apt/archives/lock", "");
  int ready[2], finish[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(finish, O_CLOEXEC), 0);
  const pid_t apt = ::fork();
  if (apt == 0) {
    const int fd = ::open(lock.c_str(), O_RDWR | O_CLOEXEC);
    struct flock held {};
    held.l_type = F_WRLCK;
    const bool locked = ::fcntl(fd, F_SETLK, &held) == 0;
    char byte = locked ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(finish[0], &byte, 1) != 1) ::_exit(1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  ASSERT_FALSE(run(all()).ok());
  EXPECT_TRUE(exists("var/cache/apt/archives/a.deb"));
  EXPECT_THAT(fact("stage_apt_cache"), HasSubstr("locked by another process"));
  ASSERT_EQ(::write(finish[1], &byte, 1), 1);
  ::waitpid(apt, nullptr, 0);
  for (const int fd : {ready[0], ready[1], finish[0], finish[1]}) ::close(fd);
  ASSERT_FALSE(run(all()).ok());
  EXPECT_FALSE(exists("var/cache/apt/archives/a.deb"));
}

TEST_F(DiskRescueTest, StopsWhenTold) {
  host.write("tmp/file", "x");
  fixture.cancel.cancel();
  EXPECT_EQ(run(all()).error().code(), ErrorCode::cancelled);
  EXPECT_TRUE(exists("tmp/file"));
  fixture.cancel = CancelToken();
  DiskRescue action;
  ASSERT_TRUE(all().fill(action).ok());
  ActionContext late = fixture.context(std::chrono::seconds(-1));
  EXPECT_EQ(action.run(late, report).error().code(), ErrorCode::timed_out);
  EXPECT_TRUE(exists("tmp/file"));
}

TEST_F(DiskRescueTest, BadArgumentsAreRefused) {
  const auto refused = [&](const ArgumentBuilder& arguments, std::string_view message) {
    DiskRescue action;
    const Status status = arguments.fill(action);
    ASSERT_FALSE(status.ok()) << message;
    EXPECT_THAT(status.error().to_string(), HasSubstr(message));
  };
  refused(ArgumentBuilder(), "\"path\" is missing");
  refused(ArgumentBuilder().text("path", "../../etc"), "not an absolute path");
  refused(ArgumentBuilder().text("path", "/data/../etc"), "..");
  refused(ArgumentBuilder().text("path", ""), "is empty");
  refused(all().list("stages", {"rotated_log"}), "did you mean rotated_logs?");
  refused(all().list("stages", {"journal", "journal"}), "twice");
  refused(all().list("stages", {"globs"}), "needs the argument globs");
  refused(all().list("stages", {"journal"}).list("globs", {"/tmp/*"}), "does not name the stage globs");
  refused(all().list("globs", {"tmp/*"}), "not an absolute path");
  refused(all().list("globs", {"/tmp/**.gz"}), "** beside other characters");
  refused(ArgumentBuilder().text("path", "/").text("target_free", "150%"), "0% to 100%");
  EXPECT_EQ(run(ArgumentBuilder().text("path", "/no/such").text("target_free", "1")).error().code(),
            ErrorCode::not_found);
  fixture.deletion.roots = {"/"};
  EXPECT_THAT(run(all()).error().to_string(), HasSubstr("would allow everything"));
}

}  // namespace
}  // namespace chiron::remediation
