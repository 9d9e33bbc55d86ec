#include "rules/promql/test_script.h"

#include "exporter/base/parse.h"
#include "rules/promql/lexer_text.h"
#include "rules/promql/script_reader.h"
#include "rules/promql/script_variants.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr TimestampMs kMinute = 60'000;
// A typing error must not fill the memory, nor overflow a timestamp.
constexpr std::size_t kMostSamples = 20'000'000;
constexpr TimestampMs kLatest = 1'000'000'000'000'000;

// start(), end(), step() and range() mean something else when an instant is made a step of a range.
bool asks_about_the_query(const std::string& expression) {
  static const Result<Pattern> kFunctions = Pattern::make(R"(\b(start|end|range|step)\s*\(\s*\))");
  return kFunctions.ok() && kFunctions->search(expression);
}

class Script {
 public:
  ScriptReport run(std::string_view text) {
    for (const ScriptBlock& block : split_script(text)) {
      const std::size_t failures = report_.failures.size();
      line_ = block.line;
      std::string_view head = block.head;
      std::string_view word;
      next_word(head, word);
      const std::string command = to_lower(word);
      if (command == "clear") {
        series_.clear();
      } else if (command.starts_with("load")) {
        load(command, trim(head), block);
      } else if (command.starts_with("eval")) {
        const std::size_t before = report_.failures.size();
        ++report_.statements;
        if (const auto evaluation = reader_.evaluation(command, trim(head), block)) evaluate(*evaluation);
        ++(report_.failures.size() > before ? report_.failed : report_.passed);
        continue;
      } else {
        fail(fmt::format("expected load, clear or eval, got \"{}\"", word));
      }
      if (report_.failures.size() > failures) ++report_.failed;
    }
    return std::move(report_);
  }

 private:
  void fail(std::string message) { report_.failures.push_back({line_, std::move(message)}); }

  void load(std::string_view command, std::string_view gap_text, const ScriptBlock& block) {
    if (command == "load_with_nhcb") {
      fail(
          "load_with_nhcb makes native histograms, which are not supported; the samples are loaded as they "
          "are");
    } else if (command != "load") {
      return fail(fmt::format("expected load, clear or eval, got \"{}\"", command));
    }
    const std::optional<TimestampMs> gap = parse_script_time(gap_text);
    if (!gap) return fail(fmt::format("\"{}\" is not a duration", gap_text));
    const std::map<Labels, LoadedSeries> loaded = reader_.series(block);
    std::size_t most = 1;
    for (const auto& [labels, series] : loaded) {
      loaded_ += series.values.size();
      most = std::max(most, series.values.size());
    }
    if (loaded_ > kMostSamples) return fail(fmt::format("more than {} samples are loaded", kMostSamples));
    if (*gap > kLatest / static_cast<TimestampMs>(most)) return fail("the samples reach beyond the calendar");
    for (const auto& [labels, series] : loaded) {
      for (std::size_t i = 0; i < series.values.size(); ++i) {
        if (!series.values[i]) continue;
        const TimestampMs t = static_cast<TimestampMs>(i) * *gap;
        const bool starts = !series.starts.empty() && series.starts[i];
        series_.add(labels, {t, *series.values[i]}, starts ? t + *series.starts[i] : 0);
      }
    }
  }

  // As Prometheus' own runner has it: everything experimental is on.
  static Limits limits() {
    Limits limits;
    limits.delayed_name_removal = Features::all().delayed_name_removal;
    limits.start_timestamps = Features::all().start_timestamps;
    return limits;
  }

  void evaluate(const Evaluation& evaluation) {
    const Parsed parsed = parse(evaluation.expression, Features::all());
    if (!parsed.ok()) {
      return fail(fmt::format("the expression is wrong at {}: {}", parsed.errors.front().range.begin + 1,
                              parsed.errors.front().message));
    }
    Query query(parsed.expr, series_, limits());
    Result<Value> value = evaluation.range ? query.range(evaluation.start, evaluation.end,
                                                         std::chrono::milliseconds(evaluation.step))
                                           : query.instant(evaluation.start);
    if (evaluation.failure) return expect_failure(*evaluation.failure, value);
    if (!value)
      return fail(fmt::format("expected a result, got the error \"{}\"", value.error().to_string()));
    std::string difference = annotation_difference(evaluation, query);
    if (difference.empty()) difference = compare(evaluation.expected, *value);
    if (!difference.empty()) return fail(difference);
    if (!evaluation.range) variants(evaluation, parsed.expr);
  }

