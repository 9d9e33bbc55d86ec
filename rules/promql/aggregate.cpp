#include "rules/promql/aggregate.h"

#include "rules/promql/statistics.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

template <class Accumulator>
double accumulate(std::span<const Element> members) {
  Accumulator accumulator;
  for (const Element& e : members) accumulator.add(e.v);
  return accumulator.value();
}

// min and max: NaN only where there is nothing else.
template <class Better>
double best(std::span<const Element> members, Better better) {
  double found = members.front().v;
  for (const Element& e : members) {
    if (better(e.v, found) || std::isnan(found)) found = e.v;
  }
  return found;
}

double reduce(AggregateOp op, std::span<const Element> members) {
  switch (op) {
    case AggregateOp::sum:
      return accumulate<CompensatedSum>(members);
    case AggregateOp::avg:
      return accumulate<Mean>(members);
    case AggregateOp::count:
      return static_cast<double>(members.size());
    case AggregateOp::min:
      return best(members, std::less<>());
    case AggregateOp::max:
      return best(members, std::greater<>());
    case AggregateOp::stddev:
      return std::sqrt(accumulate<Variance>(members));
    case AggregateOp::stdvar:
      return accumulate<Variance>(members);
    default:  // group
      return 1;
  }
}

class ReduceNode final : public VectorNode {
 public:
  ReduceNode(const Aggregate& aggregate, VectorPtr operand)
      : op_(aggregate.op), operand_(std::move(operand)), grouping_(aggregate) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    grouping_.sort(context, operand_->eval(context, t));
    for (const auto& group : grouping_.groups())
      out_.push_back({group.labels, reduce(op_, grouping_.members(group))});
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  const AggregateOp op_;
  VectorPtr operand_;
  Grouping grouping_;
  Elements out_;
  Charge charge_;
};

