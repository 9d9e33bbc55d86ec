#include "rules/promql/script_compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

std::string list(const Vector& vector) {
  std::string out;
  for (const VectorSample& sample : vector) {
    out += fmt::format("\n    {} {}", sample.labels.to_string(), format_value(sample.v));
  }
  return out.empty() ? "nothing" : out;
}

std::string compare_vector(const Expected& expected, const Vector& got) {
  std::vector<bool> used(got.size());
  if (got.size() != expected.series.size()) {
    return fmt::format("expected {} series, got {}: {}", expected.series.size(), got.size(), list(got));
  }
  for (std::size_t i = 0; i < expected.series.size(); ++i) {
    const SeriesLine& want = expected.series[i];
    if (want.values.size() != 1 || !want.values.front())
      return "an instant result has one value for each series";
    std::size_t at = i;
    if (!expected.ordered) {
      const auto same = [&](const VectorSample& sample) { return sample.labels == want.labels; };
      at = static_cast<std::size_t>(std::find_if(got.begin(), got.end(), same) - got.begin());
    }
    if (at == got.size() || got[at].labels != want.labels || used[at]) {
      return fmt::format("expected {}{}, got {}", want.labels.to_string(),
                         expected.ordered ? fmt::format(" at position {}", i + 1) : "", list(got));
    }
    used[at] = true;
    if (!almost_equal(*want.values.front(), got[at].v)) {
      return fmt::format("{}: expected {}, got {}", want.labels.to_string(),
                         format_value(*want.values.front()), format_value(got[at].v));
    }
  }
  return {};
}

std::string compare_samples(const Expected& expected, const SeriesLine& want, const MatrixSeries& got) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < want.values.size(); ++i) {
    if (!want.values[i]) continue;
    // By division, so that nothing overflows.
    const auto step = static_cast<TimestampMs>(i);
    if (step > 0 && (expected.step <= 0 || step > (expected.end - expected.start) / expected.step))
      return fmt::format("{}: expected more values than there are steps", want.labels.to_string());
    const TimestampMs t = expected.start + step * expected.step;
    if (at == got.samples.size() || got.samples[at].t != t) {
      return fmt::format(
          "{}: expected {} at {} ms, got {}", want.labels.to_string(), format_value(*want.values[i]), t,
          at == got.samples.size() ? "nothing" : fmt::format("a sample at {} ms", got.samples[at].t));
    }
    if (!almost_equal(*want.values[i], got.samples[at].v)) {
      return fmt::format("{}: expected {} at {} ms, got {}", want.labels.to_string(),
                         format_value(*want.values[i]), t, format_value(got.samples[at].v));
    }
    ++at;
  }
  if (at == got.samples.size()) return {};
  return fmt::format("{}: unexpected {} at {} ms", want.labels.to_string(), format_value(got.samples[at].v),
                     got.samples[at].t);
}

std::string compare_matrix(const Expected& expected, const Matrix& got) {
  if (expected.ordered) return "expected an ordered result, but the query returned a matrix";
  for (std::size_t i = 1; i < got.size(); ++i) {
    if (!(got[i - 1].labels < got[i].labels)) return "the result is not sorted by labels";
  }
  for (const SeriesLine& want : expected.series) {
    const auto same = [&](const MatrixSeries& series) { return series.labels == want.labels; };
    const auto at = std::find_if(got.begin(), got.end(), same);
    if (at == got.end()) return fmt::format("expected metric {} not found", want.labels.to_string());
    if (std::string difference = compare_samples(expected, want, *at); !difference.empty()) return difference;
  }
  if (got.size() == expected.series.size()) return {};
  std::string names;
  for (const MatrixSeries& series : got) names += " " + series.labels.to_string();
  return fmt::format("expected {} series, got {}:{}", expected.series.size(), got.size(), names);
}

struct Comparison {
  const Expected& expected;

  std::string operator()(const Scalar& scalar) const {
    if (!expected.scalar) return fmt::format("expected series, got the scalar {}", format_value(scalar.v));
    if (almost_equal(*expected.scalar, scalar.v)) return {};
    return fmt::format("expected {}, got {}", format_value(*expected.scalar), format_value(scalar.v));
  }
  std::string operator()(const String& text) const {
    if (expected.text && *expected.text == text.v) return {};
    return fmt::format("expected {}, got the string \"{}\"", expected.text ? *expected.text : "no string",
                       text.v);
  }
  std::string operator()(const Vector& vector) const {
    if (expected.scalar || expected.text) return "expected a scalar or string, got an instant vector";
    return expected.matrix ? "expected a matrix, got an instant vector" : compare_vector(expected, vector);
  }
  std::string operator()(const Matrix& matrix) const {
    if (!expected.matrix) return "expected an instant result, got a matrix";
    return compare_matrix(expected, matrix);
  }
};

}  // namespace

bool almost_equal(double a, double b) {
  if (is_stale(a) || is_stale(b)) return is_stale(a) && is_stale(b);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  constexpr double kTolerance = 1e-6;
  constexpr double kSmallest = std::numeric_limits<double>::min();
  const double size = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || size < kSmallest) return difference < kTolerance * kSmallest;
  return difference / std::min(size, std::numeric_limits<double>::max()) < kTolerance;
}

std::string compare(const Expected& expected, const Value& value) {
  return std::visit(Comparison{expected}, value);
}

}  // namespace chiron::promql
