#include "agent/host_door.h"

namespace chiron::agent {
namespace {

Error closed() { return {ErrorCode::unavailable, "the agent is starting or stopping"}; }

}  // namespace

void HostDoor::open(const Views& views) {
  const WriterLock lock(mutex_);
  views_ = &views;
}

void HostDoor::close() {
  const WriterLock lock(mutex_);
  views_ = nullptr;
}

Result<std::vector<remediation::HealthFinding>> HostDoor::examine(const remediation::Amount& min_free) const {
  const ReaderLock lock(mutex_);
  if (views_ == nullptr) return closed();
  return views_->findings(min_free);
}

Result<std::string> HostDoor::report(remediation::ReportFormat format, Duration period) const {
  const ReaderLock lock(mutex_);
  if (views_ == nullptr) return closed();
  return views_->report(format, period);
}

}  // namespace chiron::agent
