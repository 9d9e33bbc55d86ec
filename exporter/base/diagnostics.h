#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// A place in a text file; line and column count from 1, columns in bytes. 0: unknown.
struct Position {
  std::size_t line = 0;
  std::size_t column = 0;
};

enum class Severity { error, warning };

/// One finding about something a person wrote, complete enough to mend it without looking elsewhere.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;     ///< stable, lower-case-with-dashes: "unknown-key", "promql-syntax"
  std::string message;  ///< what is wrong
  std::string hint;     ///< how to mend it; may be empty
  std::string file;
  std::vector<std::string> path;  ///< outermost first: group, rule, field
  Position where;
  std::size_t length = 1;   ///< bytes to underline on the source line
  std::string source_line;  ///< filled by DiagnosticSink::add from the file's text
};

/// Collects every finding of one pass over one or more files. Not thread-safe.
class DiagnosticSink {
 public:
  /// Registers the text that positions in `file` refer to, for the quoted source lines.
  void add_source(std::string file, std::string text);
  void add(Diagnostic diagnostic);

  const std::vector<Diagnostic>& all() const { return all_; }
  std::size_t errors() const;
  bool ok() const { return errors() == 0; }

 private:
  struct Source {
    std::string file;
    std::string text;
  };
  std::vector<Source> sources_;
  std::vector<Diagnostic> all_;
};

/// file:line:col: error: message [code], then "in group > rule > field", the source line, a caret, the hint.
std::string to_text(const Diagnostic& diagnostic);
/// A JSON array of all findings, the same facts as to_text.
std::string to_json(const std::vector<Diagnostic>& diagnostics);

/// The candidate closest to `word` by edit distance, or empty when none is close. For "did you mean".
std::string closest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace chiron
