#pragma once

#include "rules/engine/template.h"
#include "rules/engine/template/functions.h"
#include "rules/engine/template/nodes.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::rules::tmpl {

/// One expansion of a template: walks over its tree as text/template's Execute does. What fails returns
/// nothing or Flow::failed after it filled the failure, which ends the walk.
class Executor {
 public:
  Executor(const Tree& tree, const TemplateData& data, TemplateFailure& failure);

  std::optional<std::string> run();

 private:
  enum class Flow { next, break_, continue_, failed };
  using Variables = std::vector<std::pair<std::string_view, Value>>;

  Flow fail(std::string message);
  std::nullopt_t error(std::string message);
  /// Counts towards the limits; false when they are passed.
  bool charge(const Value& value);
  bool write(std::string_view text);

  Flow walk(const Value& dot, const Node& node);
  Flow walk_node(const Value& dot, const Node& node);
  Flow walk_list(const Value& dot, const Node& list);
  Flow walk_action(const Value& dot, const Node& node);
  Flow walk_branch(const Value& dot, const Node& node);
  Flow walk_range(const Value& dot, const Node& node);
  Flow walk_elements(const Value& all, const Node& node, bool& any);
  Flow walk_invocation(const Value& dot, const Node& node);

  // executor_values.cpp
  std::optional<Value> pipeline(const Value& dot, const Node& node);
  std::optional<Value> command(const Value& dot, const Node& node, const Value* final);
  std::optional<Value> operand(const Value& dot, const Node& node);
  std::optional<Value> fields(const Value& dot, Value receiver, const Node& node, const Node* command,
                              const Value* final);
  std::optional<Value> field(const Value& dot, const Value& receiver, std::string_view type,
                             const std::string& name, const Node& node, const Node* command,
                             const Value* final);
  std::optional<Value> function(const Value& dot, const Node& name, const Node* command, const Value* final);
  std::optional<Value> decide(const Value& dot, const Node& name, const Node* command, const Value* final);
  std::optional<Value> method(const Value& dot, const Value& receiver, const std::string& name,
                              const Node& node, const Node* command, const Value* final);
  std::optional<Value> argument(const Value& dot, char parameter, const Node& node);
  std::optional<Value> literal(char parameter, const Node& node);
  std::optional<Value> fitting(Value value, char parameter);
  bool assign(std::string_view name, const Value& value);
  Value* variable(std::string_view name);

  const Tree& tree_;
  TemplateFailure& failure_;
  Context context_;
  std::string out_;
  Variables variables_;
  const Node* node_ = nullptr;  // where the walk is, for messages
  std::string template_name_;   // that {{template}} called; "" in the text itself
  std::size_t depth_ = 0;       // of {{template}}
  std::size_t level_ = 0;       // of nodes in nodes
};

}  // namespace chiron::rules::tmpl
