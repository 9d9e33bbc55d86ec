#pragma once

#include "rules/promql/script_compare.h"
#include "rules/promql/test_script.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::promql {

/// A statement of a test script: its first line, and those below it up to an empty one.
struct ScriptBlock {
  std::size_t line = 0;
  std::string_view head;
  std::vector<std::pair<std::size_t, std::string_view>> body;
};

std::vector<ScriptBlock> split_script(std::string_view text);

/// What a failure's or an annotation's text is compared with; everything matches when nothing is given.
struct ExpectedText {
  std::optional<std::string> exact;
  std::optional<Pattern> pattern;

  bool matches(const std::string& text) const {
    return (!exact || text == *exact) && (!pattern || pattern->search(text));
  }
  std::string to_string() const;
};

/// What is said of the annotations of one kind.
struct ExpectedAnnotations {
  std::vector<ExpectedText> texts;
  bool none = false;
};

/// An `eval` with all that is expected of it.
struct Evaluation {
  bool range = false;
  TimestampMs start = 0, end = 0, step = 0;
  std::string expression;
  std::optional<ExpectedText> failure;
  ExpectedAnnotations warnings, infos;
  Expected expected;
};

/// One series of a load: its values, and start timestamps for all of them or none.
struct LoadedSeries {
  std::vector<std::optional<double>> values;
  std::vector<std::optional<TimestampMs>> starts;
};

/// A time of a script in milliseconds: a duration, or a number of seconds.
std::optional<TimestampMs> parse_script_time(std::string_view text);

/// Reads statements; what is wrong with them is added to `failures`.
class ScriptReader {
 public:
  explicit ScriptReader(std::vector<ScriptFailure>& failures) : failures_(failures) {}

  /// The lines of a `load`. Of those for the same series the last one counts.
  std::map<Labels, LoadedSeries> series(const ScriptBlock& block);
  /// `command` is the block's first word, in small letters, and `head` what follows it. Nothing when it
  /// cannot be read.
  std::optional<Evaluation> evaluation(const std::string& command, std::string_view head,
                                       const ScriptBlock& block);

 private:
  void fail(std::string message) { failures_.push_back({line_, std::move(message)}); }
  void starts_are_alone(const std::optional<StartsLine>& starts, std::size_t line);
  bool times(std::string_view& head, Evaluation& out);
  bool time_after(std::string_view word, std::string_view& head, TimestampMs& out);
  bool body_line(std::string_view text, Evaluation& evaluation);
  bool pattern(std::string_view text, ExpectedText& out);
  bool expected_text(std::string_view text, ExpectedText& out);
  bool expectation(std::string_view text, Evaluation& evaluation);
  bool annotations(std::string_view word, std::string_view rest, ExpectedAnnotations& out);
  bool range_vector(std::string_view rest, Evaluation& evaluation);

  std::vector<ScriptFailure>& failures_;
  std::size_t line_ = 0;
  bool expects_fail_ = false;  ///< the statement has an `expect fail`
};

}  // namespace chiron::promql
