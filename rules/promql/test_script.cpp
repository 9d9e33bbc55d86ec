#include "rules/promql/test_script.h"

#include "exporter/base/parse.h"
#include "rules/promql/lexer.h"
#include "rules/promql/lexer_text.h"
#include "rules/promql/script_compare.h"
#include "rules/promql/script_variants.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr TimestampMs kMinute = 60'000;

std::optional<TimestampMs> parse_time(std::string_view text) {
  const bool minus = text.starts_with('-');
  if (minus) text.remove_prefix(1);
  std::optional<TimestampMs> ms;
  if (const Result<Duration> duration = parse_duration(text)) {
    ms = std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count();
  } else if (const std::optional<double> seconds = parse_double(text); seconds && *seconds < 1e12) {
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

// A failure that is expected, and how its message is compared.
struct ExpectedFailure {
  std::optional<std::string> message;
  std::optional<Pattern> pattern;
};

struct Evaluation {
  bool range = false;
  TimestampMs start = 0, end = 0, step = 0;
  std::string expression;
  std::optional<ExpectedFailure> failure;
  Expected expected;
};

class Script {
 public:
  ScriptReport run(std::string_view text) {
    for (const Block& block : split(text)) {
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
        eval(command, trim(head), block);
      } else {
        fail(fmt::format("unknown command \"{}\"", word));
      }
    }
    return std::move(report_);
  }

 private:
  void fail(std::string message) { report_.failures.push_back({line_, std::move(message)}); }

  void load(std::string_view gap_text, const Block& block) {
    const std::optional<TimestampMs> gap = parse_time(gap_text);
    if (!gap) return fail(fmt::format("\"{}\" is not a duration", gap_text));
    for (const auto& [line, text] : block.body) {
      line_ = line;
      const Result<SeriesLine> parsed = parse_series_line(text);
      if (!parsed) {
        fail(parsed.error().message());
        continue;
      }
      for (std::size_t i = 0; i < parsed->values.size(); ++i) {
        if (parsed->values[i])
          series_.add(parsed->labels, {static_cast<TimestampMs>(i) * *gap, *parsed->values[i]});
      }
    }
  }

  void eval(const std::string& command, std::string_view head, const Block& block) {
    Evaluation evaluation;
    if (!times(head, evaluation)) return;
    evaluation.expression = std::string(head);
    if (command == "eval_fail") evaluation.failure.emplace();
    evaluation.expected.ordered = command == "eval_ordered";
    for (const auto& [line, text] : block.body) {
      line_ = line;
      if (!body_line(text, evaluation)) return;
    }
    line_ = block.line;
    ++report_.evaluations;
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
      evaluation.failure.emplace().message = std::string(trim(rest));
      return true;
    }
    if (word == "expected_fail_regexp") return fail_pattern(trim(rest), evaluation);
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

  bool fail_pattern(std::string_view text, Evaluation& evaluation) {
    Result<Pattern> pattern = Pattern::make(text);
    if (!pattern) {
      fail(pattern.error().to_string());
      return false;
    }
    evaluation.failure.emplace().pattern = *std::move(pattern);
    return true;
  }

  bool expectation(std::string_view text, Evaluation& evaluation) {
    std::string_view word;
    std::string_view rest = text;
    next_word(rest, word);
    rest = trim(rest);
    if (word == "ordered") {
      evaluation.expected.ordered = true;
    } else if (word == "fail") {
      evaluation.failure.emplace();
      if (rest.starts_with("msg:")) evaluation.failure->message = std::string(trim(rest.substr(4)));
      if (rest.starts_with("regex:")) return fail_pattern(trim(rest.substr(6)), evaluation);
    } else if (word == "string") {
      const std::vector<Token> tokens = lex(rest);
      if (tokens.front().kind != Tok::string) {
        fail("expect string needs a quoted string");
        return false;
      }
      evaluation.expected.text = tokens.front().value;
    } else if (word == "range") {
      return range_vector(rest, evaluation.expected);
    } else if (word != "warn" && word != "no_warn" && word != "info" && word != "no_info") {
      fail(fmt::format("unknown expectation \"{}\"", word));
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

  void evaluate(const Evaluation& evaluation) {
    const Parsed parsed = parse(evaluation.expression);
    if (!parsed.ok()) {
      return fail(fmt::format("the expression is wrong at {}: {}", parsed.errors.front().range.begin + 1,
                              parsed.errors.front().message));
    }
    Query query(parsed.expr, series_);
    Result<Value> value = evaluation.range ? query.range(evaluation.start, evaluation.end,
                                                         std::chrono::milliseconds(evaluation.step))
                                           : query.instant(evaluation.start);
    if (evaluation.failure) return expect_failure(*evaluation.failure, value);
    if (!value) return fail(value.error().to_string());
    if (std::string difference = compare(evaluation.expected, *value); !difference.empty())
      return fail(difference);
    if (!evaluation.range) variants(evaluation, parsed.expr);
  }

  void expect_failure(const ExpectedFailure& failure, const Result<Value>& value) {
    if (value) return fail("expected a failure, got a result");
    const std::string& message = value.error().message();
    if (failure.message && message != *failure.message) {
      return fail(fmt::format("expected the message \"{}\", got \"{}\"", *failure.message, message));
    }
    if (failure.pattern && !failure.pattern->search(message)) {
      fail(fmt::format("expected a message like /{}/, got \"{}\"", failure.pattern->expression(), message));
    }
  }

  // The same result must come when the evaluation time is fixed by @ and when the instant is a step of a
  // range query.
  void variants(const Evaluation& evaluation, const ExprPtr& expr) {
    const TimestampMs t = evaluation.start;
    if (!depends_on_time(*expr)) {
      const ExprPtr pinned = pin(expr, t);
      std::vector<TimestampMs> instants = {-10 * t, 0, t / 5, t, 10 * t};
      if (t == 0) instants = {-1000, 0, 1000};
      for (const TimestampMs other : instants) {
        Result<Value> value = Query(pinned, series_).instant(other);
        const std::string difference =
            value ? compare(evaluation.expected, *value) : value.error().to_string();
        if (!difference.empty())
          return fail(fmt::format("pinned by @ and evaluated at {} ms: {}", other, difference));
      }
    }
    if (evaluation.expected.ordered || expr->type == ValueType::string || expr->type == ValueType::matrix)
      return;
    Result<Value> value = Query(expr, series_).range(t - kMinute, t + kMinute, std::chrono::minutes(1));
    // Another step may fail for reasons of its own.
    if (!value) return;
    const Value middle = at_step(std::get<Matrix>(*value), t, expr->type == ValueType::scalar);
    if (std::string difference = compare(evaluation.expected, middle); !difference.empty()) {
      fail(fmt::format("as a step of a range query: {}", difference));
    }
  }

  TestSeries series_;
  ScriptReport report_;
  std::size_t line_ = 0;
};

}  // namespace

ScriptReport run_script(std::string_view text) { return Script().run(text); }

}  // namespace chiron::promql
