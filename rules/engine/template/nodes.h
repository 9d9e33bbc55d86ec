#pragma once

#include "rules/engine/template/literals.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace chiron::rules::tmpl {

struct Function;
struct Node;
using NodePtr = std::unique_ptr<Node>;

/// A node of the tree. What `parts` holds depends on the kind.
struct Node {
  enum class Kind {
    list,        ///< parts: the nodes
    text,        ///< text
    action,      ///< parts: the pipeline
    if_,         ///< parts: the pipeline, the list, and the list of else when there is one
    with,        ///< as if
    range,       ///< as if
    invocation,  ///< {{template}}; text: its name; parts: the pipeline when there is one
    break_,
    continue_,
    pipeline,    ///< declared, assigns; parts: the commands
    command,     ///< parts: a function or operand and its arguments
    field,       ///< path
    variable,    ///< text: its name with $; path: the fields
    chain,       ///< parts: what has the fields; path
    identifier,  ///< text, function
    string,      ///< text: as written; constant
    number,      ///< text: as written; number
    boolean,     ///< constant
    dot,
    nil,
  };
  Kind kind = Kind::list;
  std::size_t at = 0;  ///< where Go sees it, for its messages
  std::string text;
  std::vector<std::string> path;
  std::vector<NodePtr> parts;
  std::vector<std::string> declared;
  bool assigns = false;  ///< = and not :=
  Value constant;
  Number number;
  const Function* function = nullptr;
};

/// What stands behind a command's function or operand; nothing of no command.
std::span<const NodePtr> arguments_of(const Node* command);

/// As Go's messages quote it.
std::string to_string(const Node& node);

struct Tree {
  std::string text;
  NodePtr root;
  std::map<std::string, NodePtr, std::less<>> templates;  ///< of define and block
};

}  // namespace chiron::rules::tmpl
