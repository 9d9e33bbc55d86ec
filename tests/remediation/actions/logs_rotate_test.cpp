#include "remediation/actions/logs/gzip_copy.h"
#include "remediation/actions/logs/rotated_name.h"
#include "tests/remediation/actions/logs_rotate_fixture.h"
#include "tests/support/private_mounts.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RotatedName, KnowsTheWaysOfRotating) {
  const auto log = [](std::string_view name) {
    const std::optional<RotatedName> rotated = parse_rotated_name(name);
    return rotated ? rotated->log + (rotated->compressed ? " gz" : "") : "-";
  };
  EXPECT_EQ(log("x.log.1"), "x.log");
  EXPECT_EQ(log("x.log.12.gz"), "x.log gz");
  EXPECT_EQ(log("x.log.old"), "x.log");
  EXPECT_EQ(log("x.log-20260131"), "x.log");
  EXPECT_EQ(log("x.log-20260131.xz"), "x.log gz");
  EXPECT_EQ(log("x.log-20260131-1769817600"), "x.log");
  EXPECT_EQ(log("x-2026-01-31.log"), "x.log");
  EXPECT_EQ(log("x_20260131.log.gz"), "x.log gz");
  EXPECT_EQ(log(rotated_as("x.log", WallTime(std::chrono::seconds(1'769'817'600)))), "x.log");
  EXPECT_EQ(rotated_as("x.log", WallTime(std::chrono::seconds(1'769'817'600))), "x.log-20260131T000000Z");
  for (const char* name :
       {"x.log", "x-1.log", "x-20261331.log", "x-202601310.log", "syslog", ".1", "x.2024", ".gz"})
    EXPECT_EQ(log(name), "-") << name;
}

TEST_F(LogsRotateTest, RotatesLargeLogsAndGivesTheNewOneTheSameOwnerAndMode) {
  const std::string large = host.write("var/log/app/a.log", std::string(2000, 'a'));
  host.write("var/log/app/small.log", "small");
  host.write("var/log/app/other.txt", std::string(2000, 'a'));
  ASSERT_EQ(::chmod(large.c_str(), 0640), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(large.c_str(), 1, 4), 0);
  }
  const Status status = run(logs());
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  const std::string old = rotated_as("a.log", clock.wall()).substr(0, 14);
  ASSERT_EQ(names("var/log/app").size(), 4U);
  EXPECT_THAT(names("var/log/app")[1], HasSubstr(old));
  EXPECT_EQ(read(host / ("var/log/app/" + names("var/log/app")[1])), std::string(2000, 'a'));
  struct stat info {};
  ASSERT_EQ(::stat(large.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 0);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
  if (::geteuid() == 0) {
    EXPECT_EQ(info.st_uid, 1U);
    EXPECT_EQ(info.st_gid, 4U);
  }
}

TEST_F(LogsRotateTest, CompressesYesterdaysAndKeepsWhoseTheyAre) {
  const std::string content = "line\n" + std::string(100'000, 'x');
  const std::string old = host.write("var/log/a.log.1", content);
  host.write("var/log/a.log.2", "of today");
  ASSERT_EQ(::chmod(old.c_str(), 0604), 0);
  age("var/log/a.log.1", 2);
  age("var/log/a.log.2", 0);
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(old.c_str(), &before), 0);
  const Status status = run(logs());
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_THAT(names(), ElementsAre("a.log.1.gz", "a.log.2"));
  EXPECT_EQ(unpack(host / "var/log/a.log.1.gz"), content);
  ASSERT_EQ(::stat((host / "var/log/a.log.1.gz").c_str(), &after), 0);
  EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_GT(report.freed_bytes, 90'000U);
}

TEST_F(LogsRotateTest, RemovesByAgeAndByNumber) {
  for (int i = 1; i <= 5; ++i) {
    host.write("var/log/a.log." + std::to_string(i) + ".gz", "x");
    age("var/log/a.log." + std::to_string(i) + ".gz", i * 10);
  }
  host.write("var/log/a.log", "x");
  age("var/log/a.log", 100);
  ASSERT_TRUE(run(logs().text("keep", "4").text("compress_after", "100d")).ok());
  EXPECT_THAT(names(), ElementsAre("a.log", "a.log.1.gz", "a.log.2.gz", "a.log.3.gz", "a.log.4.gz"));
  ASSERT_TRUE(run(ArgumentBuilder().list("globs", {"/var/log/*.log"}).text("delete_after", "25d")).ok());
  EXPECT_THAT(names(), ElementsAre("a.log", "a.log.1.gz", "a.log.2.gz"));
  EXPECT_EQ(report.removed_objects, 2U);
}

TEST_F(LogsRotateTest, KeepsSoManyPartsAlsoAfterARotation) {
  const auto fill = [this] {
    fs::remove_all(host / "var");
    host.write("var/log/a.log", std::string(2000, 'x'));
    for (int i = 1; i <= 3; ++i) {
      host.write("var/log/a.log." + std::to_string(i), "old");
      age("var/log/a.log." + std::to_string(i), i * 10);
    }
  };
  // The oldest goes under the name that the compression of the same run gave it.
  for (const char* compress_after : {"1d", "100d"}) {
    fill();
    const ArgumentBuilder arguments = logs().text("keep", "3").text("compress_after", compress_after);
    LogsRotate action;
    ASSERT_TRUE(arguments.fill(action).ok());
    ActionContext context = fixture.context();
    const Result<Plan> plan = action.plan(context);
    ASSERT_TRUE(plan.ok());
    EXPECT_THAT(plan->summary, ::testing::StartsWith("remove 1, "));
    const Status status = run(arguments);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
    EXPECT_EQ(report.removed_objects, 1U);
    const std::string packed = compress_after == std::string_view("1d") ? ".gz" : "";
    EXPECT_THAT(names(), ElementsAre("a.log", HasSubstr("a.log-2"), "a.log.1" + packed, "a.log.2" + packed));
  }
  fill();
  ASSERT_TRUE(run(logs().text("keep", "0")).ok());
  EXPECT_THAT(names(), ElementsAre("a.log")) << "as logrotate's `rotate 0` has it";
  EXPECT_EQ(report.removed_objects, 4U);

  fill();
  const int writer = ::open((host / "var/log/a.log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_TRUE(run(logs().text("keep", "3").text("compress_after", "100d")).ok());
  EXPECT_EQ(names().size(), 4U) << "what is not rotated needs no room";
  ASSERT_TRUE(run(logs().text("keep", "1").text("writer", "copytruncate")).ok());
  ::close(writer);
  EXPECT_THAT(names(), ElementsAre("a.log", HasSubstr("Z.gz")));
}

TEST_F(LogsRotateTest, LeavesAloneWhatOthersLookAfter) {
  host.write("etc/logrotate.d/app", "/var/log/app/*.log {\n weekly\n}\n");
  host.write("etc/logrotate.d/damaged", "/var/log/damaged.log {\n");
  fixture.deletion.protect = {"/var/log/secret"};
  for (const char* path :
       {"var/log/app/a.log", "var/log/app/a.log.1", "var/log/damaged.log", "var/log/secret/a.log",
        "var/log/audit/audit.log", "var/log/audit/audit.log.1", "var/log/journal/x/a.log"})
    host.write(path, std::string(2000, 'x'));
  fs::create_symlink("app/a.log", host / "var/log/link.log");
  ASSERT_TRUE(run(logs().text("delete_after", "0s")).ok());
  EXPECT_THAT(names("var/log/app"), ElementsAre("a.log", "a.log.1"));
  EXPECT_THAT(names("var/log/audit"), ElementsAre("audit.log", "audit.log.1"));
  EXPECT_THAT(names("var/log/secret"), ElementsAre("a.log"));
  EXPECT_THAT(names(), ElementsAre("app", "audit", "damaged.log", "journal", "link.log", "secret"));
  EXPECT_EQ(fact("logrotate_owns"), "3");
}

TEST_F(LogsRotateTest, ALogThatIsWrittenStaysUnlessItsWriterCanBeTold) {
  const std::string path = host.write("var/log/a.log", std::string(2000, 'x'));
  const int writer = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_TRUE(run(logs()).ok());
  EXPECT_THAT(names(), ElementsAre("a.log"));
  EXPECT_EQ(fact("open_for_writing"), "1");
  EXPECT_THAT(report.summary,
              HasSubstr("/var/log/a.log first: set writer to signal, reload or copytruncate"));
  ::close(writer);
  ASSERT_TRUE(run(logs()).ok());
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(LogsRotateTest, CopiesAndCutsUnderAWriterThatAppends) {
  const std::string path = host.write("var/log/a.log", std::string(2000, 'x'));
  const int writer = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const Status status = run(logs().text("writer", "copytruncate"));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  ASSERT_EQ(::write(writer, "next\n", 5), 5);
  ::close(writer);
  ASSERT_EQ(names().size(), 2U);
  EXPECT_EQ(read(path), "next\n");
  EXPECT_EQ(unpack(host / ("var/log/" + names()[1])), std::string(2000, 'x'));
}

// As a crash between the copy and the cut leaves it; the writer has gone on.
TEST_F(LogsRotateTest, GoesOnAfterACopyThatWasNotFollowedByTheCut) {
  const std::string path = host.write("var/log/a.log", std::string(2000, 'x'));
  const int writer = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const std::string copy = "var/log/" + rotated_as("a.log", clock.wall() - std::chrono::hours(1)) + ".gz";
  {
    host.write(copy, "");
    const int in = ::open(path.c_str(), O_RDONLY | O_CLOEXEC),
              out = ::open((host / copy).c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_TRUE(append_gzip(in, 0, 2000, out, [] { return false; }).ok());
    ::close(in);
    ::close(out);
  }
  ASSERT_EQ(::write(writer, "more\n", 5), 5);
  const Status status = run(logs().text("writer", "copytruncate").text("compress_after", "100d"));
  ::close(writer);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(names().size(), 2U);
  EXPECT_EQ(unpack(host / copy), std::string(2000, 'x') + "more\n");
  EXPECT_EQ(read(path), "");
}

// Each state that a kill between two steps of a compression leaves, and the left-over of a third.
TEST_F(LogsRotateTest, GoesOnAfterACompressionThatWasInterrupted) {
  host.write("var/log/a.log.1", "content");
  host.write("var/log/.a.log.1.gz.chiron-new", "half a co");
  age("var/log/a.log.1", 3);
  ASSERT_TRUE(run(logs()).ok());
  EXPECT_THAT(names(), ElementsAre("a.log.1.gz"));

  host.write("var/log/a.log.1", "content");
  age("var/log/a.log.1", 3);
  ASSERT_TRUE(run(logs()).ok());
  EXPECT_THAT(names(), ElementsAre("a.log.1.gz"));
  EXPECT_EQ(unpack(host / "var/log/a.log.1.gz"), "content");

  host.write("var/log/a.log.1", "something else");
  age("var/log/a.log.1", 3);
  const Status status = run(logs());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(status.error().to_string(), HasSubstr("a.log.1.gz is there and holds something else"));
  EXPECT_THAT(names(), ElementsAre("a.log.1", "a.log.1.gz"));
}

/// All that stands in files under their own names, unpacked.
std::vector<std::string> contents(const std::string& directory) {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string path = entry.path();
    if (!path.ends_with(".chiron-new")) all.push_back(path.ends_with(".gz") ? unpack(path) : read(path));
  }
  return all;
}

// Killed at any moment, nothing is lost, and the next run ends what was begun.
TEST_F(LogsRotateTest, SurvivesAKillAtAnyMoment) {
  const auto blob = [](char kind) {
    std::string text;
    for (int i = 0; i < 40'000; ++i) text += std::to_string(i * 7919 % 104'729) + kind + "\n";
    return text;
  };
  const std::string renamed = blob('r'), cut = blob('c'), packed = blob('p');
  const auto in_a_child = [this](Duration kill_after) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(run(logs().text("writer", "copytruncate").text("compress_after", "1d")).ok() ? 0 : 1);
    }
    const BootTime limit = system_clock().boot() + kill_after;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (system_clock().boot() >= limit) ::kill(child, SIGKILL);
    }
    return status;
  };
  for (int i = 0; i < 25; ++i) {
    fs::remove_all(host / "var");
    host.write("var/log/r.log", renamed);
    const std::string cut_path = host.write("var/log/c.log", cut);
    host.write("var/log/p.log.1", packed);
    age("var/log/p.log.1", 3);
    age("var/log/r.log", 0);
    age("var/log/c.log", 0);
    const int writer = ::open(cut_path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    in_a_child(std::chrono::milliseconds(2) * i);
    const std::vector<std::string> after = contents(host / "var/log");
    for (const std::string& text : {renamed, cut, packed})
      EXPECT_GE(std::ranges::count(after, text), 1) << "killed after " << 2 * i << " ms";
    ASSERT_EQ(in_a_child(std::chrono::minutes(2)), 0) << "killed after " << 2 * i << " ms";
    ::close(writer);
    std::vector<std::string> ended = contents(host / "var/log");
    std::erase(ended, "");
    EXPECT_EQ(ended.size(), 3U) << "each once";
    for (const std::string& text : {renamed, cut, packed}) EXPECT_EQ(std::ranges::count(ended, text), 1);
    EXPECT_TRUE(exists("var/log/p.log.1.gz"));
    EXPECT_EQ(fs::file_size(host / "var/log/c.log"), 0U);
  }
}

TEST_F(LogsRotateTest, OnANearlyFullDiskTheSmallMakeRoomAndWhatDoesNotFitStaysWhole) {
  if (!chiron::testing::is_root()) GTEST_SKIP() << "mounts a small file system";
  fs::create_directories(host / "var/log");
  chiron::testing::in_private_mounts([this] {
    ASSERT_EQ(::mount("none", (host / "var/log").c_str(), "tmpfs", 0, "size=6m"), 0);
    std::string noise(2 << 20, '\0');
    std::uint32_t state = 1;
    for (char& c : noise) c = static_cast<char>((state = state * 1'664'525U + 1'013'904'223U) >> 24U);
    host.write("var/log/small.log.1", std::string(1 << 20, 'x'));
    host.write("var/log/noise.log.1", noise);
    host.write("var/log/filler", std::string(3 << 19, 'x'));
    age("var/log/small.log.1", 3);
    age("var/log/noise.log.1", 3);
    const Status status = run(logs());
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), ErrorCode::exhausted);
    EXPECT_THAT(status.error().to_string(), HasSubstr("/var/log/noise.log.1: too little space"));
    EXPECT_THAT(names(), ElementsAre("filler", "noise.log.1", "small.log.1.gz"));
    EXPECT_EQ(read(host / "var/log/noise.log.1"), noise);
  });
}

TEST_F(LogsRotateTest, PlanChangesNothing) {
  host.write("var/log/a.log", std::string(2000, 'x'));
  host.write("var/log/a.log.1", std::string(5000, 'x'));
  age("var/log/a.log.1", 3);
  LogsRotate action;
  ASSERT_TRUE(logs().fill(action).ok());
  ActionContext context = fixture.context();
  const Result<Plan> plan = action.plan(context);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->summary, "remove 0, compress 1, rotate 1");
  ASSERT_EQ(plan->items.size(), 2U);
  EXPECT_EQ(plan->items[0].what, "/var/log/a.log.1");
  EXPECT_EQ(plan->items[0].note, "compress");
  EXPECT_THAT(names(), ElementsAre("a.log", "a.log.1"));
}

TEST_F(LogsRotateTest, BadArgumentsAreRefused) {
  const auto refused = [&](const ArgumentBuilder& arguments, std::string_view message) {
    const Status status = run(arguments);
    ASSERT_FALSE(status.ok()) << message;
    EXPECT_THAT(status.error().to_string(), HasSubstr(message));
  };
  refused(ArgumentBuilder(), "globs");
  refused(ArgumentBuilder().list("globs", {"/etc/*.log"}), "below none of deletion.roots");
  refused(ArgumentBuilder().list("globs", {"/var/log/**"}), "must end in the name of logs");
  refused(ArgumentBuilder().list("globs", {"/var/log/{a,b}.log"}), "has braces");
  refused(logs().text("max_size", "large"), "max_size");
  refused(logs().text("keep", "-1"), "keep");
  refused(logs().text("writer", "kill"), "not one of leave, signal, reload, copytruncate");
  refused(logs().text("writer", "signal"), "needs the argument unit");
  refused(logs().text("unit", "nginx"), "writer is not signal");
  refused(logs().text("writer", "reload"), "needs the argument reload");
  refused(logs().text("writer", "reload").text("reload", "nginx").text("unit", "nginx"),
          "writer is not signal");
  refused(logs().text("reload", "nginx"), "writer is not reload");
}

}  // namespace
}  // namespace chiron::remediation
