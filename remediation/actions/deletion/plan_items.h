#pragma once

#include "remediation/actions/action.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// The items that a plan shows of ever so many: the largest.
class LargestItems {
 public:
  void add(PlanItem item);
  /// The largest first.
  std::vector<PlanItem> take();

 private:
  static constexpr std::size_t kMost = 200;
  std::vector<PlanItem> items_;  // a heap, the smallest on top
};

}  // namespace chiron::remediation
