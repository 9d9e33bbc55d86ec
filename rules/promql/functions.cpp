#include "rules/promql/functions.h"

#include "exporter/base/parse.h"
#include "rules/promql/promql.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr ValueType kS = ValueType::scalar;
constexpr ValueType kV = ValueType::vector;
constexpr ValueType kM = ValueType::matrix;
constexpr ValueType kT = ValueType::string;
constexpr int kAnyNumber = Signature::kAnyNumber;

constexpr std::array kSignatures = {
    Signature{"abs", kV, {kV}, "Absolute value."},
    Signature{
        "absent",
        kV,
        {kV},
        "1 without a name when the vector is empty, with the labels its matchers tell; otherwise nothing."},
    Signature{"absent_over_time", kV, {kM}, "1 when no series has a sample in the range; otherwise nothing."},
    Signature{"acos", kV, {kV}, "Arc cosine, in radians."},
    Signature{"acosh", kV, {kV}, "Inverse hyperbolic cosine."},
    Signature{"asin", kV, {kV}, "Arc sine, in radians."},
    Signature{"asinh", kV, {kV}, "Inverse hyperbolic sine."},
    Signature{"atan", kV, {kV}, "Arc tangent, in radians."},
    Signature{"atanh", kV, {kV}, "Inverse hyperbolic tangent."},
    Signature{"avg_over_time", kV, {kM}, "Mean of the samples in the range."},
    Signature{"ceil", kV, {kV}, "Rounded up to an integer."},
    Signature{"changes", kV, {kM}, "How often the value changed in the range."},
    Signature{"clamp",
              kV,
              {kV, kS, kS},
              "Values kept between a minimum and a maximum; nothing when the minimum is the greater."},
    Signature{"clamp_max", kV, {kV, kS}, "Values kept to a maximum."},
    Signature{"clamp_min", kV, {kV, kS}, "Values kept to a minimum."},
    Signature{"cos", kV, {kV}, "Cosine of radians."},
    Signature{"cosh", kV, {kV}, "Hyperbolic cosine."},
    Signature{"count_over_time", kV, {kM}, "Number of samples in the range."},
    Signature{
        "day_of_month",
        kV,
        {kV},
        "Day of the month, 1 to 31, of Unix seconds in UTC; of the evaluation time without an argument.",
        1},
    Signature{"day_of_week", kV, {kV}, "Day of the week, 0 (Sunday) to 6.", 1},
    Signature{"day_of_year", kV, {kV}, "Day of the year, 1 to 366.", 1},
    Signature{"days_in_month", kV, {kV}, "Days of the month, 28 to 31.", 1},
    Signature{"deg", kV, {kV}, "Radians as degrees."},
    Signature{"delta",
              kV,
              {kM},
              "Difference between the last and the first sample of a gauge, stretched to the whole range."},
    Signature{"deriv", kV, {kM}, "Slope per second by linear regression."},
    Signature{"double_exponential_smoothing",
              kV,
              {kM, kS, kS},
              "Smoothed value with a smoothing and a trend factor, both between 0 and 1.",
              0,
              true},
    Signature{"end", kS, {}, "End of the query in Unix seconds.", 0, true},
    Signature{"exp", kV, {kV}, "e to the power of the value."},
    Signature{"first_over_time", kV, {kM}, "Oldest sample in the range; the name stays."},
    Signature{"floor", kV, {kV}, "Rounded down to an integer."},
    Signature{"histogram_fraction",
              kV,
              {kS, kS, kV},
              "Share of the observations between two bounds, of classic buckets."},
    Signature{"histogram_quantile",
              kV,
              {kS, kV},
              "Quantile of classic buckets, with linear interpolation in a bucket."},
    Signature{"histogram_quantiles",
              kV,
              {kV, kT, kS, kS},
              "Several quantiles of classic buckets at once, each named by the label given.",
              9,
              true},
    Signature{"hour", kV, {kV}, "Hour of the day, 0 to 23.", 1},
    Signature{"idelta", kV, {kM}, "Difference between the last two samples."},
    Signature{"increase", kV, {kM}, "Increase of a counter, resets added up, stretched to the whole range."},
    Signature{"info",
              kV,
              {kV, kV},
              "Adds the labels of info series, by default of target_info, with the same job and instance.",
              1,
              true},
    Signature{"irate", kV, {kM}, "Increase per second between the last two samples of a counter."},
    Signature{"label_join",
              kV,
              {kV, kT, kT, kT},
              "Sets the label named first to the values of the labels named last, joined by the separator.",
              kAnyNumber},
    Signature{"label_replace",
              kV,
              {kV, kT, kT, kT, kT},
              "Sets a label to a replacement where a regular expression matches all of another label."},
    Signature{"last_over_time", kV, {kM}, "Newest sample in the range; the name stays."},
    Signature{"ln", kV, {kV}, "Natural logarithm."},
    Signature{"log10", kV, {kV}, "Decimal logarithm."},
    Signature{"log2", kV, {kV}, "Binary logarithm."},
    Signature{"mad_over_time", kV, {kM}, "Median absolute deviation of the samples in the range.", 0, true},
    Signature{"max_of", kS, {kS, kS}, "The greater of two scalars.", 0, true},
    Signature{"max_over_time", kV, {kM}, "Greatest sample in the range."},
    Signature{"min_of", kS, {kS, kS}, "The lesser of two scalars.", 0, true},
    Signature{"min_over_time", kV, {kM}, "Least sample in the range."},
    Signature{"minute", kV, {kV}, "Minute of the hour, 0 to 59.", 1},
    Signature{"month", kV, {kV}, "Month, 1 to 12.", 1},
    Signature{"pi", kS, {}, "The number pi."},
    Signature{"predict_linear", kV, {kM, kS}, "Value so many seconds from now, by linear regression."},
    Signature{"present_over_time", kV, {kM}, "1 for every series with a sample in the range."},
    Signature{"quantile_over_time", kV, {kS, kM}, "Quantile of the samples in the range."},
    Signature{"rad", kV, {kV}, "Degrees as radians."},
    Signature{"range", kS, {}, "End minus start of the query in seconds; 0 for an instant.", 0, true},
    Signature{
        "rate", kV, {kM}, "Increase per second of a counter, resets added up, stretched to the whole range."},
    Signature{"resets", kV, {kM}, "How often a counter was reset in the range."},
    Signature{"round",
              kV,
              {kV, kS},
              "Rounded to the nearest multiple of the second argument, by default 1; ties go up.",
              1},
    Signature{"scalar", kS, {kV}, "The value of the only element; NaN when there is not exactly one."},
    Signature{"sgn", kV, {kV}, "-1, 0 or 1 by the sign."},
    Signature{"sin", kV, {kV}, "Sine of radians."},
    Signature{"sinh", kV, {kV}, "Hyperbolic sine."},
    Signature{"sort", kV, {kV}, "Ascending by value; NaN last."},
    Signature{"sort_by_label",
              kV,
              {kV, kT},
              "Ascending by the labels named, numbers in them by their value.",
              kAnyNumber,
              true},
    Signature{"sort_by_label_desc", kV, {kV, kT}, "Descending by the labels named.", kAnyNumber, true},
    Signature{"sort_desc", kV, {kV}, "Descending by value; NaN last."},
    Signature{"sqrt", kV, {kV}, "Square root."},
    Signature{"start", kS, {}, "Start of the query in Unix seconds.", 0, true},
    Signature{
        "start_timestamp",
        kV,
        {kV},
        "When the counts of a selector's samples began, in Unix seconds, with use-start-timestamps: 0 where "
        "it is not known, as of all that the agent stores. Of other expressions nothing.",
        0,
        true},
    Signature{"stddev_over_time", kV, {kM}, "Population standard deviation of the samples in the range."},
    Signature{"stdvar_over_time", kV, {kM}, "Population variance of the samples in the range."},
    Signature{"step", kS, {}, "Step of the query in seconds; 0 for an instant.", 0, true},
    Signature{"sum_over_time", kV, {kM}, "Sum of the samples in the range."},
    Signature{"tan", kV, {kV}, "Tangent of radians."},
    Signature{"tanh", kV, {kV}, "Hyperbolic tangent."},
    Signature{"time", kS, {}, "Evaluation time in Unix seconds."},
    Signature{"timestamp",
              kV,
              {kV},
              "Time of each sample in Unix seconds; of other expressions the evaluation time."},
    Signature{"ts_of_first_over_time", kV, {kM}, "Time of the oldest sample in the range.", 0, true},
    Signature{"ts_of_last_over_time", kV, {kM}, "Time of the newest sample in the range.", 0, true},
    Signature{"ts_of_max_over_time",
              kV,
              {kM},
              "Time of the greatest sample in the range, the last of several.",
              0,
              true},
    Signature{"ts_of_min_over_time",
              kV,
              {kM},
              "Time of the least sample in the range, the last of several.",
              0,
              true},
    Signature{"vector", kV, {kS}, "A vector of one element without labels."},
    Signature{"year", kV, {kV}, "Year.", 1},
};

