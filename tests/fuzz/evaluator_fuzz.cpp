#include "rules/promql/promql.h"
#include "rules/promql/test_series.h"
#include "tests/fuzz/expect.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <map>
#include <span>
#include <string>

#include <fmt/format.h>

namespace {

using namespace chiron;
using fuzz::expect;
using promql::ValueType;

constexpr std::size_t kMaxSamples = 20'000;
constexpr std::size_t kDeepest = 6;
constexpr std::chrono::milliseconds kTimeout{200};
// Beyond the deadline, in a build with sanitizers.
constexpr std::chrono::milliseconds kPatience{3000};

/// The thread's own time, so that a deadline means the same on a busy machine.
class OwnTime final : public Clock {
 public:
  WallTime wall() const override { return {}; }
  BootTime boot() const override {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return BootTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }
  const std::string& boot_id() const override { return id_; }

 private:
  const std::string id_;
};

/// Choices from the input; all are the first one once it is used up.
class Dice {
 public:
  explicit Dice(std::span<const std::uint8_t> data) : data_(data) {}
  std::size_t roll(std::size_t sides) {
    if (at_ >= data_.size()) return 0;
    return data_[at_++] % sides;
  }
  template <class T, std::size_t N>
  const T& one(const std::array<T, N>& choices) {
    return choices[roll(N)];
  }
  bool used_up() const { return at_ >= data_.size(); }

 private:
  std::span<const std::uint8_t> data_;
  std::size_t at_ = 0;
};

void fill(Dice& dice, promql::TestSeries& series) {
  const double stale = stale_marker();
  const std::array<double, 14> values{0,     1,       -1,   0.1,      1e-320,    1e308, -1e308,
                                      -1e-5, 1 << 20, 1e16, INFINITY, -INFINITY, NAN,   stale};
  constexpr std::array<TimestampMs, 6> kGaps{15'000, 1, 1000, 60'000, 299'999, 900'000};
  std::vector<Labels> sets;
  for (std::size_t i = 0, count = 1 + dice.roll(10); i < count; ++i) {
    constexpr std::array<std::string_view, 3> kNames{"a", "b", "c"};
    constexpr std::array<std::string_view, 6> kValues{"", "1", "+Inf", "0.5", "x", "\xc3\xa4\n"};
    sets.push_back(Labels{{"__name__", std::string(dice.one(kNames))},
                          {"le", std::string(dice.one(kValues))},
                          {"l", std::string(dice.one(kValues))},
                          {"m", std::string(dice.one(kValues))}});
  }
  TimestampMs t = 0;
  for (std::size_t frame = 0, count = dice.roll(30); frame < count; ++frame) {
    t += dice.one(kGaps);
    for (const Labels& labels : sets) {
      constexpr std::array<TimestampMs, 5> kStarts{0, 15'000, -1000, 1, 900'000};
      const TimestampMs start = dice.roll(4) == 3 ? t - dice.one(kStarts) : 0;
      if (dice.roll(8) != 7)
        series.add(labels, {t, dice.one(values) + static_cast<double>(dice.roll(3))}, start);
      if (dice.roll(16) == 15) series.add(labels, {t, stale});
    }
  }
}

class Tree {
 public:
  explicit Tree(Dice& dice) : dice_(dice) {}

  std::string of(ValueType type, std::size_t depth) {
    switch (type) {
      case ValueType::scalar:
        return scalar(depth);
      case ValueType::matrix:
        return matrix(depth);
      case ValueType::string:
        return text();
      default:
        return vector(depth);
    }
  }

