#include "rules/promql/histogram.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/numbers.h"
#include "rules/promql/vector_nodes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr std::string_view kBound = "le";

// The metric's name is known here only with delayed name removal.
std::string of_metric(const Context& context, const Labels& labels) {
  const std::string_view name = labels.get(kMetricName);
  if (!context.limits.delayed_name_removal || name.empty()) return {};
  return fmt::format(" for metric name {}", quoted(name));
}

struct Bucket {
  double bound;
  double count;  // cumulative
};

// What make_monotonic() put right beyond rounding.
struct Repair {
  bool done = false;
  double least_bound = kInfinity, greatest_bound = -kInfinity, difference = 0;
};

// Buckets that are scraped or added up apart may count down, or up by no more than rounding. Prometheus takes
// both for the count before; the bucket that holds the rank would otherwise be the wrong one.
Repair make_monotonic(std::vector<Bucket>& buckets) {
  constexpr double kRounding = 1e-12;
  Repair repair;
  double accepted = buckets.front().count;
  for (Bucket& bucket : buckets) {
    const double difference = std::fabs(bucket.count - accepted);
    const bool rounding = difference < kRounding * (std::fabs(bucket.count) + std::fabs(accepted));
    if (bucket.count < accepted && !rounding) {
      repair.done = true;
      repair.least_bound = std::min(repair.least_bound, bucket.bound);
      repair.greatest_bound = std::max(repair.greatest_bound, bucket.bound);
      repair.difference = std::max(repair.difference, difference);
    }
    if (bucket.count < accepted || rounding) {
      bucket.count = accepted;
    } else {
      accepted = bucket.count;
    }
  }
  return repair;
}

// Sorts the buckets and merges those whose bounds are written differently but equal, as 0.2 and 2e-1. False
// when there is none for all observations.
bool put_in_order(std::vector<Bucket>& buckets) {
  std::sort(buckets.begin(), buckets.end(),
            [](const Bucket& a, const Bucket& b) { return a.bound < b.bound; });
  if (buckets.back().bound != kInfinity) return false;
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].bound == buckets[last].bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
  return true;
}

// Observations are taken to be spread evenly within a bucket; the first one starts at 0 if it ends above.
double bucket_quantile(double q, std::vector<Bucket>& buckets, Repair& repair) {
  if (std::isnan(q)) return kNaN;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  if (!put_in_order(buckets)) return kNaN;
  repair = make_monotonic(buckets);
  if (buckets.size() < 2) return kNaN;
  const double observations = buckets.back().count;
  if (observations == 0) return kNaN;
  const double rank = q * observations;
  const auto at = std::partition_point(buckets.begin(), buckets.end() - 1,
                                       [&](const Bucket& b) { return !(b.count >= rank); });
  if (at == buckets.end() - 1) return buckets[buckets.size() - 2].bound;
  if (at == buckets.begin() && at->bound <= 0) return at->bound;
  const double start = at == buckets.begin() ? 0 : (at - 1)->bound;
  const double below = at == buckets.begin() ? 0 : (at - 1)->count;
  return start + (at->bound - start) * ((rank - below) / (at->count - below));
}

// How many observations lie below `value`. A bucket without an end counts as a whole on its finite side.
double rank_of(double value, const std::vector<Bucket>& buckets) {
  double below = 0;
  double start = buckets.front().bound > 0 ? 0 : -kInfinity;
  for (const Bucket& bucket : buckets) {
    if (start >= value) return below;
    if (value < bucket.bound) {
      if (std::isinf(start)) return bucket.count;
      if (std::isinf(bucket.bound)) return below;
      return below + (bucket.count - below) * (value - start) / (bucket.bound - start);
    }
    below = bucket.count;
    start = bucket.bound;
  }
  return below;
}

double bucket_fraction(double lower, double upper, std::vector<Bucket>& buckets) {
  if (!put_in_order(buckets)) return kNaN;
  const double observations = buckets.back().count;
  if (observations == 0 || std::isnan(lower) || std::isnan(upper)) return kNaN;
  if (lower >= upper) return 0;
  const double most = std::min(rank_of(upper, buckets), observations);
  return (most - std::min(rank_of(lower, buckets), observations)) / observations;
}

// Sorts series with the label le into histograms.
class Buckets {
 public:
  explicit Buckets(TextPosition where) : where_(where) {}

  struct Group {
    SetId labels = kNoSet;
    std::vector<Bucket> buckets;
  };

  std::span<Group> sort(Context& context, const Elements& in) {
    used_ = 0;
    slots_.start(context.sets);
    for (const Element& e : in) {
      if (!context.tick()) return {};
      const double bound = bound_of(context, e.labels);
      if (std::isnan(bound)) {
        warn_of_bound(context, e.labels);
        continue;
      }
      // The name counts: buckets of two metrics make no histogram.
      const SetId labels = map_.get(context.sets, e.labels, [&](SetId id) {
        Labels rest = context.sets[id];
        rest.erase(kBound);
        return context.intern(rest);
      });
      std::uint32_t& slot = slots_[labels];
      if (slot == Slots::kEmpty) {
        slot = static_cast<std::uint32_t>(used_++);
        if (groups_.size() < used_) groups_.emplace_back();
        groups_[slot].labels = labels;
        groups_[slot].buckets.clear();
      }
      groups_[slot].buckets.push_back({bound, e.v});
    }
    return std::span(groups_).first(used_);
  }

