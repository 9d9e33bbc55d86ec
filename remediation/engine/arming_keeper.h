#pragma once

#include "exporter/base/event_log.h"
#include "remediation/engine/outcome_metrics.h"
#include "remediation/engine/remedy_file.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/policy.h"

#include <mutex>
#include <vector>

namespace chiron::remediation {

/// Keeps in the ledger since when remedies are armed for a time, and tells when one falls back to dry-run.
/// Thread-safe.
class ArmingKeeper {
 public:
  struct Services {
    Ledger& ledger;
    PolicyBook& book;
    OutcomeMetrics& metrics;
    EventLog& log;
  };
  explicit ArmingKeeper(Services services) : services_(services) {}

  /// These are the remedies from now on.
  void load(const std::vector<RemedySpec>& remedies);
  /// What the ledger knows of them. Until then nothing is written, which would be taken for it.
  Status recall();
  /// Tells what is over, and writes what is not in the ledger yet. In each pass.
  void look();

 private:
  void measure();  // with mutex_ held

  const Services services_;
  std::mutex mutex_;
  // Guarded by mutex_.
  Armings::Lengths lengths_;
  bool recalled_ = false;
  bool unsaved_ = false;
};

}  // namespace chiron::remediation
