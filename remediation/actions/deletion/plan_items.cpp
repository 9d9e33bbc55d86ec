#include "remediation/actions/deletion/plan_items.h"

#include <algorithm>

namespace chiron::remediation {
namespace {

bool larger(const PlanItem& a, const PlanItem& b) { return a.bytes > b.bytes; }

}  // namespace

void LargestItems::add(PlanItem item) {
  items_.push_back(std::move(item));
  std::ranges::push_heap(items_, larger);
  if (items_.size() <= kMost) return;
  std::ranges::pop_heap(items_, larger);
  items_.pop_back();
}

std::vector<PlanItem> LargestItems::take() {
  std::ranges::stable_sort(items_, larger);
  return std::move(items_);
}

}  // namespace chiron::remediation
