#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/plan.h"
#include "rules/promql/read_ahead.h"
#include "rules/promql/resolved_selector.h"

#include <vector>

namespace chiron::promql {

/// When samples are looked up for an evaluation at t. Fails the context when the offset cannot be computed.
TimestampMs moved(const Modifiers& modifiers, Context& context, TimestampMs t);
/// A duration that may depend on the query; fails the context when it cannot be computed. `expr` may be null.
std::int64_t resolved_ms(std::int64_t ms, const DurationPtr& expr, Context& context, bool any_sign = false);

/// Whether the evaluations of a node follow each other in time, as the steps of a query over several do.
class Sequence {
 public:
  enum class Move {
    first,    ///< in this evaluation, or backwards
    forward,  ///< on from the one before
    same      ///< the very time of the one before, as @ has it
  };
  Move next(const Context& context, TimestampMs until);

 private:
  std::uint64_t evaluation_ = 0;
  TimestampMs until_ = 0;
};

class SelectorNode final : public VectorNode {
 public:
  /// What the values are: the samples', or of their times, in seconds, when the name goes. Without
  /// Limits::start_timestamps there are no starts.
  enum class Show { values, timestamps, starts };
  SelectorNode(ResolvedSelector& selector, Show show) : selector_(selector), show_(show) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  bool look_up(Context& context, TimestampMs after, TimestampMs until);
  bool look_ahead(Context& context, TimestampMs after, TimestampMs until);
  void add(Context& context, const ResolvedSelector::Series& series, const Sample& sample);

  ResolvedSelector& selector_;
  const Show show_;
  Sequence sequence_;
  std::vector<Sample> latest_;
  ReadAhead ahead_{SeriesReader::Markers::kept};
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
  Sequence sequence_;
  ReadAhead ahead_{SeriesReader::Markers::left_out};
  std::size_t shown_ = 0;  // samples in the windows
  TimestampMs shown_until_ = 0;
  Windows out_;
  Charge charge_;
};

/// What the inner expression gave at a step is kept for as long as the window of a later step may show it.
class SubqueryNode final : public MatrixNode {
 public:
  SubqueryNode(const Subquery& subquery, VectorPtr inner) : subquery_(subquery), inner_(std::move(inner)) {}
  const Windows& eval(Context& context, TimestampMs t) override;

 private:
  struct Point {
    SetId labels;
    bool drop_name;
    Sample sample;
  };
  std::span<const Point> points() const { return std::span(points_).subspan(first_); }
  bool forget(TimestampMs until);
  void gather(Context& context);

  const Subquery& subquery_;
  VectorPtr inner_;
  Sequence sequence_;
  std::vector<Point> points_;  // ascending in time
  std::size_t first_ = 0;      // those before are out of the window
  TimestampMs next_ = 0;       // the step to be evaluated next
  Slots slots_;
  std::vector<std::size_t> ends_;  // of each series, in samples_
  std::vector<Sample> samples_;
  Windows out_;
  Charge charge_;
};

}  // namespace chiron::promql
