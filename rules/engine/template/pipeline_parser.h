#pragma once

#include "rules/engine/template/parse_state.h"

#include <cstddef>
#include <string_view>

namespace chiron::rules::tmpl {

/// What stands inside of an action: declarations, and commands separated by '|'. What fails returns null or
/// false after it filled the fault.
class PipelineParser {
 public:
  explicit PipelineParser(ParseState& state) : state_(state) {}

  /// Up to the }} or ) that ends it, which is left. `where`: what the pipeline is of, for messages.
  NodePtr pipeline(std::string_view where);

 private:
  bool declarations(Node& out, std::string_view where);
  NodePtr command(std::string_view where, std::size_t stage);
  NodePtr check_command(NodePtr command, std::size_t stage);
  bool operand(NodePtr& out, std::string_view where);
  bool note_read(const Node& node, const Token& first);
  bool term(NodePtr& out, std::string_view where);
  bool literal(NodePtr& out, const Token& token, Node::Kind kind);
  bool parentheses(NodePtr& out, const Token& open);

  ParseState& state_;
};

}  // namespace chiron::rules::tmpl
