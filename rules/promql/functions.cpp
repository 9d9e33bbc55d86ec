#include "rules/promql/functions.h"

#include "rules/promql/promql.h"

#include <algorithm>
#include <string>
#include <vector>

namespace chiron::promql {
namespace {

constexpr ValueType kS = ValueType::scalar;
constexpr ValueType kV = ValueType::vector;
constexpr ValueType kM = ValueType::matrix;
constexpr ValueType kT = ValueType::string;
constexpr int kVariadic = Signature::kVariadic;

constexpr std::array kSignatures = {
    Signature{"abs", kV, {kV}},
    Signature{"absent", kV, {kV}},
    Signature{"absent_over_time", kV, {kM}},
    Signature{"acos", kV, {kV}},
    Signature{"acosh", kV, {kV}},
    Signature{"asin", kV, {kV}},
    Signature{"asinh", kV, {kV}},
    Signature{"atan", kV, {kV}},
    Signature{"atanh", kV, {kV}},
    Signature{"avg_over_time", kV, {kM}},
    Signature{"ceil", kV, {kV}},
    Signature{"changes", kV, {kM}},
    Signature{"clamp", kV, {kV, kS, kS}},
    Signature{"clamp_max", kV, {kV, kS}},
    Signature{"clamp_min", kV, {kV, kS}},
    Signature{"cos", kV, {kV}},
    Signature{"cosh", kV, {kV}},
    Signature{"count_over_time", kV, {kM}},
    Signature{"day_of_month", kV, {kV}, 1},
    Signature{"day_of_week", kV, {kV}, 1},
    Signature{"day_of_year", kV, {kV}, 1},
    Signature{"days_in_month", kV, {kV}, 1},
    Signature{"deg", kV, {kV}},
    Signature{"delta", kV, {kM}},
    Signature{"deriv", kV, {kM}},
    Signature{"exp", kV, {kV}},
    Signature{"first_over_time", kV, {kM}},
    Signature{"floor", kV, {kV}},
    Signature{"histogram_fraction", kV, {kS, kS, kV}},
    Signature{"histogram_quantile", kV, {kS, kV}},
    Signature{"hour", kV, {kV}, 1},
    Signature{"idelta", kV, {kM}},
    Signature{"increase", kV, {kM}},
    Signature{"irate", kV, {kM}},
    Signature{"label_join", kV, {kV, kT, kT, kT}, kVariadic},
    Signature{"label_replace", kV, {kV, kT, kT, kT, kT}},
    Signature{"last_over_time", kV, {kM}},
    Signature{"ln", kV, {kV}},
    Signature{"log10", kV, {kV}},
    Signature{"log2", kV, {kV}},
    Signature{"max_over_time", kV, {kM}},
    Signature{"min_over_time", kV, {kM}},
    Signature{"minute", kV, {kV}, 1},
    Signature{"month", kV, {kV}, 1},
    Signature{"pi", kS, {}},
    Signature{"predict_linear", kV, {kM, kS}},
    Signature{"present_over_time", kV, {kM}},
    Signature{"quantile_over_time", kV, {kS, kM}},
    Signature{"rad", kV, {kV}},
    Signature{"rate", kV, {kM}},
    Signature{"resets", kV, {kM}},
    Signature{"round", kV, {kV, kS}, 1},
    Signature{"scalar", kS, {kV}},
    Signature{"sgn", kV, {kV}},
    Signature{"sin", kV, {kV}},
    Signature{"sinh", kV, {kV}},
    Signature{"sort", kV, {kV}},
    Signature{"sort_desc", kV, {kV}},
    Signature{"sqrt", kV, {kV}},
    Signature{"stddev_over_time", kV, {kM}},
    Signature{"stdvar_over_time", kV, {kM}},
    Signature{"sum_over_time", kV, {kM}},
    Signature{"tan", kV, {kV}},
    Signature{"tanh", kV, {kV}},
    Signature{"time", kS, {}},
    Signature{"timestamp", kV, {kV}},
    Signature{"vector", kV, {kS}},
    Signature{"year", kV, {kV}, 1},
};

constexpr std::string_view kNativeHistograms = "native histograms are not supported";
constexpr std::string_view kExperimental =
    "it is an experimental function of Prometheus, which is not supported yet";
constexpr std::string_view kRemoved = "Prometheus 3 removed it";

struct Missing {
  std::string_view name;
  std::string_view why;
};
constexpr std::array kMissing = {
    Missing{"double_exponential_smoothing", kExperimental},
    Missing{"end", kExperimental},
    Missing{"histogram_avg", kNativeHistograms},
    Missing{"histogram_count", kNativeHistograms},
    Missing{"histogram_quantiles", kExperimental},
    Missing{"histogram_stddev", kNativeHistograms},
    Missing{"histogram_stdvar", kNativeHistograms},
    Missing{"histogram_sum", kNativeHistograms},
    Missing{"holt_winters", kRemoved},
    Missing{"info", kExperimental},
    Missing{"limit_ratio", kExperimental},
    Missing{"limitk", kExperimental},
    Missing{"mad_over_time", kExperimental},
    Missing{"max_of", kExperimental},
    Missing{"min_of", kExperimental},
    Missing{"range", kExperimental},
    Missing{"sort_by_label", kExperimental},
    Missing{"sort_by_label_desc", kExperimental},
    Missing{"start", kExperimental},
    Missing{"start_timestamp", kExperimental},
    Missing{"step", kExperimental},
    Missing{"ts_of_first_over_time", kExperimental},
    Missing{"ts_of_last_over_time", kExperimental},
    Missing{"ts_of_max_over_time", kExperimental},
    Missing{"ts_of_min_over_time", kExperimental},
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

ValueType Signature::argument(std::size_t index) const {
  const std::size_t count = declared();
  if (index < count) return arguments[index];
  return optional == kVariadic && count > 0 ? arguments[count - 1] : ValueType::none;
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

std::vector<FunctionInfo> functions() {
  std::vector<FunctionInfo> rows;
  rows.reserve(kSignatures.size());
  for (const Signature& s : kSignatures) {
    rows.push_back({s.name,
                    {s.arguments.begin(), s.arguments.begin() + static_cast<std::ptrdiff_t>(s.declared())},
                    s.optional,
                    s.result});
  }
  return rows;
}

}  // namespace chiron::promql
