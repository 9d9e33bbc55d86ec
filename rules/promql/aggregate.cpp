#include "rules/promql/aggregate.h"

#include "rules/promql/label_hash.h"
#include "rules/promql/numbers.h"
#include "rules/promql/statistics.h"
#include "rules/promql/vector_nodes.h"

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
      out_.push_back({group.labels, reduce(op_, grouping_.members(group)), group.drop_name});
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
      : where_(without_parens(*aggregate.parameter).where),
        operand_(std::move(operand)),
        parameter_(std::move(parameter)),
        grouping_(aggregate) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double q = parameter_->eval(context, t);
    warn_of_quantile(context, where_, q);
    grouping_.sort(context, operand_->eval(context, t));
    for (const auto& group : grouping_.groups()) {
      values_.clear();
      for (const Element& e : grouping_.members(group)) values_.push_back(e.v);
      out_.push_back({group.labels, quantile(q, values_), group.drop_name});
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  const TextPosition where_;
  VectorPtr operand_;
  ScalarPtr parameter_;
  Grouping grouping_;
  std::vector<double> values_;
  Elements out_;
  Charge charge_;
};

// Whether the parameter of topk and the like asks for anything; fails when it is no count.
bool is_count(Context& context, double k) {
  constexpr double kMost = 9223372036854775807.0;
  if (std::isnan(k)) {
    context.fail(ErrorCode::invalid_argument, "Parameter value is NaN");
  } else if (k >= kMost) {
    context.fail(ErrorCode::invalid_argument, fmt::format("Scalar value {} overflows int64", format_g(k)));
  }
  return !context.failed() && k >= 1;
}

// limitk: so many elements of each group, whichever come first.
class LimitNode final : public VectorNode {
 public:
  LimitNode(const Aggregate& aggregate, VectorPtr operand, ScalarPtr parameter)
      : operand_(std::move(operand)), parameter_(std::move(parameter)), grouping_(aggregate) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double k = parameter_->eval(context, t);
    if (!is_count(context, k)) return out_;
    grouping_.sort(context, operand_->eval(context, t));
    for (const auto& group : grouping_.groups()) {
      const std::span<Element> members = grouping_.members(group);
      const auto wanted = static_cast<std::size_t>(std::min(k, static_cast<double>(members.size())));
      out_.insert(out_.end(), members.begin(), members.begin() + static_cast<std::ptrdiff_t>(wanted));
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  VectorPtr operand_;
  ScalarPtr parameter_;
  Grouping grouping_;
  Elements out_;
  Charge charge_;
};

// limit_ratio: the share of the elements whose labels' hash is in its part of the hashes; a negative ratio
// takes the part that the positive one leaves.
class LimitRatioNode final : public VectorNode {
 public:
  LimitRatioNode(const Aggregate& aggregate, VectorPtr operand, ScalarPtr parameter)
      : where_(without_parens(*aggregate.parameter).where),
        operand_(std::move(operand)),
        parameter_(std::move(parameter)) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double asked = parameter_->eval(context, t);
    if (std::isnan(asked)) {
      context.fail(ErrorCode::invalid_argument, "Ratio value is NaN");
      return out_;
    }
    const double ratio = std::clamp(asked, -1.0, 1.0);
    if (ratio != asked) {
      context.warn(where_, fmt::format("ratio value should be between -1 and 1, got {}, capping to {}",
                                       format_g(asked), format_g(ratio)));
    }
    if (ratio == 0) return out_;
    for (const Element& e : operand_->eval(context, t)) {
      const double share = share_of(context, e.labels);
      if (ratio > 0 ? share < ratio : share >= 1 + ratio) out_.push_back(e);
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  double share_of(Context& context, SetId labels) {
    const std::uint32_t at = index_.get(context.sets, labels, [&](SetId id) {
      if (epoch_ != context.sets.epoch()) shares_.clear();
      epoch_ = context.sets.epoch();
      shares_.push_back(hash_share(context.sets[id]));
      return static_cast<std::uint32_t>(shares_.size() - 1);
    });
    return shares_[at];
  }

  const TextPosition where_;
  VectorPtr operand_;
  ScalarPtr parameter_;
  SetMap index_;
  std::vector<double> shares_;
  std::uint64_t epoch_ = 0;
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
    if (!is_count(context, k)) return out_;
    grouping_.sort(context, operand_->eval(context, t));
    for (const auto& group : grouping_.groups()) {
      const std::span<Element> members = grouping_.members(group);
      const auto wanted = static_cast<std::size_t>(std::min(k, static_cast<double>(members.size())));
      if (!choose(context, members, wanted)) return out_;
      sort_in_pieces(context, heap_,
                     [this](const Element& a, const Element& b) { return comes_before(a.v, b.v, !bottom_); });
      out_.insert(out_.end(), heap_.begin(), heap_.end());
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  bool beats(double a, double b) const { return bottom_ ? a < b : a > b; }
  // Nearer to being thrown out; NaN always is.
  bool worse(const Element& a, const Element& b) const { return std::isnan(a.v) || beats(b.v, a.v); }

  // A heap with the worst on top, as Prometheus keeps one: which of several equal elements stay is seen in
  // results, so that the moves are those of Go's container/heap.
  bool choose(Context& context, std::span<const Element> members, std::size_t wanted) {
    heap_.clear();
    for (const Element& e : members) {
      if (!context.tick()) return false;
      if (heap_.size() < wanted) {
        heap_.push_back(e);
        for (std::size_t i = heap_.size() - 1; i > 0 && worse(heap_[i], heap_[(i - 1) / 2]); i = (i - 1) / 2)
          std::swap(heap_[i], heap_[(i - 1) / 2]);
      } else if (beats(e.v, heap_[0].v) || (std::isnan(heap_[0].v) && !std::isnan(e.v))) {
        heap_[0] = e;
        sink();
      }
    }
    return true;
  }
  void sink() {
    for (std::size_t i = 0, child = 1; child < heap_.size(); child = 2 * i + 1) {
      if (child + 1 < heap_.size() && worse(heap_[child + 1], heap_[child])) ++child;
      if (!worse(heap_[child], heap_[i])) return;
      std::swap(heap_[child], heap_[i]);
      i = child;
    }
  }

  const bool bottom_;
  Elements heap_;
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
        const SetId id = context.intern(labels);
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
      return context.intern(aggregate_.without ? drop_labels(all, aggregate_.grouping)
                                               : keep_labels(all, aggregate_.grouping));
    });
    std::uint32_t& slot = slots_[labels];
    if (slot == Slots::kEmpty) {
      slot = static_cast<std::uint32_t>(groups_.size());
      groups_.push_back({labels, 0, 0, false});
    }
    ++groups_[slot].end;
    groups_[slot].drop_name = groups_[slot].drop_name || e.drop_name;
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
    case AggregateOp::limitk:
      return std::make_unique<LimitNode>(aggregate, std::move(operand), std::move(parameter));
    case AggregateOp::limit_ratio:
      return std::make_unique<LimitRatioNode>(aggregate, std::move(operand), std::move(parameter));
    case AggregateOp::quantile:
      return std::make_unique<QuantileNode>(aggregate, std::move(operand), std::move(parameter));
    case AggregateOp::count_values:
      return std::make_unique<CountValuesNode>(aggregate, std::move(operand), std::move(label));
    default:
      return std::make_unique<ReduceNode>(aggregate, std::move(operand));
  }
}

}  // namespace chiron::promql