class QuantileNode final : public VectorNode {
 public:
  QuantileNode(const Aggregate& aggregate, VectorPtr operand, ScalarPtr parameter)
      : operand_(std::move(operand)), parameter_(std::move(parameter)), grouping_(aggregate) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double q = parameter_->eval(context, t);
    grouping_.sort(context, operand_->eval(context, t));
    for (const auto& group : grouping_.groups()) {
      values_.clear();
      for (const Element& e : grouping_.members(group)) values_.push_back(e.v);
      out_.push_back({group.labels, quantile(q, values_)});
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  VectorPtr operand_;
  ScalarPtr parameter_;
  Grouping grouping_;
  std::vector<double> values_;
  Elements out_;
  Charge charge_;
};

// topk and bottomk: elements keep their labels and come sorted within each group.
class TopNode final : public VectorNode {
 public:
  TopNode(const Aggregate& aggregate, VectorPtr operand, ScalarPtr parameter)
      : bottom_(aggregate.op == AggregateOp::bottomk),
        operand_(std::move(operand)),
        parameter_(std::move(parameter)),
        grouping_(aggregate) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double k = parameter_->eval(context, t);
    if (!usable(context, k)) return out_;
    grouping_.sort(context, operand_->eval(context, t));
    if (k < 1) return out_;
    for (const auto& group : grouping_.groups()) {
      const std::span<Element> members = grouping_.members(group);
      const double size = static_cast<double>(members.size());
      const std::span<Element> best = select(context, members, static_cast<std::size_t>(std::min(k, size)));
      sort_in_pieces(context, best, [this](const Element& x, const Element& y) { return worse(y, x); });
      out_.insert(out_.end(), best.begin(), best.end());
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  static bool usable(Context& context, double k) {
    constexpr double kMost = 9223372036854775807.0;
    if (std::isnan(k)) {
      context.fail(ErrorCode::invalid_argument, "Parameter value is NaN");
    } else if (k >= kMost) {
      context.fail(ErrorCode::invalid_argument,
                   fmt::format("Scalar value {} overflows int64", format_value(k)));
    } else if (k <= -kMost) {
      context.fail(ErrorCode::invalid_argument,
                   fmt::format("Scalar value {} underflows int64", format_value(k)));
    }
    return !context.failed();
  }

  bool worse(const Element& x, const Element& y) const {
    if (std::isnan(x.v) || std::isnan(y.v)) return std::isnan(x.v) && !std::isnan(y.v);
    return bottom_ ? x.v > y.v : x.v < y.v;
  }

  // Moves the k best to the front. Which of equal ones are among them is as Prometheus has it: a heap of the
  // first k, the worst on top, whose top gives way to what is better (promql/engine.go, aggregationK; Go's
  // container/heap).
  std::span<Element> select(Context& context, std::span<Element> members, std::size_t k) const {
    const std::span<Element> heap = members.first(k);
    const auto better = [this](const Element& x, const Element& y) { return worse(y, x); };
    for (std::size_t i = 1; i <= k; ++i)
      std::push_heap(heap.begin(), heap.begin() + static_cast<std::ptrdiff_t>(i), better);
    for (const Element& e : members.subspan(k)) {
      if (!context.tick()) break;
      if (!worse(heap[0], e)) continue;
      heap[0] = e;
      sink(heap);
    }
    return heap;
  }

  void sink(std::span<Element> heap) const {
    for (std::size_t i = 0, child = 1; child < heap.size(); i = child, child = 2 * i + 1) {
      if (child + 1 < heap.size() && worse(heap[child + 1], heap[child])) ++child;
      if (!worse(heap[child], heap[i])) return;
      std::swap(heap[i], heap[child]);
    }
  }

  const bool bottom_;
  VectorPtr operand_;
  ScalarPtr parameter_;
  Grouping grouping_;
  Elements out_;
  Charge charge_;
};

class CountValuesNode final : public VectorNode {
 public:
  CountValuesNode(const Aggregate& aggregate, VectorPtr operand, std::string label)
      : operand_(std::move(operand)),
        label_(std::move(label)),
        dropped_(aggregate.without && std::find(aggregate.grouping.begin(), aggregate.grouping.end(),
                                                label_) != aggregate.grouping.end()),
        grouping_(aggregate) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    grouping_.sort(context, operand_->eval(context, t));
    slots_.start(context.sets);
    for (const auto& group : grouping_.groups()) {
      for (const Element& e : grouping_.members(group)) {
        if (!context.tick()) return out_;
        Labels labels = context.sets[group.labels];
        if (!dropped_) labels.set(label_, plain_decimal(e.v));
        const SetId id = context.sets.intern(labels);
        std::uint32_t& slot = slots_[id];
        if (slot == Slots::kEmpty) {
          slot = static_cast<std::uint32_t>(out_.size());
          out_.push_back({id, 0});
        }
        ++out_[slot].v;
      }
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  VectorPtr operand_;
  const std::string label_;
  const bool dropped_;  // without (...) names the very label that would hold the value
  Grouping grouping_;
  Slots slots_;
  Elements out_;
  Charge charge_;
};

}  // namespace

void Grouping::sort(Context& context, const Elements& in) {
  groups_.clear();
  group_of_.clear();
  slots_.start(context.sets);
  for (const Element& e : in) {
    if (!context.tick()) return groups_.clear();
    const SetId labels = map_.get(context.sets, e.labels, [&](SetId id) {
      const Labels& all = context.sets[id];
      return context.sets.intern(aggregate_.without ? drop_labels(all, aggregate_.grouping)
                                                    : keep_labels(all, aggregate_.grouping));
    });
    std::uint32_t& slot = slots_[labels];
    if (slot == Slots::kEmpty) {
      slot = static_cast<std::uint32_t>(groups_.size());
      groups_.push_back({labels, 0, 0});
    }
    ++groups_[slot].end;
    group_of_.push_back(slot);
  }
  std::size_t begin = 0;
  for (Group& group : groups_) {
    const std::size_t count = group.end;
    group.begin = group.end = begin;
    begin += count;
  }
  members_.resize(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) members_[groups_[group_of_[i]].end++] = in[i];
}

VectorPtr make_aggregate(const Aggregate& aggregate, VectorPtr operand, ScalarPtr parameter,
                         std::string label) {
  switch (aggregate.op) {
    case AggregateOp::topk:
    case AggregateOp::bottomk:
      return std::make_unique<TopNode>(aggregate, std::move(operand), std::move(parameter));
    case AggregateOp::quantile:
      return std::make_unique<QuantileNode>(aggregate, std::move(operand), std::move(parameter));
    case AggregateOp::count_values:
      return std::make_unique<CountValuesNode>(aggregate, std::move(operand), std::move(label));
    default:
      return std::make_unique<ReduceNode>(aggregate, std::move(operand));
  }
}

}  // namespace chiron::promql
