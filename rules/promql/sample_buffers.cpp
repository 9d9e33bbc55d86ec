#include "rules/promql/sample_buffers.h"

#include <utility>

namespace chiron::promql {

void SampleBuffers::lend(std::vector<Sample>& samples) {
  if (!free_.empty()) {
    samples = std::move(free_.back());
    free_.pop_back();
  }
  lent_.push_back(&samples);
}

void SampleBuffers::reclaim() {
  for (std::vector<Sample>* samples : lent_) {
    // One that stayed without memory may have been lent some twice.
    if (samples->capacity() == 0) continue;
    samples->clear();
    free_.push_back(std::exchange(*samples, {}));
  }
  lent_.clear();
}

void SampleBuffers::release() {
  reclaim();
  free_ = {};
}

}  // namespace chiron::promql
