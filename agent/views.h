#pragma once

#include "agent/loop.h"
#include "exporter/base/result.h"
#include "exporter/sampling/sampler.h"
#include "exporter/series/store.h"
#include "remediation/actions/host_view.h"
#include "remediation/engine/remediator.h"
#include "remediation/ledger/ledger.h"
#include "rules/engine/engine.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::agent {

/// What the agent tells of itself, as JSON text: the same for HTTP and for the control socket. Reads only;
/// any thread.
class Views {
 public:
  struct Sources {
    const Clock& clock;
    const Loop& loop;
    const Sampler& sampler;
    const Store& store;
    const rules::Engine& rules;
    const remediation::Remediator& remediator;
    remediation::Ledger& ledger;
    Duration interval;
    std::string instance;
    std::function<std::string()> reload_fault;  ///< "" when the last reload went well
  };
  explicit Views(Sources sources) : sources_(std::move(sources)) {}

  bool healthy() const;
  bool ready() const;
  /// {"status":"ok|degraded|failing","problems":[...],...}
  std::string health() const;
  /// Host, services, containers, probes, alerts, remedies, runs, collectors.
  std::string status() const;
  /// A dozen plain values for scripts and small displays.
  std::string status_simple() const;
  /// What is wrong with the host and the agent.
  std::vector<remediation::HealthFinding> findings(const remediation::Amount& min_free) const;
  /// The health report, with the runs of the last `period`.
  Result<std::string> report(remediation::ReportFormat format, Duration period) const;
  Result<std::string> runs(const remediation::HistoryFilter& filter) const;
  Result<std::string> run(std::string_view id) const;
  std::string remedies() const;
  std::string collectors() const;
  /// Why an alert or a remedy of this name did or did not act.
  Result<std::string> why(std::string_view name) const;

 private:
  Sources sources_;
};

}  // namespace chiron::agent