 private:
  std::string number() {
    return std::string(dice_.one(std::array<std::string_view, 12>{
        "1", "0", "-1", "0.5", "NaN", "Inf", "-Inf", "1e308", "3", "1e-9", "100", "9223372036854775807"}));
  }
  std::string text() {
    return std::string(dice_.one(std::array<std::string_view, 11>{
        R"x("l")x", R"x("m")x", R"x("")x", R"x("(.*)")x", R"x("$1-${1}$$")x", R"x("__name__")x", R"x("le")x",
        R"x("(")x", R"x("a|(?P<x>b)")x", R"x("$1$1$1$1$1$1$1$1")x", R"x("$0$0$0$0")x"}));
  }
  std::string modifiers() {
    return std::string(dice_.one(std::array<std::string_view, 14>{
        "", "", "", " offset 1m", " offset -1h", " @ 100", " @ start()", " @ end()", " @ -1e9 offset 7d",
        " anchored", " smoothed", " smoothed offset 30s", " offset (2 * 30s - 1m)",
        " offset -max_of(step(), 1s)"}));
  }
  std::string selector() {
    return std::string(dice_.one(std::array<std::string_view, 8>{"a", "b", "c", R"({__name__=~"a|b"})",
                                                                 R"(a{l="1"})", R"({l!="",m=~".*"})",
                                                                 R"(a{le!~"x|"})", R"({__name__!=""})"}));
  }
  std::string labels() {
    return std::string(
        dice_.one(std::array<std::string_view, 6>{"", "l", "l, m", "le", "__name__", "l, m, le"}));
  }

  std::string scalar(std::size_t depth) {
    if (depth == 0 || dice_.used_up()) return number();
    switch (dice_.roll(4)) {
      case 0:
        return fmt::format("scalar({})", vector(depth - 1));
      case 1:
        return "time()";
      case 2:
        return fmt::format("({} {} {})", scalar(depth - 1), arithmetic(), scalar(depth - 1));
      default:
        return number();
    }
  }

  std::string matrix(std::size_t depth) {
    const std::string_view range = dice_.one(
        std::array<std::string_view, 10>{"1m", "5m", "1ms", "1h", "1y", "31s", "2 * 1m", "min_of(5m, 1h) + 1",
                                         "max_of(range(), 1m)", "step() + 1s"});
    if (depth == 0 || dice_.roll(3) != 0) return fmt::format("{}[{}]{}", selector(), range, modifiers());
    const std::string_view step = dice_.one(
        std::array<std::string_view, 7>{"", "1m", "7s", "1ms", "1d", "7s + 3", "max_of(step(), 9s)"});
    return fmt::format("({})[{}:{}]{}", vector(depth - 1), range, step, modifiers());
  }

  std::string vector(std::size_t depth) {
    if (depth == 0 || dice_.used_up()) return selector() + modifiers();
    switch (dice_.roll(7)) {
      case 0:
        return aggregation(depth - 1);
      case 5:
        return grown(depth - 1);
      case 1:
        return fmt::format("({} {} {} {})", vector(depth - 1), operation(), matching(), vector(depth - 1));
      case 2:
        return fmt::format("({} {} {})", vector(depth - 1), operation(), scalar(depth - 1));
      case 3:
        return "-" + vector(depth - 1);
      case 4:
        return call(depth - 1);
      default:
        return selector() + modifiers();
    }
  }

  // A label whose value grows with each call around another.
  std::string grown(std::size_t depth) {
    const std::string_view label = dice_.one(std::array<std::string_view, 4>{"l", "m", "x", "__name__"});
    if (dice_.roll(2) == 0)
      return fmt::format(R"(label_replace({}, "{}", "$0$0$0$0$0$0$0$0", "{}", ".*"))", vector(depth), label,
                         label);
    return fmt::format(R"(label_join({0}, "{1}", ",", "{1}", "{1}", "l", "{1}", "{1}"))", vector(depth),
                       label);
  }

  std::string call(std::size_t depth) {
    static const std::vector<promql::FunctionInfo> kFunctions = promql::functions();
    const promql::FunctionInfo& function = kFunctions[dice_.roll(kFunctions.size())];
    if (function.name == "info" && dice_.roll(2) == 0)
      return fmt::format(R"(info({}, {{__name__=~"b|c", l=~".*"}}))", vector(depth));
    std::string arguments;
    for (const ValueType type : function.arguments) {
      if (!arguments.empty()) arguments += ", ";
      arguments += of(type, depth);
    }
    const std::string call = fmt::format("{}({})", function.name, arguments);
    return function.result == ValueType::scalar ? fmt::format("vector({})", call) : call;
  }

  std::string aggregation(std::size_t depth) {
    constexpr std::array<std::string_view, 14> kOperators{
        "sum",    "avg",  "min",     "max",    "count",       "group",    "stddev",
        "stdvar", "topk", "bottomk", "limitk", "limit_ratio", "quantile", "count_values"};
    const std::size_t which = dice_.roll(kOperators.size());
    const std::string parameter = which < 8 ? "" : which == 13 ? text() + ", " : scalar(depth) + ", ";
    constexpr std::array<std::string_view, 3> kModes{"by", "without", "by"};
    const std::string_view mode = dice_.one(kModes);
    return fmt::format("{} {} ({}) ({}{})", kOperators[which], mode, labels(), parameter, vector(depth));
  }

  std::string arithmetic() {
    return std::string(dice_.one(std::array<std::string_view, 6>{"+", "-", "*", "/", "%", "^"}));
  }
  std::string operation() {
    return std::string(dice_.one(std::array<std::string_view, 14>{
        "+", "-", "*", "/", "%", "^", "atan2", "==", "> bool", "<", "!= bool", "and", "or", "unless"}));
  }
  std::string matching() {
    return std::string(dice_.one(std::array<std::string_view, 12>{
        "", "on ()", "on (l)", "ignoring (le)", "on (l, m) group_left", "on (l) group_right (m)",
        "ignoring (m) group_left (l)", "on (__name__)", "fill (0)", "on (l, m) fill_left (NaN)",
        "ignoring (le) group_left () fill_right (-1)",
        "on (l) group_right (m) fill_left (1) fill_right (2)"}));
  }

  Dice& dice_;
};

using Point = std::map<std::string, double>;

Point elements_of(const promql::Value& value) {
  Point point;
  if (const auto* scalar = std::get_if<promql::Scalar>(&value)) point["{}"] = scalar->v;
  if (const auto* vector = std::get_if<promql::Vector>(&value)) {
    for (const promql::VectorSample& one : *vector) point[one.labels.to_string()] = one.v;
  }
  return point;
}

std::size_t size_of(const promql::Value& value) {
  std::size_t size = elements_of(value).size();
  if (const auto* matrix = std::get_if<promql::Matrix>(&value)) {
    for (const promql::MatrixSeries& series : *matrix) size += series.samples.size();
  }
  return size;
}

/// What the labels of a result take, at the least.
std::size_t label_bytes_of(const promql::Value& value) {
  std::size_t bytes = 0;
  const auto add = [&bytes](const auto& elements) {
    for (const auto& one : elements) {
      for (const Label& label : one.labels) bytes += label.name.size() + label.value.size();
    }
  };
  if (const auto* vector = std::get_if<promql::Vector>(&value)) add(*vector);
  if (const auto* matrix = std::get_if<promql::Matrix>(&value)) add(*matrix);
  return bytes;
}

bool same(const Point& a, const Point& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const auto& one, const auto& other) {
           const bool equal =
               one.second == other.second || (std::isnan(one.second) && std::isnan(other.second));
           return one.first == other.first && equal;
         });
}

