#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace chiron::promql {

/// A sum with Neumaier's variant of Kahan's compensation, as Prometheus adds (util/kahansum): the error of
/// each addition is kept apart, and dropped once the sum is infinite. The error is exact, and the same
/// whether it is found by comparing (Neumaier) or without a branch (Knuth's two-sum).
struct CompensatedSum {
  double sum = 0;
  double error = 0;

  void add(double x) {
    add_finite(x);
    if (std::isinf(sum)) error = 0;
  }
  /// The same where the sum stays finite. Infinity and NaN stay in it, so that one look at the end tells.
  void add_finite(double x) {
    const double total = sum + x;
    const double added = total - sum;
    error += (sum - (total - added)) + (x - added);
    sum = total;
  }
  double value() const { return sum + error; }
};

/// The mean; turns to an incremental one only where the sum would overflow.
class Mean {
 public:
  void add(double x) {
    ++count_;
    if (!incremental_ && (count_ == 1 || !std::isinf(sum_.sum + x))) return sum_.add(x);
    *this = beyond(*this, x);
  }
  double value() const;
  /// Of `count` values that add up to `sum`.
  static double of(const CompensatedSum& sum, double count) { return sum.sum / count + sum.error / count; }

 private:
  /// By value: what never leaves add() can stay in registers.
  static Mean beyond(Mean mean, double x);

  CompensatedSum sum_;  // of the values; once incremental, the mean
  double count_ = 0;
  bool incremental_ = false;
};

/// Population variance by Welford's method.
class Variance {
 public:
  void add(double x);
  double value() const { return squares_.value() / count_; }

 private:
  CompensatedSum mean_, squares_;
  double count_ = 0;
};

/// The q-quantile with linear interpolation; NaN counts as smallest. Sorts `values`.
double quantile(double q, std::span<double> values);

/// Least squares over (x, y), added in seconds relative to where the intercept is wanted.
class LinearRegression {
 public:
  void add(double x, double y);
  double slope() const;
  double intercept() const;

 private:
  CompensatedSum x_, y_, xy_, xx_;
  double count_ = 0;
  double first_ = 0;
  bool constant_ = true;
};

}  // namespace chiron::promql
