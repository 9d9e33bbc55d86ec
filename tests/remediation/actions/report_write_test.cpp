#include "remediation/actions/report_write.h"

#include "exporter/base/file.h"
#include "remediation/actions/report_files.h"
#include "tests/support/action_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_host.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::FakeClock;
using chiron::testing::FakeHost;
using chiron::testing::TempDir;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ReportWriteTest : ::testing::Test {
  ReportWriteTest() {
    fixture.paths = HostPaths({.procfs = "/proc", .sysfs = "/sys", .rootfs = dir.path().string()});
    fixture.deletion.roots = {"/srv"};
  }
  Status run(const ArgumentBuilder& arguments = {}, Duration within = std::chrono::seconds(30)) {
    ReportWrite action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context(within);
    context.host = &host;
    report = {};
    return action.run(context, report);
  }
  std::vector<std::string> names(std::string_view below = "state/reports") const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(dir / below)) all.push_back(entry.path().filename());
    std::ranges::sort(all);
    return all;
  }
  static ArgumentBuilder markdown() { return ArgumentBuilder().list("formats", {"markdown"}); }

  TempDir dir;
  FakeClock clock;
  ActionFixture fixture{clock};
  std::string state = [this] {
    fs::create_directories(dir / "state");
    return dir / "state";
  }();
  FakeHost host{state};
  Report report;
};

TEST_F(ReportWriteTest, WritesBothFormatsForTheAgentAndItsGroupOnly) {
  ASSERT_TRUE(run().ok());
  const std::string stamp = report_stamp(clock.wall());
  EXPECT_THAT(names(), ElementsAre("report-" + stamp + ".html", "report-" + stamp + ".md"));
  const std::string file = state + "/reports/report-" + stamp + ".html";
  EXPECT_EQ(read_file(file).value_or(""), "html of a host");
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
  ASSERT_EQ(::stat((state + "/reports").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0750U);
  EXPECT_THAT(report.summary, HasSubstr(file));
}

TEST_F(ReportWriteTest, KeepsTheNewestOfItsNameAndTouchesNothingElse) {
  for (const char* other : {"notes.md", "report-old.md", "report-20260101T000000Z.txt",
                            "report-2-20260101T000000Z.md", "reports-20260101T000000Z.md"})
    dir.write(std::string("state/reports/") + other, "");
  fs::create_directories(dir / "state/reports/report-20250101T000000Z.md");
  std::vector<std::string> stamps;
  for (int i = 0; i < 5; ++i) {
    clock.advance(hours(1));
    stamps.push_back(report_stamp(clock.wall()));
    ASSERT_TRUE(run(markdown().text("keep", "2")).ok());
  }
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(fs::exists(state + "/reports/report-" + stamps[static_cast<std::size_t>(i)] + ".md"), i >= 3)
        << i;
  EXPECT_EQ(names().size(), 2U + 6U);
}

TEST_F(ReportWriteTest, LeavesAWholeReportOrNone) {
  // What a kill -9 in the middle of writing leaves.
  const std::string part = ".report-20260101T000000Z.md.part";
  dir.write("state/reports/" + part, "half");
  ASSERT_TRUE(run(markdown()).ok());
  EXPECT_FALSE(fs::exists(state + "/reports/" + part));
  EXPECT_EQ(names().size(), 1U);
  host.set_text(std::string(100'000, 'x'));
  ASSERT_TRUE(run(markdown()).ok());
  EXPECT_EQ(fs::file_size(state + "/reports/" + names().front()),
            100'000U + std::string("markdown of ").size());
}

TEST_F(ReportWriteTest, WritesElsewhereOnlyInsideTheRoots) {
  fs::create_directories(dir / "srv/reports");
  fs::create_directories(dir / "etc");
  ASSERT_TRUE(run(markdown().text("directory", "/srv/reports").text("name", "weekly")).ok());
  EXPECT_EQ(names("srv/reports").size(), 1U);
  EXPECT_TRUE(names("srv/reports").front().starts_with("weekly-"));
  EXPECT_EQ(run(markdown().text("directory", "/etc")).error().code(), ErrorCode::permission_denied);
  EXPECT_FALSE(run(markdown().text("directory", "/srv/absent")).ok());
  fs::create_directory_symlink(dir / "etc", dir / "srv/link");
  EXPECT_FALSE(run(markdown().text("directory", "/srv/link")).ok());
  EXPECT_TRUE(fs::is_empty(dir / "etc"));
  fixture.deletion.protect = {"/srv/reports/**"};
  EXPECT_EQ(run(markdown().text("directory", "/srv/reports")).error().code(), ErrorCode::permission_denied);
}

TEST_F(ReportWriteTest, FollowsNoLinkThatLiesInItsWay) {
  dir.write("victim", "precious");
  fs::create_directories(dir / "state/reports");
  const std::string name = "report-" + report_stamp(clock.wall()) + ".md";
  fs::create_symlink(dir / "victim", dir / ("state/reports/." + name + ".part"));
  fs::create_symlink(dir / "victim", dir / ("state/reports/" + name));
  ASSERT_TRUE(run(markdown()).ok());
  EXPECT_EQ(read_file(dir / "victim").value_or(""), "precious");
  EXPECT_FALSE(fs::is_symlink(state + "/reports/" + name));
}

TEST_F(ReportWriteTest, WritesOneAtATime) {
  fs::create_directories(dir / "state/reports");
  const FileDescriptor other(::open((state + "/reports").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const Status late = run({}, Duration::zero());
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), ErrorCode::timed_out);
  fixture.cancel.cancel();
  EXPECT_EQ(run().error().code(), ErrorCode::cancelled);
  EXPECT_TRUE(names().empty());
}

TEST_F(ReportWriteTest, PlansWithoutMakingAnything) {
  ReportWrite action;
  ActionContext context = fixture.context();
  context.host = &host;
  const Result<Plan> plan = action.plan(context);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->items.size(), 2U);
  EXPECT_THAT(plan->summary, HasSubstr(state + "/reports"));
  EXPECT_FALSE(fs::exists(state + "/reports"));
}

TEST_F(ReportWriteTest, RefusesBadArguments) {
  EXPECT_FALSE(run(ArgumentBuilder().list("formats", {"pdf"})).ok());
  EXPECT_FALSE(run(ArgumentBuilder().text("name", "../x")).ok());
  EXPECT_FALSE(run(ArgumentBuilder().text("name", "a.b")).ok());
  EXPECT_FALSE(run(ArgumentBuilder().text("period", "1m")).ok());
  EXPECT_FALSE(run(ArgumentBuilder().text("keep", "0")).ok());
  EXPECT_FALSE(run(ArgumentBuilder().text("directory", "reports")).ok());
}

TEST(ReportStamp, IsOfOneForm) {
  EXPECT_TRUE(is_report_stamp(report_stamp(system_clock().wall())));
  for (const char* text :
       {"", "20260101T000000", "2026-101T000000Z", "20260101T000000Zx", "20260101t000000Z"})
    EXPECT_FALSE(is_report_stamp(text)) << text;
}

}  // namespace
}  // namespace chiron::remediation
