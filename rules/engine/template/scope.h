#pragma once

#include "rules/engine/template/parser.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::rules::tmpl {

/// The variables that can be seen while a template is parsed, and what reading them means for the facts.
class Scope {
 public:
  explicit Scope(Facts& facts) : facts_(facts) {}

  /// The body of define and block sees nothing but $.
  void enter_definition();
  void leave_definition();

  std::size_t mark() const { return variables_.size(); }
  void pop(std::size_t mark) { variables_.resize(mark); }
  void declare(std::string name) { variables_.push_back({std::move(name), Meaning::own}); }

  /// False when no such variable is declared.
  bool read_variable(const Node& node);
  void read_field(const Node& node);
  void read_dot();
  /// `index $labels "name"` reads that label, and not the labels as a whole.
  void read_command(const Node& command);

  bool in_definition() const { return !outer_.empty(); }

  /// Whether the dot is the one that the template starts with.
  bool dot_is_data = true;

 private:
  enum class Meaning { own, root, labels, value, external_labels, external_url, target, run };
  struct Variable {
    std::string name;
    Meaning meaning;
  };

  void read_data(const std::vector<std::string>& path);
  void read_labels(const std::vector<std::string>& path, std::size_t from);
  const Variable* find(std::string_view name) const;
  bool is_labels(const Node& node) const;

  Facts& facts_;
  static const std::vector<Variable>& initial();
  std::vector<Variable> variables_ = initial();
  std::vector<std::pair<std::vector<Variable>, bool>> outer_;
  std::size_t whole_ = 0;  ///< how often the labels were read as a whole
};

}  // namespace chiron::rules::tmpl
