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
  // The last one first, so that the next evaluation's first borrower gets what this one's had: else a large
  // window would make every buffer large in turn.
  for (auto lent = lent_.rbegin(); lent != lent_.rend(); ++lent) {
    // A borrower that stayed without memory may have borrowed twice.
    if ((*lent)->capacity() == 0) continue;
    (*lent)->clear();
    free_.push_back(std::exchange(**lent, {}));
  }
  lent_.clear();
}

void SampleBuffers::release() {
  reclaim();
  free_ = {};
}

}  // namespace chiron::promql
