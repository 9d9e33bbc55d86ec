#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/result.h"
#include "exporter/series/labels.h"

namespace chiron::rules {

/// What a template may speak of: $labels (also .Labels), $value (.Value), $externalLabels, and $target in remedies.
struct TemplateData {
  const Labels* labels = nullptr;
  double value = 0;
  const Labels* external_labels = nullptr;
  std::string_view target;
};

/// A compiled template: Go's text/template syntax, of it {{ $labels.x }}, {{ $value }}, {{ $target }}, pipelines into
/// humanize, humanizePercentage, humanize1024, humanizeDuration, printf, quote-free strings and numbers. What is not
/// there yet is an error that names it. Immutable; thread-safe.
class Template {
 public:
  /// The error's message names the column (1-based byte) in `text`.
  static Result<Template> compile(std::string_view text);
  Result<std::string> expand(const TemplateData& data) const;
  /// No {{ at all: expand() returns the text.
  bool is_literal() const;
  const std::string& text() const;
  /// Names of labels read, to check a remedy against the rules it hangs on.
  std::vector<std::string> label_names() const;
  bool uses_target() const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace chiron::rules
