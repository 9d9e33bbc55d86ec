#include "rules/promql/test_script.h"

#include "exporter/base/parse.h"
#include "rules/promql/lexer.h"
#include "rules/promql/lexer_text.h"
#include "rules/promql/script_compare.h"
#include "rules/promql/script_variants.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr TimestampMs kMinute = 60'000;
// A typing error must not fill the memory, nor overflow a timestamp.
constexpr std::size_t kMostSamples = 20'000'000;
constexpr TimestampMs kLatest = 1'000'000'000'000'000;

std::optional<TimestampMs> parse_time(std::string_view text) {
  const bool minus = text.starts_with('-');
  if (minus) text.remove_prefix(1);
  std::optional<TimestampMs> ms;
  if (const Result<Duration> duration = parse_duration(text)) {
    ms = std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count();
  } else if (const std::optional<double> seconds = parse_double(text);
             seconds && std::fabs(*seconds) < 1e12) {
    ms = static_cast<TimestampMs>(*seconds * 1000);
  }
  return ms && minus ? std::optional(-*ms) : ms;
}

struct Block {
  std::size_t line = 0;
  std::string_view head;
  std::vector<std::pair<std::size_t, std::string_view>> body;
};

std::vector<Block> split(std::string_view text) {
  std::vector<Block> blocks;
  bool open = false;
  std::size_t number = 0;
  for (std::string_view line; next_line(text, line);) {
    ++number;
    line = trim(line);
    if (line.empty() || line.front() == '#') {
      open = false;
    } else if (open) {
      blocks.back().body.emplace_back(number, line);
    } else {
      blocks.push_back({number, line, {}});
      const std::string word = to_lower(line.substr(0, 4));
      open = word == "load" || word == "eval";
    }
  }
  return blocks;
}

// What a failure's or an annotation's text is compared with; everything matches when nothing is given.
struct ExpectedText {
  std::optional<std::string> exact;
  std::optional<Pattern> pattern;

  bool matches(const std::string& text) const {
    return (!exact || text == *exact) && (!pattern || pattern->search(text));
  }
  std::string to_string() const {
    if (exact) return fmt::format("\"{}\"", *exact);
    return pattern ? fmt::format("one like /{}/", pattern->expression()) : "any";
  }
};

// What is said of the annotations of one kind.
struct ExpectedAnnotations {
  std::vector<ExpectedText> texts;
  bool none = false;
};

struct Evaluation {
  bool range = false;
  TimestampMs start = 0, end = 0, step = 0;
  std::string expression;
  std::optional<ExpectedText> failure;
  ExpectedAnnotations warnings, infos;
  Expected expected;
};

// One series of a load: its values, and start timestamps for all of them or none.
struct Loaded {
  std::vector<std::optional<double>> values;
  std::vector<std::optional<TimestampMs>> starts;
};

// start(), end(), step() and range() mean something else when an instant is made a step of a range.
bool asks_about_the_query(const std::string& expression) {
  static const Result<Pattern> kFunctions = Pattern::make(R"(\b(start|end|range|step)\s*\(\s*\))");
  return kFunctions.ok() && kFunctions->search(expression);
}