/// What holds of every evaluation: it ends in time, and its result is no larger than allowed.
Result<promql::Value> within_limits(const OwnTime& clock, const auto& evaluate) {
  const BootTime began = clock.boot();
  Result<promql::Value> value = evaluate();
  expect(clock.boot() - began < kTimeout + kPatience);
  if (value.ok()) {
    expect(size_of(*value) <= kMaxSamples);
    expect(label_bytes_of(*value) <= kMaxSamples * sizeof(Sample));
  } else {
    expect(!value.error().message().empty());
  }
  return value;
}

}  // namespace

// A tree of the language, with all that is experimental, over series, both made from the input. It ends
// within its limits, gives the same again when evaluated again, and a range query has at each step what an
// instant query has there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Dice dice({data, size});
  promql::TestSeries series;
  fill(dice, series);
  const std::string text = Tree(dice).of(dice.roll(8) == 7 ? ValueType::scalar : ValueType::vector, kDeepest);
  const promql::Parsed parsed = promql::parse(text, promql::Features::all());
  if (!parsed.ok()) return 0;

  const OwnTime clock;
  const promql::Limits limits{.max_samples = kMaxSamples,
                              .timeout = kTimeout,
                              .clock = &clock,
                              .delayed_name_removal = dice.roll(2) == 1,
                              .start_timestamps = dice.roll(2) == 1};
  promql::Query query(parsed.expr, series, limits);
  const TimestampMs start = series.newest() - 60'000;
  constexpr TimestampMs kStep = 20'000;
  const auto instant = [&](TimestampMs t) { return within_limits(clock, [&] { return query.instant(t); }); };
  const Result<promql::Value> first = instant(start);
  const Result<promql::Value> again = instant(start);
  if (first.ok() && again.ok()) expect(same(elements_of(*first), elements_of(*again)));

  promql::Query ranged(parsed.expr, series, limits);
  const Result<promql::Value> range = within_limits(
      clock, [&] { return ranged.range(start, start + 4 * kStep, std::chrono::milliseconds(kStep)); });
  // These are others for an instant.
  for (const std::string_view of_query : {"start()", "end()", "step()", "range()"}) {
    if (text.find(of_query) != std::string::npos) return 0;
  }
  if (!range.ok()) return 0;
  std::map<TimestampMs, Point> steps;
  for (const promql::MatrixSeries& one : std::get<promql::Matrix>(*range)) {
    for (const Sample& sample : one.samples) steps[sample.t][one.labels.to_string()] = sample.v;
  }
  for (TimestampMs t = start; t <= start + 4 * kStep; t += kStep) {
    const Result<promql::Value> value = instant(t);
    if (value.ok()) expect(same(elements_of(*value), steps[t]));
  }
  return 0;
}
