#include "tests/remediation/engine/remediator_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using testing::alert;
using testing::remedy;
using testing::Stage;

/// The process is killed at a boundary of a run and started again over the same state.
class Crash : public testing::RemediatorTest, public ::testing::WithParamInterface<const char*> {
 protected:
  /// What the action did to the world: one byte per time it ran.
  std::size_t acted() const {
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(dir_ / "acted", none);
    return none ? 0 : static_cast<std::size_t>(size);
  }
  void acts_on_the_world() {
    on_run([path = dir_ / "acted"](ActionContext&, Report& report, const std::string&) -> Status {
      std::ofstream(path, std::ios::app) << '.';
      report.freed_bytes = 10;
      return {};
    });
  }
  [[noreturn]] void run_until(std::string_view boundary) {
    Remediator::Options options;
    options.boundary = [boundary](std::string_view here) {
      if (here == boundary) ::kill(::getpid(), SIGKILL);
    };
    start({remedy()}, options);
    pass({alert()});
    [[maybe_unused]] const auto never = eventually([] { return false; });
    ::_exit(1);
  }
};

TEST_P(Crash, NothingIsRunTwiceNothingIsLostAndTheCooldownHolds) {
  const std::string_view boundary = GetParam();
  acts_on_the_world();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) run_until(boundary);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the boundary was never reached";
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  const bool had_acted = boundary != "after begin" && boundary != "after begin_step";
  EXPECT_EQ(acted(), had_acted ? 1u : 0u);

  start({remedy()});
  const auto found = history();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].state, RunState::interrupted);
  EXPECT_TRUE(found[0].finished.has_value());
  if (boundary == "after begin_step" || boundary == "after action") {
    ASSERT_EQ(found[0].steps.size(), 1u);
    EXPECT_EQ(found[0].steps[0].outcome, "interrupted");
  }
  if (boundary == "after end_step" || boundary == "before finish") {
    ASSERT_EQ(found[0].steps.size(), 1u);
    EXPECT_EQ(found[0].steps[0].outcome, "succeeded");
    EXPECT_EQ(found[0].freed_bytes, 10u);
  }
  EXPECT_EQ(runs("interrupted"), 1);
  EXPECT_EQ(log_.count("run interrupted run=" + found[0].id), 1u);

  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("cooldown") == 1; }));
  EXPECT_EQ(acted(), had_acted ? 1u : 0u);
  // A second restart finds nothing more to mend.
  restart({remedy()});
  EXPECT_EQ(runs("interrupted"), 0);
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::cooldown);
}

/// Killed while a run waits for approval, or right after somebody approved it.
class CrashApproval : public testing::RemediatorTest, public ::testing::WithParamInterface<const char*> {
 protected:
  static RemedySpec asking() {
    RemedySpec spec = remedy();
    spec.policy.mode = Mode::approval;
    return spec;
  }
  [[noreturn]] void run_until(std::string_view boundary) {
    Remediator::Options options;
    options.boundary = [boundary](std::string_view here) {
      if (here == boundary) ::kill(::getpid(), SIGKILL);
    };
    start({asking()}, options);
    pass({alert()});
    [[maybe_unused]] const auto waits = eventually([&] { return !remediator_->waiting().empty(); });
    [[maybe_unused]] const auto begun = remediator_->approve(remediator_->waiting().front().id, "alice");
    [[maybe_unused]] const auto never = eventually([] { return false; });
    ::_exit(1);
  }
};

TEST_P(CrashApproval, ItWaitsOnOrIsInterruptedAndNeverRunsTwice) {
  const std::string_view boundary = GetParam();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) run_until(boundary);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the boundary was never reached";

  start({asking()});
  const auto rows = history();
  ASSERT_EQ(rows.size(), 1u);
  pass({alert()});
  if (boundary == "after planned") {
    ASSERT_EQ(remediator_->waiting().size(), 1u);
    EXPECT_EQ(remediator_->waiting()[0].id, rows[0].id);
    ASSERT_TRUE(eventually([&] { return remediator_->approve(rows[0].id, "alice").ok(); }));
    ASSERT_TRUE(eventually([&] { return ended("succeeded") || ended("ineffective"); }));
    EXPECT_EQ(Stage::get().count(), 1u);
    EXPECT_EQ(history().size(), 1u);
  } else {
    EXPECT_EQ(rows[0].state, RunState::interrupted);
    EXPECT_EQ(rows[0].requested_by, "alice");
    EXPECT_TRUE(remediator_->waiting().empty());
    EXPECT_FALSE(remediator_->approve(rows[0].id, "alice").ok());
    ASSERT_TRUE(eventually([&] { return suppressed("cooldown") == 1; }));
    EXPECT_EQ(Stage::get().count(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Boundaries, CrashApproval,
                         ::testing::Values("after planned", "after begin", "after begin_step"),
                         [](const auto& suite) {
                           std::string name = suite.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

/// Killed after three runs, one after another: the fourth agent does nothing until a person says so.
class BootLoop : public testing::RemediatorTest {};

TEST_F(BootLoop, ThreeStartsAfterThreeRunsComeUpPaused) {
  RemedySpec spec = remedy();
  spec.policy.cooldown = Duration::zero();
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Remediator::Options options;
      options.boundary = [](std::string_view here) {
        if (here == "after action") ::kill(::getpid(), SIGKILL);
      };
      start({spec}, options);
      pass({alert()});
      [[maybe_unused]] const auto never = eventually([] { return false; });
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << i;
  }
  start({spec});
  EXPECT_EQ(log_.count("boot loop"), 1u);
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::paused);
  EXPECT_EQ(metrics_->gauge("chiron_remediation_paused", "", {{"cause", "boot_loop"}}).value(), 1);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("paused") == 1; }));
  restart({spec});
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::paused);
  ASSERT_TRUE(remediator_->resume("").ok());
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::none);
  restart({spec});
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::none);
}

INSTANTIATE_TEST_SUITE_P(Boundaries, Crash,
                         ::testing::Values("after begin", "after begin_step", "after action",
                                           "after end_step", "before finish"),
                         [](const auto& suite) {
                           std::string name = suite.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace chiron::remediation
