#include "agent/offline_plan.h"

#include "agent/plan_json.h"
#include "exporter/series/store.h"
#include "remediation/engine/remediator.h"

namespace chiron::agent {

Result<std::string> plan_without_agent(const Config& config, const std::string& remedy,
                                       const std::string& target) {
  DiagnosticSink sink;
  Policies policies = load_policies(config, sink);
  if (!sink.ok()) {
    return Error(ErrorCode::invalid_argument, "the configuration has faults; `chiron check` shows them");
  }
  auto ledger =
      remediation::Ledger::open_read_only(config.settings.text("storage.path"), system_clock(), null_log());
  if (!ledger.ok()) return ledger.error();
  const HostPaths paths = config.paths();
  Catalogue catalogue;
  SelfMetrics metrics(catalogue);
  const Store store(catalogue, {});
  remediation::Remediator::Options options;
  options.deletion = config.deletion;
  options.watched_services = config.services;
  remediation::Remediator remediator(
      remediation::Remediator::Services{.ledger = **ledger,
                                        .still_holds = [](const rules::Alert&) { return Result<bool>(true); },
                                        .store = store,
                                        .metrics = metrics,
                                        .paths = paths,
                                        .clock = system_clock(),
                                        .log = null_log(),
                                        .want_frame = [] {}},
      std::move(options));
  remediator.load(std::move(policies.remedies));
  const auto plan = remediator.plan(remedy, target);
  if (!plan.ok()) return plan.error();
  return plan_json(*plan);
}

}  // namespace chiron::agent
