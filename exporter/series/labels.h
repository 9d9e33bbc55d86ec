#pragma once

#include "exporter/base/result.h"

#include <compare>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string name;
  std::string value;
  auto operator<=>(const Label&) const = default;
};

/// A label set: sorted by name, no name twice, no empty value (Prometheus: an empty label is an absent one).
/// The metric name is the label __name__.
class Labels {
 public:
  Labels() = default;
  Labels(std::initializer_list<Label> labels) : Labels(std::vector<Label>(labels)) {}
  /// Sorts; drops empty values; of a name given twice the last one stays.
  explicit Labels(std::vector<Label> labels);

  /// The value, or "" when absent.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  /// Replaces, or removes when value is empty.
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name);

  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }
  std::size_t size() const { return labels_.size(); }
  bool empty() const { return labels_.empty(); }

  /// Stable within a process only.
  std::size_t hash() const;
  auto operator<=>(const Labels&) const = default;
  bool operator==(const Labels&) const = default;

  /// name{a="b",c="d"} with PromQL's quoting; {} for an empty set.
  std::string to_string() const;

 private:
  std::vector<Label> labels_;
};

struct LabelsHash {
  std::size_t operator()(const Labels& labels) const { return labels.hash(); }
};

/// Backslash, double quote and newline as the text format and PromQL want them inside quotes.
std::string escape_label_value(std::string_view value);
bool is_valid_metric_name(std::string_view name);
bool is_valid_label_name(std::string_view name);

enum class MatchOp { equal, not_equal, regex, not_regex };
/// As it is written: =, !=, =~, !~.
std::string_view symbol(MatchOp op);

/// One label matcher: name op "value". Regular expressions are RE2, anchored at both ends, dot matches
/// newline.
class Matcher {
 public:
  static Result<Matcher> make(MatchOp op, std::string name, std::string value);

  MatchOp op() const { return op_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  bool matches(std::string_view value) const;
  bool matches_empty() const { return matches(std::string_view()); }
  /// Whether the labels' value of name() matches; an absent label is "".
  bool matches(const Labels& labels) const { return matches(labels.get(name_)); }
  /// name=~"value"
  std::string to_string() const;

 private:
  struct Regex;
  Matcher(MatchOp op, std::string name, std::string value);

  MatchOp op_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const Regex> regex_;
};

/// Alertmanager's matcher syntax: alertname="X", severity=~"a|b", foo!=bar (quotes optional without blanks).
Result<Matcher> parse_matcher(std::string_view text);

/// A regular expression of a person, RE2. With anchors as node_exporter's flags have them: it searches.
class Pattern {
 public:
  static Result<Pattern> make(std::string_view expression);
  bool search(std::string_view text) const;
  const std::string& expression() const { return expression_; }

 private:
  struct Regex;
  std::string expression_;
  std::shared_ptr<const Regex> regex_;
};

}  // namespace chiron
