#pragma once

#include "agent/views.h"
#include "exporter/base/thread_annotations.h"
#include "remediation/actions/host_view.h"

#include <string>

namespace chiron::agent {

/// Where actions reach the agent's views. A step that was left behind may knock after the agent is gone: the
/// door outlives it, closed. Thread-safe.
class HostDoor final : public remediation::HostView {
 public:
  explicit HostDoor(std::string state_directory) : state_directory_(std::move(state_directory)) {}
  /// `views` has to live until close().
  void open(const Views& views) CHIRON_EXCLUDES(mutex_);
  /// Waits for those who are inside.
  void close() CHIRON_EXCLUDES(mutex_);

  Result<std::vector<remediation::HealthFinding>> examine(const remediation::Amount& min_free) const override
      CHIRON_EXCLUDES(mutex_);
  Result<std::string> report(remediation::ReportFormat format, Duration period) const override
      CHIRON_EXCLUDES(mutex_);
  const std::string& state_directory() const override { return state_directory_; }

 private:
  const std::string state_directory_;
  mutable SharedMutex mutex_;
  const Views* views_ CHIRON_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace chiron::agent
