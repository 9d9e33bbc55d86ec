#include "rules/promql/script_reader.h"

#include "exporter/base/parse.h"
#include "rules/promql/lexer.h"
#include "rules/promql/lexer_text.h"
#include "rules/promql/numbers.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

std::vector<std::optional<TimestampMs>> cycled(const std::vector<std::optional<TimestampMs>>& offsets,
                                               std::size_t size) {
  std::vector<std::optional<TimestampMs>> out;
  for (std::size_t i = 0; !offsets.empty() && i < size; ++i) out.push_back(offsets[i % offsets.size()]);
  return out;
}

}  // namespace

std::string ExpectedText::to_string() const {
  if (exact) return fmt::format("\"{}\"", *exact);
  return pattern ? fmt::format("one like /{}/", pattern->expression()) : "any";
}

std::optional<TimestampMs> parse_script_time(std::string_view text) {
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

std::vector<ScriptBlock> split_script(std::string_view text) {
  std::vector<ScriptBlock> blocks;
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

void ScriptReader::starts_are_alone(const std::optional<StartsLine>& starts, std::size_t line) {
  if (!starts) return;
  line_ = line;
  fail("the line of start timestamps has no line of samples after it");
}

std::map<Labels, LoadedSeries> ScriptReader::series(const ScriptBlock& block) {
  std::map<Labels, LoadedSeries> out;
  std::optional<StartsLine> starts;
  std::vector<std::optional<TimestampMs>> defaults;
  std::size_t starts_line = 0;
  for (const auto& [line, text] : block.body) {
    line_ = line;
    if (is_starts_line(text)) {
      starts_are_alone(starts, starts_line);
      Result<StartsLine> parsed = parse_starts_line(text);
      starts_line = line;
      starts.reset();
      if (!parsed) {
        fail(parsed.error().message());
      } else if (parsed->labels.empty()) {
        defaults = std::move(parsed->offsets);
      } else {
        starts = *std::move(parsed);
      }
      continue;
    }
    Result<SeriesLine> parsed = parse_series_line(text);
    if (!parsed) {
      fail(parsed.error().message());
      starts.reset();
      continue;
    }
    if (parsed->unsupported) fail(parsed->unsupported->message());
    LoadedSeries& loaded = out[parsed->labels] = {std::move(parsed->values), {}};
    if (!starts) {
      loaded.starts = cycled(defaults, loaded.values.size());
      continue;
    }
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
  starts_are_alone(starts, starts_line);
  return out;
}

std::optional<Evaluation> ScriptReader::evaluation(const std::string& command, std::string_view head,
                                                   const ScriptBlock& block) {
  line_ = block.line;
  expects_fail_ = false;
  Evaluation evaluation;
  if (!times(head, evaluation)) return std::nullopt;
  evaluation.expression = std::string(head);
  if (command == "eval_fail") evaluation.failure.emplace();
  if (command == "eval_warn") evaluation.warnings.texts.emplace_back();
  if (command == "eval_info") evaluation.infos.texts.emplace_back();
  if (command != "eval" && command != "eval_fail" && command != "eval_warn" && command != "eval_info" &&
      command != "eval_ordered") {
    fail(fmt::format("expected eval, got \"{}\"", command));
    return std::nullopt;
  }
  evaluation.expected.ordered = command == "eval_ordered";
  for (const auto& [line, text] : block.body) {
    line_ = line;
    if (!body_line(text, evaluation)) return std::nullopt;
  }
  return evaluation;
}

// Takes the words up to the expression off the head line.
bool ScriptReader::times(std::string_view& head, Evaluation& out) {
  std::string_view kind;
  next_word(head, kind);
  out.range = kind == "range";
  if (kind != "range" && kind != "instant") {
    fail("expected eval instant or eval range");
    return false;
  }
  head = trim(head);
  if (!out.range) {
    if (!time_after("at", head, out.start)) return false;
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

bool ScriptReader::time_after(std::string_view word, std::string_view& head, TimestampMs& out) {
  std::string_view found, text;
  next_word(head, found);
  next_word(head, text);
  head = trim(head);
  const std::optional<TimestampMs> time = parse_script_time(text);
  if (found == word && time) {
    out = *time;
    return true;
  }
  fail(fmt::format("expected \"{}\" and a time, got \"{} {}\"", word, found, text));
  return false;
}

bool ScriptReader::body_line(std::string_view text, Evaluation& evaluation) {
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
    if (const std::optional<double> value = parse_go_number(text)) {
      evaluation.expected.scalar = *value;
      return true;
    }
  }
  Result<SeriesLine> parsed = parse_series_line(text);
  if (!parsed) {
    fail(parsed.error().message());
    return false;
  }
  if (parsed->unsupported) {
    fail(parsed->unsupported->message());
    return false;
  }
  evaluation.expected.series.push_back(*std::move(parsed));
  return true;
}

bool ScriptReader::pattern(std::string_view text, ExpectedText& out) {
  Result<Pattern> made = Pattern::make(text);
  if (!made) {
    fail(made.error().to_string());
    return false;
  }
  out.pattern = *std::move(made);
  return true;
}

// Nothing, or `msg: TEXT`, or `regex: RE`.
bool ScriptReader::expected_text(std::string_view text, ExpectedText& out) {
  if (text.empty()) return true;
  if (text.starts_with("regex:")) return pattern(trim(text.substr(6)), out);
  if (text.starts_with("msg:")) {
    out.exact = std::string(trim(text.substr(4)));
    return true;
  }
  fail(fmt::format("expected msg: or regex:, got \"{}\"", text));
  return false;
}

bool ScriptReader::expectation(std::string_view text, Evaluation& evaluation) {
  std::string_view word;
  std::string_view rest = text;
  next_word(rest, word);
  rest = trim(rest);
  if (word == "ordered") {
    evaluation.expected.ordered = true;
  } else if (word == "fail") {
    if (std::exchange(expects_fail_, true)) {
      fail("expect fail may come once");
      return false;
    }
    return expected_text(rest, evaluation.failure.emplace());
  } else if (word == "warn" || word == "no_warn") {
    return annotations(word, rest, evaluation.warnings);
  } else if (word == "info" || word == "no_info") {
    return annotations(word, rest, evaluation.infos);
  } else if (word == "string") {
    const std::vector<Token> tokens = lex(rest);
    if (tokens.front().kind != Tok::string) {
      fail("expect string needs a quoted string");
      return false;
    }
    evaluation.expected.text = tokens.front().value;
  } else if (word == "range") {
    return range_vector(rest, evaluation);
  } else {
    fail(fmt::format("expected ordered, fail, warn, no_warn, info, no_info, string or range, got \"{}\"",
                     word));
    return false;
  }
  return true;
}

bool ScriptReader::annotations(std::string_view word, std::string_view rest, ExpectedAnnotations& out) {
  if (word.starts_with("no_")) {
    out.none = true;
  } else if (!expected_text(rest, out.texts.emplace_back())) {
    return false;
  }
  if (!out.none || out.texts.empty()) return true;
  const std::string_view kind = word.substr(word.find('_') + 1);
  fail(fmt::format("{0} and no_{0} cannot be expected together", kind));
  return false;
}

// The query is evaluated at the end of the range.
bool ScriptReader::range_vector(std::string_view rest, Evaluation& evaluation) {
  std::string_view word;
  next_word(rest, word);
  rest = trim(rest);
  Expected& expected = evaluation.expected;
  expected.matrix = true;
  if (!time_after("from", rest, expected.start) || !time_after("to", rest, expected.end) ||
      !time_after("step", rest, expected.step)) {
    return false;
  }
  evaluation.start = evaluation.end = expected.end;
  return true;
}

}  // namespace chiron::promql
