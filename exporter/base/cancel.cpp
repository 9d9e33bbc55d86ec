#include "exporter/base/cancel.h"

#include <algorithm>

#include <sys/eventfd.h>
#include <unistd.h>

namespace chiron {

// Without a descriptor (EMFILE) the token still works; poll(2) overlooks a negative one.
CancelToken::State::State() : descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

CancelToken::State::~State() {
  if (descriptor >= 0) ::close(descriptor);
}

void CancelToken::cancel() {
  const MutexLock lock(state_->mutex);
  if (state_->cancelled) return;
  state_->cancelled = true;
  if (state_->descriptor >= 0) ::eventfd_write(state_->descriptor, 1);
  state_->changed.notify_all();
}

bool CancelToken::cancelled() const {
  const MutexLock lock(state_->mutex);
  return state_->cancelled;
}

bool CancelToken::wait_for(Duration duration) const {
  const Duration bounded = std::min(duration, kLongestWait);
  MutexLock lock(state_->mutex);
  return state_->changed.wait_for(lock, bounded,
                                  [this]() CHIRON_REQUIRES(state_->mutex) { return state_->cancelled; });
}

int CancelToken::descriptor() const { return state_->descriptor; }

}  // namespace chiron
