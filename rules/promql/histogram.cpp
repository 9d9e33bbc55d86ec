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

// Buckets that are scraped or added up apart may count down by rounding; Prometheus evens them out.
void make_monotonic(std::vector<Bucket>& buckets) {
  double most = buckets.front().count;
  for (Bucket& bucket : buckets) {
    most = std::max(most, bucket.count);
    bucket.count = most;
  }
}

// The q-quantile, assuming that observations are spread evenly within a bucket.
double bucket_quantile(double q, std::vector<Bucket>& buckets) {
  if (std::isnan(q)) return kNaN;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  std::sort(buckets.begin(), buckets.end(),
            [](const Bucket& a, const Bucket& b) { return a.bound < b.bound; });
  if (buckets.back().bound != kInfinity) return kNaN;
  // Bounds written differently but equal, as 0.2 and 2e-1, are one bucket.
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].bound == buckets[last].bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
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

class HistogramQuantileNode final : public VectorNode {
 public:
  HistogramQuantileNode(ScalarPtr quantile, VectorPtr buckets)
      : quantile_(std::move(quantile)), buckets_(std::move(buckets)) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double q = quantile_->eval(context, t);
    sort(context, buckets_->eval(context, t));
    for (std::size_t i = 0; i < used_; ++i)
      out_.push_back({groups_[i].labels, bucket_quantile(q, groups_[i].buckets)});
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

  ScalarPtr quantile_;
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
  return std::make_unique<HistogramQuantileNode>(std::move(quantile), std::move(buckets));
}

}  // namespace chiron::promql