class Script {
 public:
  ScriptReport run(std::string_view text) {
    for (const Block& block : split(text)) {
      const std::size_t failures = report_.failures.size();
      line_ = block.line;
      std::string_view head = block.head;
      std::string_view word;
      next_word(head, word);
      const std::string command = to_lower(word);
      if (command == "clear") {
        series_.clear();
      } else if (command.starts_with("load")) {
        load(trim(head), block);
      } else if (command.starts_with("eval")) {
        const std::size_t before = report_.failures.size();
        ++report_.statements;
        eval(command, trim(head), block);
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

  void load(std::string_view gap_text, const Block& block) {
    const std::optional<TimestampMs> gap = parse_time(gap_text);
    if (!gap) return fail(fmt::format("\"{}\" is not a duration", gap_text));
    std::map<Labels, Loaded> loaded;
    read_series(block, loaded);
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

  // Of lines for the same series the last one counts.
  void read_series(const Block& block, std::map<Labels, Loaded>& out) {
    std::optional<StartsLine> starts;
    std::size_t starts_line = 0;
    const auto expect_no_starts = [&] {
      if (!starts) return;
      line_ = starts_line;
      fail("the line of start timestamps has no line of samples after it");
    };
    for (const auto& [line, text] : block.body) {
      line_ = line;
      if (is_starts_line(text)) {
        expect_no_starts();
        Result<StartsLine> parsed = parse_starts_line(text);
        starts_line = line;
        starts.reset();
        if (parsed) {
          starts = *std::move(parsed);
        } else {
          fail(parsed.error().message());
        }
        continue;
      }
      Result<SeriesLine> parsed = parse_series_line(text);
      if (!parsed) {
        fail(parsed.error().message());
        starts.reset();
        continue;
      }
      Loaded& loaded = out[parsed->labels] = {std::move(parsed->values), {}};
      if (!starts) continue;
      if (starts->labels != parsed->labels) {
        fail("the line of start timestamps before it is of another series");
      } else if (starts->offsets.size() != loaded.values.size()) {
        fail(fmt::format("{} start timestamps before it, but {} values", starts->offsets.size(),
                         loaded.values.size()));
      } else {
        loaded.starts = std::move(starts->offsets);
      }
      starts.reset();
    }
    expect_no_starts();
    line_ = block.line;
  }

  void eval(const std::string& command, std::string_view head, const Block& block) {
    Evaluation evaluation;
    if (!times(head, evaluation)) return;
    evaluation.expression = std::string(head);
    if (command == "eval_fail") evaluation.failure.emplace();
    if (command == "eval_warn") evaluation.warnings.texts.emplace_back();
    if (command == "eval_info") evaluation.infos.texts.emplace_back();
    if (command != "eval" && command != "eval_fail" && command != "eval_warn" && command != "eval_info" &&
        command != "eval_ordered") {
      return fail(fmt::format("expected eval, got \"{}\"", command));
    }
    evaluation.expected.ordered = command == "eval_ordered";
    for (const auto& [line, text] : block.body) {
      line_ = line;
      if (!body_line(text, evaluation)) return;
    }
    line_ = block.line;
    evaluate(evaluation);
  }

  // Takes the words up to the expression off the head line.
  bool times(std::string_view& head, Evaluation& out) {
    std::string_view kind;
    next_word(head, kind);
    out.range = kind == "range";
    if (kind != "range" && kind != "instant") {
      fail("expected eval instant or eval range");
      return false;
    }
    head = trim(head);
    if (!out.range) {
      if (head.starts_with("at ") && !time_after("at", head, out.start)) return false;
      out.end = out.start;
      return true;
    }
    if (!time_after("from", head, out.start) || !time_after("to", head, out.end) ||
        !time_after("step", head, out.step)) {
      return false;
    }
    out.expected.matrix = true;
    out.expected.start = out.start;
    out.expected.end = out.end;
    out.expected.step = out.step;
    return true;
  }

  bool time_after(std::string_view word, std::string_view& head, TimestampMs& out) {
    std::string_view found, text;
    next_word(head, found);
    next_word(head, text);
    head = trim(head);
    const std::optional<TimestampMs> time = parse_time(text);
    if (found == word && time) {
      out = *time;
      return true;
    }
    fail(fmt::format("expected \"{}\" and a time, got \"{} {}\"", word, found, text));
    return false;
  }

  bool body_line(std::string_view text, Evaluation& evaluation) {
    std::string_view rest = text;
    std::string_view word;
    next_word(rest, word);
    if (word == "expect") return expectation(trim(rest), evaluation);
    if (word == "expected_fail_message") {
      evaluation.failure.emplace().exact = std::string(trim(rest));
      return true;
    }
    if (word == "expected_fail_regexp") return pattern(trim(rest), evaluation.failure.emplace());
    if (trim(rest).empty()) {
      if (const auto value = parse_double(text.starts_with('+') ? text.substr(1) : text)) {
        evaluation.expected.scalar = *value;
        return true;
      }
    }
    Result<SeriesLine> parsed = parse_series_line(text);
    if (!parsed) {
      fail(parsed.error().message());
      return false;
    }
    evaluation.expected.series.push_back(*std::move(parsed));
    return true;
  }

  bool pattern(std::string_view text, ExpectedText& out) {
    Result<Pattern> made = Pattern::make(text);
    if (!made) {
      fail(made.error().to_string());
      return false;
    }
    out.pattern = *std::move(made);
    return true;
  }

  // Nothing, or `msg: TEXT`, or `regex: RE`.
  bool expected_text(std::string_view text, ExpectedText& out) {
    if (text.empty()) return true;
    if (text.starts_with("regex:")) return pattern(trim(text.substr(6)), out);
    if (text.starts_with("msg:")) {
      out.exact = std::string(trim(text.substr(4)));
      return true;
    }
    fail(fmt::format("expected msg: or regex:, got \"{}\"", text));
    return false;
  }

  bool expectation(std::string_view text, Evaluation& evaluation) {
    std::string_view word;
    std::string_view rest = text;
    next_word(rest, word);
    rest = trim(rest);
    if (word == "ordered") {
      evaluation.expected.ordered = true;
    } else if (word == "fail") {
      return expected_text(rest, evaluation.failure.emplace());
    } else if (word == "warn") {
      return expected_text(rest, evaluation.warnings.texts.emplace_back());
    } else if (word == "info") {
      return expected_text(rest, evaluation.infos.texts.emplace_back());
    } else if (word == "no_warn") {
      evaluation.warnings.none = true;
    } else if (word == "no_info") {
      evaluation.infos.none = true;
    } else if (word == "string") {
      const std::vector<Token> tokens = lex(rest);
      if (tokens.front().kind != Tok::string) {
        fail("expect string needs a quoted string");
        return false;
      }
      evaluation.expected.text = tokens.front().value;
    } else if (word == "range") {
      return range_vector(rest, evaluation.expected);
    } else {
      fail(fmt::format("expected ordered, fail, warn, no_warn, info, no_info, string or range, got \"{}\"",
                       word));
      return false;
    }
    return true;
  }

  bool range_vector(std::string_view rest, Expected& expected) {
    std::string_view word;
    next_word(rest, word);
    rest = trim(rest);
    expected.matrix = true;
    return time_after("from", rest, expected.start) && time_after("to", rest, expected.end) &&
           time_after("step", rest, expected.step);
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
  std::size_t line_ = 0;
};

}  // namespace

ScriptReport run_script(std::string_view text) { return Script().run(text); }

}  // namespace chiron::promql
