#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace chiron::promql {

/// A sum with Neumaier's variant of Kahan's compensation, as Prometheus adds (util/kahansum): the error of
/// each addition is kept apart, and dropped once the sum is infinite.
struct CompensatedSum {
  double sum = 0;
  double error = 0;

  void add(double x) {
    const double total = sum + x;
    if (std::isinf(total)) {
      error = 0;
    } else if (std::fabs(sum) >= std::fabs(x)) {
      error += (sum - total) + x;
    } else {
      error += (x - total) + sum;
    }
    sum = total;
  }
  double value() const { return sum + error; }
};

/// The mean; turns to an incremental one only where the sum would overflow.
class Mean {
 public:
  void add(double x);
  double value() const;

 private:
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
