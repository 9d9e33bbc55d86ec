#pragma once

#include "exporter/base/result.h"
#include "exporter/series/labels.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::rules {

/// What a template may speak of: $labels (also .Labels), $value (.Value), $externalLabels, in remedies
/// $target, and in what a remedy does after a failure $remedy, $run, $state and $reason.
struct TemplateData {
  const Labels* labels = nullptr;
  double value = 0;
  const Labels* external_labels = nullptr;
  std::string_view target = {};
  const Labels* run = nullptr;  ///< remedy, run, state and reason of a run that failed
};

/// Why a text is no template, and the byte of the text (from 0) where that shows.
struct TemplateFault {
  std::size_t offset = 0;
  std::string message;
};

/// A compiled template: Go's text/template syntax, of it {{ $labels.x }}, {{ $value }}, {{ $target }},
/// {{ $remedy }}, {{ $run }}, {{ $state }}, {{ $reason }}, literals, pipelines and parentheses, and the
/// functions humanize, humanizePercentage, humanize1024, humanizeDuration, printf, print and index. What is
/// not there yet is an error that names it. Immutable; thread-safe.
class Template {
 public:
  /// The error's message names the column (1-based byte) in `text`.
  static Result<Template> compile(std::string_view text);
  /// The same for callers that know where the text stands; nothing when `fault` was filled.
  static std::optional<Template> compile(std::string_view text, TemplateFault& fault);
  /// A label that is absent expands to nothing, as in Prometheus. Errors: a value that is not a number where
  /// one is needed.
  Result<std::string> expand(const TemplateData& data) const;
  /// No {{ at all: expand() returns the text.
  bool is_literal() const;
  const std::string& text() const;
  /// Names of labels read, sorted, each once, to check a remedy against the rules it hangs on.
  std::vector<std::string> label_names() const;
  bool uses_target() const;
  /// Whether it speaks of a run that failed.
  bool uses_run() const;
  /// Whether $value is read: such a template must be expanded again whenever the value changes.
  bool uses_value() const;

  /// The parsed form; for the parser only.
  struct Program;

 private:
  std::shared_ptr<const Program> program_;
};

}  // namespace chiron::rules
