#pragma once

#include "remediation/actions/host_view.h"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace chiron::testing {

/// A host that is as the test says.
class FakeHost final : public remediation::HostView {
 public:
  explicit FakeHost(std::string state_directory) : state_directory_(std::move(state_directory)) {}

  Result<std::vector<remediation::HealthFinding>> examine(
      const remediation::Amount& min_free) const override {
    const std::lock_guard lock(mutex_);
    asked_ = min_free;
    return findings_;
  }
  Result<std::string> report(remediation::ReportFormat format, Duration) const override {
    const std::lock_guard lock(mutex_);
    return std::string(to_string(format)) + " of " + text_;
  }
  const std::string& state_directory() const override { return state_directory_; }

  void set_findings(std::vector<remediation::HealthFinding> findings) {
    const std::lock_guard lock(mutex_);
    findings_ = std::move(findings);
  }
  void set_text(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  remediation::Amount asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  const std::string state_directory_;
  mutable std::mutex mutex_;
  std::vector<remediation::HealthFinding> findings_;  // guarded by mutex_
  std::string text_ = "a host";                       // guarded by mutex_
  mutable remediation::Amount asked_;                 // guarded by mutex_
};

}  // namespace chiron::testing
