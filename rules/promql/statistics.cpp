#include "rules/promql/statistics.h"

#include <algorithm>

namespace chiron::promql {

Mean Mean::beyond(Mean mean, double x) {
  CompensatedSum& sum = mean.sum_;
  if (!mean.incremental_) {
    mean.incremental_ = true;
    sum.sum /= mean.count_ - 1;
    sum.error /= mean.count_ - 1;
  }
  if (std::isinf(sum.sum)) {
    // An infinite mean stays what it is, unless the opposite infinity or NaN comes.
    if (std::isinf(x) && (sum.sum > 0) == (x > 0)) return mean;
    if (std::isfinite(x)) return mean;
  }
  const double weight = (mean.count_ - 1) / mean.count_;
  sum.sum *= weight;
  sum.error *= weight;
  sum.add(x / mean.count_);
  return mean;
}

double Mean::value() const { return incremental_ ? sum_.value() : of(sum_, count_); }

void Variance::add(double x) {
  ++count_;
  const double delta = x - mean_.value();
  mean_.add(delta / count_);
  squares_.add(delta * (x - mean_.value()));
}

double quantile(double q, std::span<double> values) {
  if (values.empty() || std::isnan(q)) return std::numeric_limits<double>::quiet_NaN();
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(),
            [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const double rank = q * (static_cast<double>(values.size()) - 1);
  const double floor = std::max(0.0, std::floor(rank));
  const auto lower = static_cast<std::size_t>(floor);
  const std::size_t upper = std::min(lower + 1, values.size() - 1);
  const double weight = rank - std::floor(rank);
  return values[lower] * (1 - weight) + values[upper] * weight;
}

void LinearRegression::add(double x, double y) {
  if (count_ == 0) first_ = y;
  // NaN differs from itself, so a NaN never counts as constant.
  if (count_ > 0 && !(y == first_)) constant_ = false;
  ++count_;
  x_.add(x);
  y_.add(y);
  xy_.add(x * y);
  xx_.add(x * x);
}

double LinearRegression::slope() const {
  if (constant_) return std::isinf(first_) ? std::numeric_limits<double>::quiet_NaN() : 0;
  const double covariance = xy_.value() - x_.value() * y_.value() / count_;
  const double variance = xx_.value() - x_.value() * x_.value() / count_;
  return covariance / variance;
}

double LinearRegression::intercept() const {
  if (constant_) return std::isinf(first_) ? std::numeric_limits<double>::quiet_NaN() : first_;
  return y_.value() / count_ - slope() * x_.value() / count_;
}

}  // namespace chiron::promql