  TextPosition where() const { return where_; }

 private:
  void warn_of_bound(Context& context, SetId id) const {
    if (!context.annotates()) return;
    const Labels& labels = context.sets[id];
    context.warn(where_, fmt::format("bucket label \"le\" is missing or has a malformed value of {}{}",
                                     quoted(labels.get(kBound)), of_metric(context, labels)));
  }

  // NaN for a label that is no bound: such a series is left out.
  double bound_of(Context& context, SetId labels) {
    const std::uint32_t index = bound_index_.get(context.sets, labels, [&](SetId id) {
      if (bounds_epoch_ != context.sets.epoch()) bounds_.clear();
      bounds_epoch_ = context.sets.epoch();
      bounds_.push_back(parse_double(context.sets[id].get(kBound)).value_or(kNaN));
      return static_cast<std::uint32_t>(bounds_.size() - 1);
    });
    return bounds_[index];
  }

  const TextPosition where_;  // of the argument
  SetMap map_, bound_index_;
  std::vector<double> bounds_;
  std::uint64_t bounds_epoch_ = 0;
  Slots slots_;
  std::vector<Group> groups_;  // the first used_ of them, kept for their memory
  std::size_t used_ = 0;
};

void note_repair(Context& context, TextPosition where, SetId labels, TimestampMs t, const Repair& repair) {
  if (!repair.done || !context.annotates()) return;
  context.inform_forced(
      where,
      "input to histogram_quantile needed to be fixed for monotonicity (see "
      "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)" +
          of_metric(context, context.sets[labels]),
      {t, t, repair.least_bound, repair.greatest_bound, repair.difference, 0});
}

class FractionNode final : public VectorNode {
 public:
  FractionNode(ScalarPtr lower, ScalarPtr upper, VectorPtr operand, TextPosition where)
      : lower_(std::move(lower)), upper_(std::move(upper)), operand_(std::move(operand)), buckets_(where) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double lower = lower_->eval(context, t);
    const double upper = upper_->eval(context, t);
    for (Buckets::Group& group : buckets_.sort(context, operand_->eval(context, t))) {
      out_.push_back(context.unnamed(group.labels, bucket_fraction(lower, upper, group.buckets)));
    }
    context.check_unique(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  ScalarPtr lower_, upper_;
  VectorPtr operand_;
  Buckets buckets_;
  Elements out_;
  Charge charge_;
};

// histogram_quantile() has one quantile and no label for it, histogram_quantiles() has both.
class QuantilesNode final : public VectorNode {
 public:
  explicit QuantilesNode(HistogramQuantiles arguments)
      : arguments_(std::move(arguments)),
        buckets_(arguments_.where),
        labelled_(arguments_.quantiles.size()) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    values_.clear();
    for (std::size_t i = 0; i < arguments_.quantiles.size(); ++i) {
      values_.push_back(arguments_.quantiles[i]->eval(context, t));
      warn_of_quantile(context, arguments_.quantile_positions[i], values_.back());
    }
    const std::span<Buckets::Group> groups = buckets_.sort(context, arguments_.buckets->eval(context, t));
    for (std::size_t i = 0; i < values_.size(); ++i) {
      for (Buckets::Group& group : groups) {
        Repair repair;
        work_ = group.buckets;
        const double value = bucket_quantile(values_[i], work_, repair);
        note_repair(context, buckets_.where(), group.labels, t, repair);
        out_.push_back(context.unnamed(labelled(context, i, group.labels), value));
      }
    }
    context.check_unique(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  SetId labelled(Context& context, std::size_t i, SetId labels) {
    if (arguments_.label.empty()) return labels;
    Labelled& known = labelled_[i];
    if (known.q != values_[i]) known = {values_[i], {}};
    return known.sets.get(context.sets, labels, [&](SetId id) {
      Labels made = context.sets[id];
      made.set(arguments_.label, format_open_metrics(values_[i]));
      return context.intern(made);
    });
  }

  struct Labelled {
    double q = kNaN;
    SetMap sets;
  };

  HistogramQuantiles arguments_;
  Buckets buckets_;
  std::vector<double> values_;
  std::vector<Labelled> labelled_;
  std::vector<Bucket> work_;
  Elements out_;
  Charge charge_;
};

}  // namespace

VectorPtr make_histogram_quantiles(HistogramQuantiles arguments) {
  return std::make_unique<QuantilesNode>(std::move(arguments));
}

VectorPtr make_histogram_fraction(ScalarPtr lower, ScalarPtr upper, VectorPtr buckets, TextPosition where) {
  return std::make_unique<FractionNode>(std::move(lower), std::move(upper), std::move(buckets), where);
}

}  // namespace chiron::promql
