#include "rules/promql/histogram.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace chiron::promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Bucket {
  double bound;
  double count;  // cumulative
};

// Buckets that are scraped or added up apart may count down, or up by no more than rounding. Prometheus takes
// both for the count before; the bucket that holds the rank would otherwise be the wrong one.
void make_monotonic(std::vector<Bucket>& buckets) {
  constexpr double kRounding = 1e-12;
  double accepted = buckets.front().count;
  for (Bucket& bucket : buckets) {
    const double difference = std::fabs(bucket.count - accepted);
    const bool rounding = difference < kRounding * (std::fabs(bucket.count) + std::fabs(accepted));
    if (bucket.count < accepted || rounding) {
      bucket.count = accepted;
    } else {
      accepted = bucket.count;
    }
  }
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
double bucket_quantile(double q, double, std::vector<Bucket>& buckets) {
  if (std::isnan(q)) return kNaN;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  if (!put_in_order(buckets)) return kNaN;
  make_monotonic(buckets);
  if (buckets.size() < 2) return kNaN;
  const double observations = buckets.back().count;
  if (observations == 0 || std::isnan(observations)) return kNaN;
  const double rank = q * observations;
  const auto at =
      std::find_if(buckets.begin(), buckets.end() - 1, [&](const Bucket& b) { return b.count >= rank; });
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
      return below + (bucket.count - below) * ((value - start) / (bucket.bound - start));
    }
    below = bucket.count;
    start = bucket.bound;
  }
  return below;
}

double bucket_fraction(double lower, double upper, std::vector<Bucket>& buckets) {
  if (!put_in_order(buckets)) return kNaN;
  make_monotonic(buckets);
  const double observations = buckets.back().count;
  if (observations == 0 || std::isnan(observations) || std::isnan(lower) || std::isnan(upper)) return kNaN;
  if (lower >= upper) return 0;
  return (rank_of(upper, buckets) - rank_of(lower, buckets)) / observations;
}

using BucketFunction = double (*)(double first, double second, std::vector<Bucket>& buckets);

class BucketNode final : public VectorNode {
 public:
  /// `second` may be null.
  BucketNode(BucketFunction function, ScalarPtr first, ScalarPtr second, VectorPtr buckets)
      : function_(function),
        first_(std::move(first)),
        second_(std::move(second)),
        buckets_(std::move(buckets)) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double first = first_->eval(context, t);
    const double second = second_ ? second_->eval(context, t) : 0;
    sort(context, buckets_->eval(context, t));
    for (std::size_t i = 0; i < used_; ++i) {
      out_.push_back({groups_[i].labels, function_(first, second, groups_[i].buckets)});
    }
    context.check_unique(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  struct Group {
    SetId labels = kNoSet;
    std::vector<Bucket> buckets;
  };

  void sort(Context& context, const Elements& in) {
    used_ = 0;
    slots_.start(context.sets);
    for (const Element& e : in) {
      if (!context.tick()) return;
      const double bound = bound_of(context, e.labels);
      if (std::isnan(bound)) continue;
      const SetId labels = map_.get(context.sets, e.labels, [&](SetId id) {
        return context.sets.intern(drop_labels(context.sets[id], {"le"}));
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
  }

  // NaN for a label that is no bound: such a series is left out.
  double bound_of(Context& context, SetId labels) {
    const std::uint32_t index = bound_index_.get(context.sets, labels, [&](SetId id) {
      if (bounds_epoch_ != context.sets.epoch()) bounds_.clear();
      bounds_epoch_ = context.sets.epoch();
      bounds_.push_back(parse_double(context.sets[id].get("le")).value_or(kNaN));
      return static_cast<std::uint32_t>(bounds_.size() - 1);
    });
    return bounds_[index];
  }

  const BucketFunction function_;
  ScalarPtr first_, second_;
  VectorPtr buckets_;
  SetMap map_, bound_index_;
  std::vector<double> bounds_;
  std::uint64_t bounds_epoch_ = 0;
  Slots slots_;
  std::vector<Group> groups_;  // the first used_ of them, kept for their memory
  std::size_t used_ = 0;
  Elements out_;
  Charge charge_;
};

}  // namespace

VectorPtr make_histogram_quantile(ScalarPtr quantile, VectorPtr buckets) {
  return std::make_unique<BucketNode>(bucket_quantile, std::move(quantile), nullptr, std::move(buckets));
}

VectorPtr make_histogram_fraction(ScalarPtr lower, ScalarPtr upper, VectorPtr buckets) {
  return std::make_unique<BucketNode>(bucket_fraction, std::move(lower), std::move(upper),
                                      std::move(buckets));
}

}  // namespace chiron::promql
