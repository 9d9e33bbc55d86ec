#pragma once

#include "rules/engine/template/nodes.h"
#include "rules/engine/template/parser.h"
#include "rules/engine/template/scope.h"
#include "rules/engine/template/token_reader.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace chiron::rules::tmpl {

/// What the parsers of a template share: where they are, what can be seen there, and the first fault, which
/// ends the parse.
struct ParseState {
  ParseState(std::string_view text, TemplateFault& first_fault, Facts& found)
      : tokens(lex_template(text)), fault(first_fault), facts(found), scope(found) {}

  std::nullptr_t fail(std::size_t at, std::string message, std::string hint = {});
  std::nullptr_t unexpected(const Token& token, std::string_view where, std::string hint = {});

  TokenReader tokens;
  TemplateFault& fault;
  Facts& facts;
  Scope scope;
  std::size_t depth = 0;  ///< of actions and parentheses in each other
};

/// As text/template names a token in its messages.
std::string describe(const Token& token);
NodePtr make_node(Node::Kind kind, std::size_t at);

}  // namespace chiron::rules::tmpl