static_assert(std::is_sorted(kSignatures.begin(), kSignatures.end(),
                             [](const Signature& a, const Signature& b) { return a.name < b.name; }));

constexpr std::string_view kNativeHistograms = "it takes native histograms, which are not supported";
constexpr std::string_view kRemoved =
    "Prometheus 3 removed it; double_exponential_smoothing, which is experimental, took its place";

struct Missing {
  std::string_view name;
  std::string_view why;
};
constexpr std::array kMissing = {
    Missing{"histogram_avg", kNativeHistograms},    Missing{"histogram_count", kNativeHistograms},
    Missing{"histogram_stddev", kNativeHistograms}, Missing{"histogram_stdvar", kNativeHistograms},
    Missing{"histogram_sum", kNativeHistograms},    Missing{"holt_winters", kRemoved},
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::size_t Signature::declared() const {
  const auto first_unused = std::find(arguments.begin(), arguments.end(), ValueType::none);
  return static_cast<std::size_t>(first_unused - arguments.begin());
}

std::size_t Signature::at_most() const {
  if (repeat == 0) return declared();
  return repeat == kAnyNumber ? std::numeric_limits<std::size_t>::max()
                              : declared() - 1 + static_cast<std::size_t>(repeat);
}

ValueType Signature::argument(std::size_t index) const {
  const std::size_t count = declared();
  if (index < count) return arguments[index];
  return repeat != 0 && count > 0 ? arguments[count - 1] : ValueType::none;
}

const Signature* find_signature(std::string_view name) {
  const auto found = std::lower_bound(kSignatures.begin(), kSignatures.end(), name,
                                      [](const Signature& s, std::string_view n) { return s.name < n; });
  return found != kSignatures.end() && found->name == name ? &*found : nullptr;
}

std::string_view similar_function(std::string_view name) {
  if (name.size() > 40) return {};
  std::string_view best;
  std::size_t distance = 3;
  for (const Signature& signature : kSignatures) {
    const std::size_t d = edit_distance(name, signature.name);
    if (d < distance && d < signature.name.size() / 2 + 1) {
      distance = d;
      best = signature.name;
    }
  }
  return best;
}

std::string_view why_unsupported(std::string_view name) {
  const auto found =
      std::find_if(kMissing.begin(), kMissing.end(), [&](const Missing& m) { return m.name == name; });
  return found != kMissing.end() ? found->why : std::string_view();
}

Result<Features> parse_features(const std::vector<std::string>& names) {
  struct Known {
    std::string_view name;
    bool Features::*flag;  // null: nothing to switch
  };
  static constexpr std::array kKnown = {
      Known{"promql-experimental-functions", &Features::experimental_functions},
      Known{"promql-extended-range-selectors", &Features::extended_range_selectors},
      Known{"promql-binop-fill-modifiers", &Features::binop_fill_modifiers},
      Known{"promql-delayed-name-removal", &Features::delayed_name_removal},
      Known{"use-start-timestamps", &Features::start_timestamps},
      Known{"auto-reload-config", nullptr},
      Known{"concurrent-rule-eval", nullptr},
      Known{"created-timestamp-zero-ingestion", nullptr},
      Known{"delayed-compaction", nullptr},
      Known{"exemplar-storage", nullptr},
      Known{"extra-scrape-metrics", nullptr},
      Known{"fast-startup", nullptr},
      Known{"histograms-st-encoding", nullptr},
      Known{"memory-snapshot-on-shutdown", nullptr},
      Known{"metadata-wal-records", nullptr},
      Known{"native-histograms", nullptr},
      Known{"old-ui", nullptr},
      Known{"ooo-native-histograms", nullptr},
      Known{"otlp-deltatocumulative", nullptr},
      Known{"otlp-native-delta-ingestion", nullptr},
      Known{"promql-duration-expr", nullptr},
      Known{"promql-per-step-stats", nullptr},
      Known{"search-api", nullptr},
      Known{"st-storage", nullptr},
      Known{"st-synthesis", nullptr},
      Known{"type-and-unit-labels", nullptr},
      Known{"use-uncached-io", nullptr},
      Known{"xor2-encoding", nullptr},
  };
  Features features;
  for (const std::string& list : names) {
    std::string_view rest = list;
    while (!rest.empty()) {
      const std::string_view name = trim(rest.substr(0, rest.find(',')));
      rest.remove_prefix(
          std::min(rest.size(), rest.find(',') == std::string_view::npos ? rest.size() : rest.find(',') + 1));
      if (name.empty()) continue;
      const auto known =
          std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == name; });
      if (known == kKnown.end()) {
        std::string all;
        for (const Known& k : kKnown) all += fmt::format("{}{}", all.empty() ? "" : ", ", k.name);
        return Error(ErrorCode::invalid_argument, fmt::format("'{}' is none of {}", name, all));
      }
      if (known->flag != nullptr) features.*known->flag = true;
    }
  }
  return features;
}

std::vector<FunctionInfo> functions() {
  std::vector<FunctionInfo> rows;
  rows.reserve(kSignatures.size());
  for (const Signature& s : kSignatures) {
    rows.push_back({s.name,
                    {s.arguments.begin(), s.arguments.begin() + static_cast<std::ptrdiff_t>(s.declared())},
                    s.repeat,
                    s.result,
                    s.experimental,
                    s.summary});
  }
  return rows;
}

}  // namespace chiron::promql
