#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/plan.h"

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
  const VectorSelector& ast() const { return selector_; }

 private:
  const VectorSelector& selector_;
  std::uint64_t generation_ = 0;
  std::uint64_t epoch_ = 0;
  std::vector<SeriesId> ids_;
  std::vector<Series> series_;
};

/// When samples are looked up for an evaluation at t. Fails the context when the offset cannot be computed.
TimestampMs moved(const Modifiers& modifiers, Context& context, TimestampMs t);
/// A duration that may depend on the query; fails the context when it cannot be computed. `expr` may be null.
std::int64_t resolved_ms(std::int64_t ms, const DurationPtr& expr, Context& context, bool any_sign = false);

class SelectorNode final : public VectorNode {
 public:
  /// With `timestamps` the values are the samples' times in seconds, and the name goes.
  SelectorNode(ResolvedSelector& selector, bool timestamps) : selector_(selector), timestamps_(timestamps) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  ResolvedSelector& selector_;
  const bool timestamps_;
  Elements out_;
  Charge charge_;
};

/// A selector with `smoothed`: values between samples are interpolated.
class SmoothedNode final : public VectorNode {
 public:
  explicit SmoothedNode(ResolvedSelector& selector) : selector_(selector) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  ResolvedSelector& selector_;
  std::vector<Sample> samples_;
  Elements out_;
  Charge charge_;
};

class RangeSelectorNode final : public MatrixNode {
 public:
  RangeSelectorNode(ResolvedSelector& selector, const MatrixSelector& matrix)
      : selector_(selector), matrix_(matrix) {}
  const Windows& eval(Context& context, TimestampMs t) override;

 private:
  ResolvedSelector& selector_;
  const MatrixSelector& matrix_;
  Windows out_;
  Charge charge_;
};

class SubqueryNode final : public MatrixNode {
 public:
  SubqueryNode(const Subquery& subquery, VectorPtr inner) : subquery_(subquery), inner_(std::move(inner)) {}
  const Windows& eval(Context& context, TimestampMs t) override;

 private:
  struct Point {
    std::uint32_t series;
    Sample sample;
  };
  void gather();

  const Subquery& subquery_;
  VectorPtr inner_;
  Slots slots_;
  std::vector<Point> points_;
  Windows out_;
  Charge charge_;
};

}  // namespace chiron::promql
