#pragma once

#include "exporter/base/result.h"
#include "exporter/series/labels.h"
#include "rules/promql/promql.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::rules {

/// What evaluates the expressions of the function `query`.
class TemplateQueries {
 public:
  TemplateQueries() = default;
  TemplateQueries(const TemplateQueries&) = delete;
  TemplateQueries& operator=(const TemplateQueries&) = delete;
  virtual ~TemplateQueries() = default;
  /// The elements of the expression's value at the time of the expansion; a scalar is one element. Never
  /// null. Called on the thread that expands; must return soon.
  virtual Result<std::shared_ptr<const promql::Vector>> ask(const std::string& expression) = 0;
};

/// What a template may speak of: $labels (also .Labels), $value (.Value), $externalLabels, $externalURL, in
/// remedies $target, and in what a remedy does after a failure $remedy, $run, $state and $reason. Borrowed
/// for the time of an expansion.
struct TemplateData {
  const Labels* labels = nullptr;
  double value = 0;
  const Labels* external_labels = nullptr;
  std::string_view external_url = {};
  std::string_view target = {};
  const Labels* run = nullptr;  ///< remedy, run, state and reason of a run that failed
  TimestampMs now = 0;
  TemplateQueries* queries = nullptr;  ///< null: `query` fails
};

/// What is wrong with a text, the byte of the text (from 0) where that shows, and how to mend it ("" when
/// there is nothing to add).
struct TemplateFault {
  std::size_t offset = 0;
  std::string message;
  std::string hint;
};

/// Why an expansion failed, in text/template's words.
struct TemplateFailure {
  std::size_t offset = 0;     ///< byte of the text
  std::string context;        ///< the part of the text that failed, as text/template writes it
  std::string template_name;  ///< of the {{define}} it is in; "" in the text itself
  std::string message;
};

/// A compiled template: Go's text/template (pkg.go.dev/text/template) with the functions of Prometheus'
/// template reference. Limits keep an expansion small: see tmpl::Budget. Immutable; thread-safe.
class Template {
 public:
  /// The error's message names the column (1-based byte) in `text`.
  static Result<Template> compile(std::string_view text);
  /// The same for callers that know where the text stands; nothing when `fault` was filled.
  static std::optional<Template> compile(std::string_view text, TemplateFault& fault);
  /// A label that is absent expands to nothing, as in Prometheus. Errors: what Go finds only when it
  /// executes a template, a query that fails, a limit that is passed.
  Result<std::string> expand(const TemplateData& data) const;
  /// The same; nothing when `failure` was filled.
  std::optional<std::string> expand(const TemplateData& data, TemplateFailure& failure) const;

  /// No {{ at all: expand() returns the text.
  bool is_literal() const;
  const std::string& text() const;
  /// Names of labels read, sorted, each once, to check a remedy against the rules it hangs on.
  std::vector<std::string> label_names() const;
  /// Whether label_names() may be too few: the labels are read as a whole, as `range $labels` does.
  bool reads_all_labels() const;
  bool uses_target() const;
  /// Whether it speaks of a run that failed.
  bool uses_run() const;
  /// Whether $value is read: such a template must be expanded again whenever the value changes.
  bool uses_value() const;
  /// Whether `now` or `query` is called: such a template must be expanded again at each evaluation.
  bool uses_time() const;
  /// What can be seen to fail whenever it is expanded, though text/template takes it.
  std::span<const TemplateFault> warnings() const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

/// A row of the reference page: a function's name, and what it takes: string, value, samples, sample.
struct TemplateFunctionInfo {
  std::string name;
  std::string arguments;  ///< separated by ", "; the last with "..." may repeat
};
std::vector<TemplateFunctionInfo> template_functions();

}  // namespace chiron::rules
