#include "rules/engine/template/parse_state.h"

#include "exporter/base/utf8.h"

#include <fmt/format.h>

namespace chiron::rules::tmpl {

std::string describe(const Token& token) {
  constexpr std::size_t kShown = 10;
  if (token.kind == Tok::end_of_text) return "end of the template";
  if (token.kind >= Tok::nil) return "<" + token.text + ">";
  if (token.text.size() > kShown) return quoted(std::string_view(token.text).substr(0, kShown)) + "...";
  return quoted(token.text);
}

NodePtr make_node(Node::Kind kind, std::size_t at) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->at = at;
  return node;
}

std::nullptr_t ParseState::fail(std::size_t at, std::string message, std::string hint) {
  if (fault.message.empty()) fault = {at, std::move(message), std::move(hint)};
  return nullptr;
}

std::nullptr_t ParseState::unexpected(const Token& token, std::string_view where, std::string hint) {
  if (token.kind == Tok::error) return fail(token.at, token.text, token.hint);
  return fail(token.at, fmt::format("unexpected {} in {}", describe(token), where), std::move(hint));
}

}  // namespace chiron::rules::tmpl
