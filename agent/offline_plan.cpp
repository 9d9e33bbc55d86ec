#include "agent/offline_plan.h"

#include "agent/plan_json.h"
#include "exporter/series/store.h"
#include "remediation/engine/remediator.h"

#include <unistd.h>

namespace chiron::agent {
namespace {

using remediation::Ledger;
using remediation::RunRecord;
using remediation::RunState;
using remediation::StepRecord;

/// Before the first start of an agent: nothing has ever run.
class NoLedger final : public Ledger {
 public:
  Result<std::vector<RunRecord>> recover(const MayGoOn&) override { return std::vector<RunRecord>(); }
  Result<std::string> begin(RunRecord) override { return refusal(); }
  Status begin_approved(const RunRecord&) override { return refusal(); }
  Status begin_step(std::string_view, const StepRecord&) override { return refusal(); }
  Status end_step(std::string_view, const StepRecord&) override { return refusal(); }
  Status set_state(std::string_view, RunState, std::string_view) override { return refusal(); }
  Status finish(std::string_view, RunState, std::string_view, std::uint64_t, std::uint64_t) override {
    return refusal();
  }
  Result<std::vector<RunRecord>> history(const remediation::HistoryFilter&) override {
    return std::vector<RunRecord>();
  }
  Result<std::optional<RunRecord>> run(std::string_view) override { return std::optional<RunRecord>(); }
  Status put(std::string_view, std::string_view) override { return refusal(); }
  Result<std::string> get(std::string_view) override { return std::string(); }
  Status writable() override { return refusal(); }

 private:
  static Error refusal() { return {ErrorCode::failed_precondition, "planning writes nothing"}; }
};

/// Knows whom the agent would tell, and tells nobody.
class NamedReceivers final : public alerting::Notifier {
 public:
  explicit NamedReceivers(const std::vector<alerting::AlertmanagerSpec>& specs) {
    for (const alerting::AlertmanagerSpec& spec : specs) urls_.push_back(spec.url);
  }
  std::vector<std::string> receivers() const override { return urls_; }
  Result<std::string> deliver(const alerting::Notice&, Duration, const CancelToken&) override {
    return Error(ErrorCode::failed_precondition, "planning tells nobody");
  }

 private:
  std::vector<std::string> urls_;
};

Result<std::unique_ptr<Ledger>> ledger_of(const std::string& directory) {
  if (::access((directory + "/ledger.db").c_str(), F_OK) != 0 && errno == ENOENT) {
    return std::unique_ptr<Ledger>(std::make_unique<NoLedger>());
  }
  return Ledger::open_read_only(directory, system_clock(), null_log());
}

}  // namespace

Result<std::string> plan_without_agent(const Config& config, const std::string& remedy,
                                       const std::string& target) {
  DiagnosticSink sink;
  Policies policies = load_policies(config, sink);
  if (!sink.ok()) {
    return Error(ErrorCode::invalid_argument, "the configuration has faults; `chiron check` shows them");
  }
  const auto ledger = ledger_of(config.settings.text("storage.path"));
  if (!ledger.ok()) return ledger.error();
  const HostPaths paths = config.paths();
  Catalogue catalogue;
  SelfMetrics metrics(catalogue);
  const Store store(catalogue, {});
  remediation::Remediator::Options options;
  options.limits = {config.deletion, config.gate(), config.host_budget, config.requests};
  options.pause_file = config.settings.text("storage.path") + "/pause";
  options.watched_services = config.services;
  options.container_sockets = config.settings.list("collector.containers.socket");
  NamedReceivers receivers(config.alertmanagers);
  remediation::Remediator remediator(
      remediation::Remediator::Services{.ledger = **ledger,
                                        .still_holds = [](const rules::Alert&) { return Result<bool>(true); },
                                        .store = store,
                                        .metrics = metrics,
                                        .paths = paths,
                                        .clock = system_clock(),
                                        .log = null_log(),
                                        .want_frame = [] {},
                                        .notifier = &receivers},
      std::move(options));
  remediator.load(std::move(policies.remedies));
  if (const Status recalled = remediator.recall(); !recalled.ok()) return recalled.error();
  const auto plan = remediator.plan(remedy, target);
  if (!plan.ok()) return plan.error();
  return plan_json(*plan);
}

}  // namespace chiron::agent