  void expect_failure(const ExpectedText& failure, const Result<Value>& value) {
    if (value) return fail("expected a failure, got a result");
    const std::string& message = value.error().message();
    if (failure.matches(message)) return;
    fail(fmt::format("expected the message {}, got \"{}\"", failure.to_string(), message));
  }

  static std::string annotation_difference(const Evaluation& evaluation, const Query& query) {
    std::vector<std::string> warnings, infos;
    for (const Annotation& annotation : query.annotations()) {
      (annotation.kind == Annotation::Kind::warning ? warnings : infos).push_back(annotation.text);
    }
    std::string difference = texts_difference("warning", evaluation.warnings, warnings);
    return difference.empty() ? texts_difference("info", evaluation.infos, infos) : difference;
  }

  // Each expectation is met, and once there is one each annotation is expected.
  static std::string texts_difference(std::string_view kind, const ExpectedAnnotations& expected,
                                      const std::vector<std::string>& got) {
    std::string all;
    for (const std::string& text : got) all += fmt::format("\n    {}", text);
    if (expected.none && !got.empty()) return fmt::format("expected no {}, got:{}", kind, all);
    if (expected.texts.empty()) return {};
    for (const ExpectedText& wanted : expected.texts) {
      const bool met =
          std::any_of(got.begin(), got.end(), [&](const std::string& text) { return wanted.matches(text); });
      if (!met) {
        return fmt::format("expected the {} {}, got {}", kind, wanted.to_string(),
                           got.empty() ? "none" : all);
      }
    }
    for (const std::string& text : got) {
      const bool wanted = std::any_of(expected.texts.begin(), expected.texts.end(),
                                      [&](const ExpectedText& e) { return e.matches(text); });
      if (!wanted) return fmt::format("expected no other {}, got {}", kind, text);
    }
    return {};
  }

  // The same result must come when the evaluation time is fixed by @ and when the instant is a step of a
  // range query.
  void variants(const Evaluation& evaluation, const ExprPtr& expr) {
    const TimestampMs t = evaluation.start;
    if (!as_step(evaluation, expr, t, "")) return;
    if (depends_on_time(*expr)) return;
    const ExprPtr pinned = pin(expr, t);
    std::vector<TimestampMs> instants = {-10 * t, 0, t / 5, t, 10 * t};
    if (t == 0) instants = {-1000, 0, 1000};
    for (const TimestampMs other : instants) {
      const std::string what = fmt::format("pinned by @ and evaluated at {} ms: ", other);
      Query query(pinned, series_, limits());
      Result<Value> value = query.instant(other);
      std::string difference =
          value ? annotation_difference(evaluation, query)
                : fmt::format("expected a result, got the error \"{}\"", value.error().to_string());
      if (difference.empty()) difference = compare(evaluation.expected, *value);
      if (!difference.empty()) return fail(what + difference);
      if (!as_step(evaluation, pinned, other, what)) return;
    }
  }

  bool as_step(const Evaluation& evaluation, const ExprPtr& expr, TimestampMs t, const std::string& what) {
    if (evaluation.expected.ordered || expr->type == ValueType::string || expr->type == ValueType::matrix ||
        asks_about_the_query(evaluation.expression)) {
      return true;
    }
    Query query(expr, series_, limits());
    Result<Value> value = query.range(t - kMinute, t + kMinute, std::chrono::minutes(1));
    std::string difference;
    if (!value) {
      difference = fmt::format("expected a result, got the error \"{}\"", value.error().to_string());
    } else {
      difference =
          compare(evaluation.expected, at_step(std::get<Matrix>(*value), t, expr->type == ValueType::scalar));
    }
    if (difference.empty()) return true;
    fail(fmt::format("{}as a step of a range query: {}", what, difference));
    return false;
  }

  TestSeries series_;
  std::size_t loaded_ = 0;
  ScriptReport report_;
  ScriptReader reader_{report_.failures};
  std::size_t line_ = 0;
};

}  // namespace

ScriptReport run_script(std::string_view text) { return Script().run(text); }

}  // namespace chiron::promql
