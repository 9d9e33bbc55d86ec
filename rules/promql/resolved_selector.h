#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/plan.h"

#include <span>
#include <vector>

namespace chiron::promql {

/// The series a selector stands for, looked up again only when the reader's generation moved.
class ResolvedSelector {
 public:
  struct Series {
    SeriesId id;
    SetId labels;
  };
  explicit ResolvedSelector(const VectorSelector& selector) : selector_(selector) {}

  const std::vector<Series>& series(Context& context);
  /// The ids of series(), in their order.
  std::span<const SeriesId> ids() const { return ids_; }
  /// Moves when series() has another answer.
  std::uint64_t version() const { return version_; }
  const VectorSelector& ast() const { return selector_; }

 private:
  const VectorSelector& selector_;
  std::uint64_t generation_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t version_ = 0;
  std::vector<SeriesId> ids_;
  std::vector<Series> series_;
};

}  // namespace chiron::promql
