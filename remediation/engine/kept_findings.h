#pragma once

#include "exporter/base/event_log.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/series/self_metrics.h"
#include "remediation/actions/action.h"
#include "remediation/ledger/ledger.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// What actions found out, as gauges, and in the ledger so that a restart does not forget what is looked up
/// every few hours only. Thread-safe; metrics, ledger and log outlive it.
class KeptFindings final : public Findings {
 public:
  KeptFindings(SelfMetrics& metrics, Ledger& ledger, EventLog& log)
      : metrics_(metrics), ledger_(ledger), log_(log) {}

  void publish(std::string_view action, const std::vector<Finding>& findings) override
      CHIRON_EXCLUDES(mutex_);
  /// What was found before this start.
  Status restore() CHIRON_EXCLUDES(mutex_);

 private:
  struct Kept {
    std::string name, help;
    Labels labels;
    double value = 0;
  };
  void show(const Kept& kept);
  std::string to_text() const CHIRON_REQUIRES(mutex_);

  SelfMetrics& metrics_;
  Ledger& ledger_;
  EventLog& log_;
  Mutex mutex_;
  std::map<std::string, std::vector<Kept>, std::less<>> by_action_ CHIRON_GUARDED_BY(mutex_);
};

}  // namespace chiron::remediation
