#pragma once

#include "exporter/series/self_metrics.h"
#include "exporter/series/store.h"
#include "remediation/engine/remediator.h"
#include "tests/support/recording_log.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace chiron::remediation::testing {

using namespace std::chrono_literals;

/// What the fake action does, under the test's hand.
struct Stage {
  std::mutex mutex;
  std::function<Status(ActionContext&, Report&, const std::string&)> run;  // guarded by mutex
  std::vector<std::string> ran;  // guarded by mutex; what it was run on
  std::function<void()> plan;    // guarded by mutex
  std::size_t planned = 0;       // guarded by mutex
  static Stage& get() {
    static Stage stage;
    return stage;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return ran.size();
  }
};

class FakeAction final : public Action {
 public:
  void declare(Arguments& arguments) override {
    arguments.add("on", &on_, Need::required, "what it acts on");
  }
  Result<Plan> plan(ActionContext&) override {
    decltype(Stage::plan) act;
    {
      const std::lock_guard lock(Stage::get().mutex);
      ++Stage::get().planned;
      act = Stage::get().plan;
    }
    if (act) act();
    return Plan{"would act on " + on_, {}, 4096, 1};
  }
  Status run(ActionContext& context, Report& report) override {
    decltype(Stage::run) act;
    {
      const std::lock_guard lock(Stage::get().mutex);
      Stage::get().ran.push_back(on_);
      act = Stage::get().run;
    }
    return act ? act(context, report, on_) : Status();
  }

 private:
  std::string on_;
};

inline std::unique_ptr<Action> make_fake() { return std::make_unique<FakeAction>(); }
inline const ActionInfo kFake{"test.act", "acts in tests", 10s, &make_fake};
inline const ActionInfo kShort{"test.short", "the same, with little time", 50ms, &make_fake};

inline const ActionInfo kStoppable{"test.stoppable", "works object by object", 10s, &make_fake, true};

inline ArgumentValue text(std::string value) {
  ArgumentValue argument;
  argument.texts.push_back(std::move(value));
  return argument;
}

inline RemedySpec remedy(std::string name = "restart-web", const ActionInfo* action = &kFake) {
  RemedySpec spec;
  spec.name = std::move(name);
  spec.alerts.push_back({*parse_matcher("alertname=\"WebDown\"")});
  spec.target = *rules::Template::compile("{{ $labels.name }}");
  spec.targets = std::vector<std::string>{"*.service"};
  spec.steps.push_back({action, {{"on", text("{{ $target }}")}}, {}});
  spec.verify.within = 300ms;
  spec.policy = {.mode = Mode::automatic, .cooldown = 1h, .budget_runs = 100, .budget_per = 2h};
  return spec;
}

inline rules::Alert alert(std::string name = "nginx.service", std::uint64_t fingerprint = 1) {
  rules::Alert alert;
  alert.name = "WebDown";
  alert.labels = Labels{{"alertname", "WebDown"}, {"name", std::move(name)}};
  alert.state = rules::AlertState::firing;
  alert.fingerprint = fingerprint;
  return alert;
}

/// A remediator over a real ledger and a real store, whose frames come when asked for.
class RemediatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::lock_guard lock(Stage::get().mutex);
    Stage::get().run = nullptr;
    Stage::get().ran.clear();
    Stage::get().plan = nullptr;
    Stage::get().planned = 0;
  }
  void TearDown() override { end(); }
  /// The workers end first: they ask for frames through remediator_.
  void end() {
    if (remediator_) remediator_->stop(5s);
    remediator_.reset();
    ledger_.reset();
  }
  void start(std::vector<RemedySpec> remedies, Remediator::Options options = {}) {
    Result<std::unique_ptr<Ledger>> ledger =
        Ledger::open({.directory = dir_ / "state", .reserve = 64 << 10, .deadline = 5s}, *clock_, log_);
    ASSERT_TRUE(ledger.ok()) << ledger.error().to_string();
    ledger_ = *std::move(ledger);
    start_on(*ledger_, std::move(remedies), std::move(options));
  }
  void start_on(Ledger& ledger, std::vector<RemedySpec> remedies, Remediator::Options options = {}) {
    catalogue_ = std::make_unique<Catalogue>();
    store_ = std::make_unique<Store>(*catalogue_, Store::Options{});
    metrics_ = std::make_unique<SelfMetrics>(*catalogue_);
    remediator_ = std::make_unique<Remediator>(
        Remediator::Services{.ledger = ledger,
                             .still_holds = [this](const rules::Alert&) -> Result<bool> {
                               if (rule_gone_)
                                 return Error(ErrorCode::not_found, "the rule is not loaded any more");
                               return holds_.load();
                             },
                             .store = *store_,
                             .metrics = *metrics_,
                             .paths = paths_,
                             .clock = *clock_,
                             .log = log_,
                             .want_frame = [this] { frame(); }},
        std::move(options));
    remediator_->load(std::move(remedies));
    const Status started = remediator_->start();
    ASSERT_TRUE(started.ok()) << started.error().to_string();
  }
  void restart(std::vector<RemedySpec> remedies, Remediator::Options options = {}) {
    end();
    start(std::move(remedies), std::move(options));
  }
  void frame() {
    ++asked_;
    if (!frames_) return;
    remediator_->frame_done(clock_->boot());
  }
  /// One pass of the sampling loop.
  void pass(const std::vector<rules::Alert>& firing) {
    remediator_->frame_done(clock_->boot());
    remediator_->consider(firing);
  }
  /// Waits until something holds; the clock's patience, not a measure.
  static ::testing::AssertionResult eventually(const std::function<bool()>& holds) {
    for (const BootTime end = system_clock().boot() + 20s; system_clock().boot() < end;) {
      if (holds()) return ::testing::AssertionSuccess();
      std::this_thread::sleep_for(1ms);
    }
    return ::testing::AssertionFailure() << "did not come to hold within 20 s";
  }
  std::vector<RunRecord> history(const std::string& state = {}) {
    Result<std::vector<RunRecord>> runs = ledger_->history({.state = state, .limit = 1000});
    return runs ? *std::move(runs) : std::vector<RunRecord>();
  }
  bool ended(const std::string& state) { return !history(state).empty() && remediator_->active().empty(); }
  double counter(std::string_view name, const Labels& labels) {
    return metrics_->counter(name, "", labels).value();
  }
  double runs(std::string_view outcome, std::string remedy = "restart-web") {
    return counter("chiron_remedy_runs_total",
                   {{"remedy", std::move(remedy)}, {"outcome", std::string(outcome)}});
  }
  double suppressed(std::string_view reason, std::string remedy = "restart-web") {
    return counter("chiron_remedy_suppressed_total",
                   {{"remedy", std::move(remedy)}, {"reason", std::string(reason)}});
  }
  static void on_run(decltype(Stage::run) act) {
    const std::lock_guard lock(Stage::get().mutex);
    Stage::get().run = std::move(act);
  }

  chiron::testing::TempDir dir_;
  chiron::testing::RecordingLog log_;
  HostPaths paths_;
  const Clock* clock_ = &system_clock();
  std::atomic<bool> holds_{true};
  std::atomic<bool> rule_gone_{false};
  std::atomic<bool> frames_{true};
  std::atomic<int> asked_{0};  // frames that verifications wanted
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<SelfMetrics> metrics_;
  std::unique_ptr<Remediator> remediator_;
};

}  // namespace chiron::remediation::testing
