#include "rules/promql/promql.h"
#include "tests/support/fake_clock.h"
#include "tests/support/series_fixture.h"

#include <map>
#include <set>
#include <string>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

using chiron::testing::FakeClock;
using chiron::testing::SeriesFixture;
using std::chrono::minutes;
using std::chrono::seconds;

ExprPtr parsed(std::string_view text) {
  Parsed result = parse(text);
  EXPECT_TRUE(result.ok()) << text;
  return result.expr;
}

std::string text_of(const Result<Value>& value) {
  if (!value) return "error: " + value.error().to_string();
  if (const auto* scalar = std::get_if<Scalar>(&*value)) return format_value(scalar->v);
  std::string out;
  if (const auto* vector = std::get_if<Vector>(&*value)) {
    for (const VectorSample& s : *vector) out += s.labels.to_string() + " " + format_value(s.v) + "\n";
  } else if (const auto* matrix = std::get_if<Matrix>(&*value)) {
    for (const MatrixSeries& s : *matrix) {
      out += s.labels.to_string();
      for (const Sample& sample : s.samples) out += fmt::format(" {}@{}", format_value(sample.v), sample.t);
      out += "\n";
    }
  }
  return out;
}

TEST(Query, ReadsTheStore) {
  SeriesFixture host;
  host.load(0, 15'000, {R"(errors_total{service="web"} 0+15x20)", R"(errors_total{service="db"} 0x20)"});
  Query query(parsed(R"(round(sum by (service) (rate(errors_total[2m])), 0.001) > 0)"), host.store());
  EXPECT_EQ(text_of(query.instant(300'000)), "{service=\"web\"} 1\n");
}

TEST(Query, SeesSeriesThatAppearAndEnd) {
  SeriesFixture host;
  host.load(0, 10'000, {R"(up{job="a"} 1x3)"});
  Query query(parsed("count(up)"), host.store());
  EXPECT_EQ(text_of(query.instant(30'000)), "{} 1\n");
  host.load(40'000, 10'000, {R"(up{job="b"} 1)", R"(up{job="c"} 1 _)"});
  EXPECT_EQ(text_of(query.instant(40'000)), "{} 3\n");
  host.load(50'000, 10'000, {R"(other 1)"});
  EXPECT_EQ(text_of(query.instant(50'000)), "{} 1\n") << "b and c are not in their stream's next frame";
  EXPECT_EQ(query.sources().size(), 3u);
}

TEST(Query, SaysWhatItReads) {
  SeriesFixture host;
  host.load(0, 1000, {"a 1", R"(b{c="d"} 1)"});
  Query query(parsed(R"(a + rate(none{x="y"}[10m] offset 5m) / max_over_time(b[1h:1m]) > scalar(a))"),
              host.store());
  EXPECT_EQ(query.sources().size(), 2u);
  EXPECT_EQ(query.unmatched_selectors(), std::vector<std::string>{R"(none{x="y"})"});
  EXPECT_EQ(query.reach(), minutes(65));
  EXPECT_EQ(Query(parsed("a"), host.store()).reach(), minutes(5));
  EXPECT_EQ(Query(parsed("a offset -10m"), host.store()).reach(), minutes(0));
  EXPECT_EQ(Query(parsed("a[7m]"), host.store(), {.lookback = minutes(1)}).reach(), minutes(7));
}

TEST(Query, StopsAtTheSampleLimit) {
  SeriesFixture host;
  host.load(0, 1000, {R"(a{i="1"} 0+1x99)", R"(a{i="2"} 0+1x99)"});
  Query query(parsed("sum_over_time(a[10m])"), host.store(), {.max_samples = 150});
  const Result<Value> value = query.instant(99'000);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::exhausted);
  EXPECT_EQ(value.error().message(),
            "query processing would load too many samples into memory in query execution");
  EXPECT_EQ(text_of(query.instant(9'000)), "{i=\"1\"} 45\n{i=\"2\"} 45\n")
      << "a smaller one still works afterwards";
  EXPECT_FALSE(
      Query(parsed("sum_over_time(vector(1)[1d:1s])"), host.store(), {.max_samples = 1000}).instant(0).ok());
}

TEST(Query, LabelSetsCountAgainstTheSampleLimit) {
  SeriesFixture host;
  Query query(parsed(R"(count(count_over_time(count_values("v", vector(time()))[1000s:1s])))"), host.store(),
              {.max_samples = 6000});
  const Result<Value> value = query.instant(1'000'000);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::exhausted);
}

// Counts the looks at the deadline.
class WatchedClock final : public Clock {
 public:
  WallTime wall() const override { return system_clock().wall(); }
  BootTime boot() const override {
    ++looks_;
    return system_clock().boot();
  }
  const std::string& boot_id() const override { return system_clock().boot_id(); }
  int looks() const { return looks_; }

 private:
  mutable int looks_ = 0;
};

// Labels that name each other grow by eight at each call around another.
std::string nested(std::string_view expression, std::string_view with, int times) {
  std::string text(expression);
  for (int i = 0; i < times; ++i) text = fmt::format(fmt::runtime(with), text);
  return text;
}

TEST(Query, MadeLabelValuesHaveAnEnd) {
  SeriesFixture host;
  host.load(0, 1000, {R"(up{job="node"} 1)"});
  for (const std::string_view with :
       {R"x(label_join({},"job","","job","job","job","job","job","job","job","job"))x",
        R"x(label_replace({},"job","$0$0$0$0$0$0$0$0","job",".*"))x"}) {
    EXPECT_TRUE(Query(parsed(nested("up", with, 4)), host.store()).instant(0).ok()) << with;
    const Result<Value> value = Query(parsed(nested("up", with, 14)), host.store()).instant(0);
    ASSERT_FALSE(value.ok());
    EXPECT_EQ(value.error().code(), ErrorCode::exhausted);
    EXPECT_EQ(value.error().message(), R"(the value of label "job" would be longer than 65536 bytes)");
  }
}

// 50,000 bytes against an expression of thousands of instructions, which takes seconds.
TEST(Query, AMatchThatCouldNotBeStoppedIsRefused) {
  SeriesFixture host;
  host.load(0, 1000, {"a 1"});
  const std::string text =
      fmt::format(R"x(label_replace(label_replace(a, "l", "{}", "", ""), "m", "$1", "l", "{}"))x",
                  std::string(50'000, 'a'), "((a?){1000})*b");
  const Result<Value> value = Query(parsed(text), host.store()).instant(0);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::exhausted);
  EXPECT_EQ(value.error().message(),
            "the regular expression in label_replace() is too large for a value of 50000 bytes");
}

TEST(Query, LabelBytesCountAgainstTheSampleLimit) {
  SeriesFixture host;
  std::vector<std::string> lines;
  for (int i = 0; i < 200; ++i) lines.push_back(fmt::format(R"(a{{i="{:08}"}} 1)", i));
  host.load(0, 1000, lines);
  // 16,000 bytes for each series: 3.2 MB, and 200,000 samples.
  const std::string made =
      fmt::format(R"x(label_replace(a, "x", "{}", "i", ".*"))x", std::string(16'000, 'v'));
  const std::string unmade = fmt::format(R"x(label_replace({}, "x", "", "i", ".*"))x", made);
  EXPECT_TRUE(Query(parsed("count(" + made + ")"), host.store(), {.max_samples = 250'000}).instant(0).ok());
  for (const std::string& text : {"count(" + made + ")", unmade}) {
    for (const bool range : {false, true}) {
      Query query(parsed(text), host.store(), {.max_samples = 150'000});
      const Result<Value> value = range ? query.range(0, 1000, seconds(1)) : query.instant(0);
      ASSERT_FALSE(value.ok());
      EXPECT_EQ(value.error().code(), ErrorCode::exhausted);
      EXPECT_EQ(query.label_sets().size(), 0u) << "given back";
    }
  }
  // In a result the labels are there once more.
  EXPECT_FALSE(Query(parsed(made), host.store(), {.max_samples = 250'000}).instant(0).ok());
  EXPECT_FALSE(Query(parsed(made), host.store(), {.max_samples = 250'000}).range(0, 0, seconds(1)).ok());
  EXPECT_TRUE(Query(parsed(made), host.store(), {.max_samples = 500'000}).instant(0).ok());
}

// Each operator keeps some numbers for every label set there is, however few it works on.
TEST(Query, TablesOfLabelSetsCountAgainstTheSampleLimit) {
  SeriesFixture host;
  host.load(5'000'000, 1000, {"a 1"});
  const std::string sets = R"(count(count_over_time(count_values("v", vector(time()))[2000s:1s])))";
  std::string sums = "a";
  for (int i = 0; i < 100; ++i) sums += " + a";
  const Limits limits{.max_samples = 60'000};
  EXPECT_TRUE(Query(parsed(sets + " + 1"), host.store(), limits).instant(5'000'000).ok());
  const Result<Value> value =
      Query(parsed(sets + " * on () group_left () (" + sums + ")"), host.store(), limits).instant(5'000'000);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::exhausted);
}

TEST(Query, JoiningManyLabelsEndsAtItsDeadline) {
  SeriesFixture host;
  host.load(0, 1000, {"a 1"});
  std::string text = R"(label_join(a, "x", "")";
  for (int i = 0; i < 200'000; ++i) text += R"(, "none")";
  CancelToken cancel;
  const WatchedClock clock;
  Query query(parsed(text + ")"), host.store(), {.clock = &clock});
  EXPECT_TRUE(query.instant(0, &cancel).ok());
  EXPECT_GE(clock.looks(), 4);
}

TEST(Query, StopsAtItsDeadline) {
  SeriesFixture host;
  FakeClock clock;
  // Each look at the clock takes a second here.
  class SlowClock final : public Clock {
   public:
    explicit SlowClock(FakeClock& fake) : clock_(fake) {}
    WallTime wall() const override { return clock_.wall(); }
    BootTime boot() const override {
      clock_.advance(seconds(1));
      return clock_.boot();
    }
    const std::string& boot_id() const override { return clock_.boot_id(); }

   private:
    FakeClock& clock_;
  };
  const SlowClock slow(clock);
  Query query(parsed("count_over_time(vector(time())[1000d:1s])"), host.store(),
              {.timeout = seconds(3), .clock = &slow});
  const Result<Value> value = query.instant(0);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::timed_out);
  EXPECT_EQ(value.error().message(), "query timed out in expression evaluation");
}

TEST(Query, CanBeCancelled) {
  SeriesFixture host;
  CancelToken cancel;
  cancel.cancel();
  Query query(parsed("count_over_time(vector(time())[1000d:1s])"), host.store());
  const Result<Value> value = query.instant(0, &cancel);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code(), ErrorCode::cancelled);
}

TEST(Query, LooksAtItsDeadlineOften) {
  SeriesFixture host;
  std::vector<std::string> lines;
  for (int i = 0; i < 6'000; ++i) lines.push_back(fmt::format(R"(a{{i="{}",x="y"}} {}+1x9)", i, i));
  lines.push_back("b 1x20000");
  host.load(0, 10'000, lines);
  for (const char* text : {
           "a",
           "sort(a)",
           "topk(6000, a)",
           "-a",
           "abs(a) > 1",
           "a + a",
           "a * on (x) group_left () count by (x) (a)",
           "a or a",
           "a unless on (i) a",
           "sum by (i) (a)",
           "quantile by (x) (0.5, a)",
           R"(count_values("v", a))",
           R"x(label_replace(a, "j", "$1-$1", "i", "(.*)"))x",
           R"(label_join(a, "j", "-", "i", "x"))",
           "rate(a[2m])",
           "sum_over_time(a[1m:10s])",
           "deriv(b[2d] @ 200000)",
           "timestamp(a)",
           "histogram_quantile(0.9, a)",
       }) {
    for (const bool range : {false, true}) {
      const WatchedClock clock;
      Query query(parsed(text), host.store(), {.clock = &clock});
      const Result<Value> value = range ? query.range(80'000, 90'000, seconds(10)) : query.instant(90'000);
      EXPECT_TRUE(value.ok()) << text_of(value);
      // For the deadline, at the first series, and after every 4096 of the 6,000 or more there are to work
      // on.
      EXPECT_GE(clock.looks(), 3) << text;
    }
  }
}

TEST(Query, LooksAtItsDeadlineWhileItSorts) {
  SeriesFixture host;
  std::vector<std::string> lines;
  for (int i = 0; i < 6'000; ++i) lines.push_back(fmt::format(R"(a{{i="{}"}} {})", (i * 7919) % 6'000, i));
  host.load(0, 10'000, lines);
  const auto looks = [&](std::string_view text) {
    const WatchedClock clock;
    EXPECT_TRUE(Query(parse(text, Features::all()).expr, host.store(), {.clock = &clock}).instant(0).ok());
    return clock.looks();
  };
  const int unsorted = looks("a");
  // 6,000 elements take some 70,000 comparisons.
  EXPECT_GE(looks("sort(a)"), unsorted + 8);
  EXPECT_GE(looks(R"(sort_by_label_desc(a, "i"))"), unsorted + 8);
}

// Label sets made by count_values would pile up; once there are too many they are all forgotten, and with
// them what nodes remember about them.
TEST(Query, ForgetsLabelSetsWithoutMixingThemUp) {
  SeriesFixture host;
  host.load(0, 1000, {R"(a{i="1"} 1x20000)", R"(a{i="2"} 2x20000)"});
  Query query(parsed(R"(sum by (i) (a) * on (i) group_left (v) count_values by (i) ("v", a * 0 + time()))"),
              host.store());
  for (TimestampMs t = 0; t < 10'000; ++t) {
    ASSERT_EQ(text_of(query.instant(t)), fmt::format("{{i=\"1\", v=\"{0}\"}} 1\n{{i=\"2\", v=\"{0}\"}} 2\n",
                                                     format_value(static_cast<double>(t) / 1000)));
  }
}

TEST(Query, KeepsItsErrorsToOneEvaluation) {
  SeriesFixture host;
  host.load(0, 60'000, {R"(a{i="1"} 1 1)", R"(a{i="2"} 1 _)", R"(b 2 2)"});
  Query query(parsed("b * on () a"), host.store());
  EXPECT_FALSE(query.instant(0).ok());
  EXPECT_EQ(text_of(query.instant(60'000)), "{} 2\n");
}

TEST(Query, AnswersRanges) {
  SeriesFixture host;
  host.load(0, 60'000, {R"(a{i="2"} 1 2 3)", R"(a{i="1"} 5 _ 7)"});
  Query query(parsed("a"), host.store());
  EXPECT_EQ(text_of(query.range(0, 120'000, minutes(1))),
            "a{i=\"1\"} 5@0 7@120000\na{i=\"2\"} 1@0 2@60000 3@120000\n");
  EXPECT_EQ(text_of(Query(parsed("time()"), host.store()).range(0, 3000, seconds(2))), "{} 0@0 2@2000\n");
  EXPECT_EQ(text_of(Query(parsed("a @ end()"), host.store()).range(0, 120'000, minutes(2))),
            "a{i=\"1\"} 7@0 7@120000\na{i=\"2\"} 3@0 3@120000\n");
  EXPECT_EQ(text_of(query.range(0, 1000, Duration(0))),
            "error: zero or negative query resolution step widths are not accepted");
  EXPECT_EQ(
      text_of(Query(parsed("a[1m]"), host.store()).range(0, 1000, seconds(1))),
      "error: invalid expression type \"range vector\" for range query, must be Scalar or instant Vector");
}

using Elements = std::set<std::string>;

std::string line_of(const Labels& labels, double value) {
  return labels.to_string() + " " + format_value(value);
}

// Every step of the range has what an instant query there has. Both may fail alike.
void expect_steps_as_instants(const std::string& text, const SeriesReader& reader, const Limits& limits,
                              TimestampMs start, TimestampMs end, TimestampMs step) {
  const Parsed parsed = parse(text, Features::all());
  ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.errors.front().message;
  const Result<Value> matrix =
      Query(parsed.expr, reader, limits).range(start, end, std::chrono::milliseconds(step));
  ASSERT_TRUE(matrix.ok()) << text << ": " << matrix.error().to_string();
  std::map<TimestampMs, Elements> steps;
  for (const MatrixSeries& series : std::get<Matrix>(*matrix)) {
    for (const Sample& sample : series.samples) steps[sample.t].insert(line_of(series.labels, sample.v));
  }
  EXPECT_FALSE(steps.empty()) << text << " has nothing at all";
  Query instant(parsed.expr, reader, limits);
  for (TimestampMs t = start; t <= end; t += step) {
    const Result<Value> value = instant.instant(t);
    ASSERT_TRUE(value.ok()) << text << ": " << value.error().to_string();
    Elements elements;
    if (const auto* scalar = std::get_if<Scalar>(&*value)) {
      elements.insert(line_of(Labels(), scalar->v));
    } else {
      for (const VectorSample& one : std::get<Vector>(*value)) elements.insert(line_of(one.labels, one.v));
    }
    ASSERT_EQ(steps[t], elements) << text << " at " << t;
  }
}

// Reading ahead, keeping the points of subqueries, and all that nodes keep from step to step must not show.
TEST(Query, ARangeHasWhatInstantsHave) {
  SeriesFixture host;
  host.load(3, 7000,
            {R"(a{i="1"} 0+1x700 1x20 _x100 5+2x300)", R"(a{i="2"} 1 _x3 2 _x90 3-1x900)",
             R"(a{i="3"} _x500 7x40 NaN Inf 8x200)", "b 1+3x1100", R"(c_bucket{le="1"} 0+1x1100)",
             R"(c_bucket{le="+Inf"} 0+3x1100)", R"(d_info{job="j",instance="k",v="1"} 1x500 _x20 1x500)",
             R"(d_info{job="j",instance="k",v="2"} _x505 1x10)", R"(e{job="j",instance="k"} 0+1x1100)"});
  for (const char* text :
       {"a", "a offset 3m", "a offset -3m", "a @ 3000", "timestamp(a)", "rate(a[1m])",
        "rate(a[30m] offset 1m)", "sum_over_time(a[20s] @ 4000)", "max_over_time(rate(a[2m])[11m:40s])",
        "count_over_time(a[9m:1m] offset 2m)", "sum_over_time(avg_over_time(a[3m:20s])[10m:1m])",
        "last_over_time(a[5m:1m] @ 2000)",
        "sum_over_time(a[1m:30s]) / on () group_left () count_over_time(b[1m:30s])",
        "absent_over_time(a{i=\"3\"}[2m])", "absent(a{i=\"3\"})", "quantile_over_time(0.5, a[3m])",
        "predict_linear(a[4m], 60)", "deriv(a[4m:20s])", "resets(a[5m]) + changes(a[5m])",
        "scalar(b) + time()", "-a", "a > 5", "a > bool 5", "a + on (i) a", "a or b", "a and (a > 5)",
        "a unless (a > 5)", "topk(2, a)", "bottomk(1, a)", "quantile(0.3, a)", "count_values(\"v\", a)",
        "sum by (i) (a) + stddev by (i) (a)", "clamp(a, 2, 5)", "minute(a)",
        "label_replace(a, \"j\", \"$1x\", \"i\", \"(.*)\")",
        "label_join(a, \"j\", \"-\", \"i\", \"__name__\")", "histogram_quantile(0.4, rate(c_bucket[2m]))",
        "histogram_fraction(0, 1, c_bucket)",
        // Experimental.
        "a smoothed", "a smoothed offset 1m", "rate(a[2m] anchored)", "increase(a[2m] smoothed)",
        "delta(a[3m] smoothed offset 30s)", "changes(a[3m] anchored) + resets(a[3m] anchored)",
        "a + on (i) fill (0) (a > 5)", "a * on (i) group_left () fill_right (2) (a > 5)", "limitk(2, a)",
        "limit_ratio(0.5, a) or limit_ratio(-0.5, a)", "mad_over_time(a[5m])",
        "double_exponential_smoothing(a[5m], 0.5, 0.1)",
        "ts_of_max_over_time(a[5m]) - ts_of_min_over_time(a[5m])",
        "ts_of_first_over_time(a[5m]) - ts_of_last_over_time(a[5m])", "first_over_time(a[5m])",
        "histogram_quantiles(c_bucket, \"q\", 0.1, scalar(b) / 10000)",
        "info(e, {__name__=\"d_info\", v=~\".+\"})", "start_timestamp(a)",
        "min_of(scalar(b), 3) + max_of(time(), scalar(b))", "sum_over_time(a[1m + 30s])",
        "max_over_time(a[2 * max_of(1m, 20s):min_of(10s, 1h)] offset -(5s + 1s))"}) {
    for (const bool delayed : {false, true}) {
      expect_steps_as_instants(text, host.store(),
                               {.delayed_name_removal = delayed, .start_timestamps = true}, 1000, 7'801'000,
                               delayed ? 97'000 : 23'000);
    }
  }
}

// A range with @ end() has the same at every step.
TEST(Query, TheQuerysOwnBoundsStayInARange) {
  SeriesFixture host;
  host.load(0, 7000, {"a 0+1x100"});
  for (const char* text : {"a @ end()", "sum_over_time(a[20s] @ start())"}) {
    const Result<Value> value = Query(parsed(text), host.store()).range(70'000, 700'000, seconds(70));
    ASSERT_TRUE(value.ok());
    const Matrix& matrix = std::get<Matrix>(*value);
    ASSERT_EQ(matrix.size(), 1u) << text;
    ASSERT_EQ(matrix[0].samples.size(), 10u) << text;
    for (const Sample& sample : matrix[0].samples) EXPECT_EQ(sample.v, matrix[0].samples[0].v) << text;
  }
}

TEST(Query, GivesElementsWithoutCopyingLabels) {
  SeriesFixture host;
  host.load(0, 1000, {R"(a{i="1"} 1 2)", R"(a{i="2"} 3 4)"});
  Query query(parsed("sum by (i) (a)"), host.store());
  const auto first = query.elements(0);
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->size(), 2u);
  const SetId one = (*first)[0].labels;
  EXPECT_EQ(query.label_sets()[one].to_string(), R"({i="1"})");
  const auto second = query.elements(1000);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ((*second)[0].labels, one) << "the same number for the same labels";
  EXPECT_EQ((*second)[0].v, 2);
  const auto scalar = Query(parsed("1 + 1"), host.store()).elements(0);
  ASSERT_TRUE(scalar.ok());
  EXPECT_FALSE(Query(parsed("a[1m]"), host.store()).elements(0).ok());
}

TEST(Query, ComesSortedByLabelsFromAStore) {
  SeriesFixture host;
  host.load(0, 1000, {R"(a{i="2"} 1)", R"(a{i="1"} 1)"});
  EXPECT_EQ(text_of(Query(parsed("a"), host.store()).instant(0)), "a{i=\"1\"} 1\na{i=\"2\"} 1\n");
}

TEST(Query, GivesSamplesAsTheyAre) {
  SeriesFixture host;
  host.load(1000, 1000, {"a 1 2 3"});
  EXPECT_EQ(text_of(Query(parsed("a[2s]"), host.store()).instant(3000)), "a 2@2000 3@3000\n");
  EXPECT_EQ(text_of(Query(parsed("a"), host.store()).instant(2500)), "a 2\n");
}

// Every function of the table evaluates over an ordinary series.
TEST(Query, EvaluatesEveryFunctionOfTheTable) {
  SeriesFixture host;
  host.load(0, 1000, {R"(a{le="1"} 1+1x9)", R"(a{le="+Inf"} 1+1x9)"});
  for (const FunctionInfo& function : functions()) {
    std::string arguments;
    for (const ValueType type : function.arguments) {
      if (!arguments.empty()) arguments += ", ";
      arguments += type == ValueType::matrix ? "a[10s]"
                   : type == ValueType::vector
                       ? (function.name == "info" && !arguments.empty() ? "{x=\"y\"}" : "a")
                   : type == ValueType::scalar ? "0.5"
                                               : "\"x\"";
    }
    const std::string text = fmt::format("{}({})", function.name, arguments);
    const Parsed result = parse(text, Features::all());
    ASSERT_TRUE(result.ok()) << text << ": " << result.errors.front().message;
    EXPECT_EQ(result.type, function.result) << text;
    const Result<Value> value = Query(result.expr, host.store()).instant(9000);
    const bool fits = value.ok() || value.error().code() == ErrorCode::failed_precondition;
    EXPECT_TRUE(fits) << text << ": " << text_of(value);
  }
}

}  // namespace
}  // namespace chiron::promql
