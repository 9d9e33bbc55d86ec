#include "rules/engine/template/pipeline_parser.h"

#include "exporter/base/diagnostics.h"
#include "exporter/base/utf8.h"
#include "rules/engine/template/functions.h"
#include "rules/engine/template/static_check.h"

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

using NodeKind = Node::Kind;

/// For what cannot begin a command.
std::string hint_for(const Token& token) {
  if (token.text == "/") return "a comment begins right after the {{: {{/* ... */}}";
  if (token.kind == Tok::define) return "a define stands outside of all other actions";
  return {};
}

std::string unknown_function_hint(std::string_view name) {
  if (name == "tmpl")
    return "tmpl is there in Prometheus' console templates only; {{template}} takes a literal name";
  std::vector<std::string_view> known;
  for (const Function* function : functions()) known.push_back(function->name);
  const std::string near = closest(name, known);
  return near.empty() ? "docs/rules.md has the table of functions" : fmt::format("did you mean {}?", near);
}

}  // namespace

NodePtr PipelineParser::pipeline(std::string_view where) {
  NodePtr out = make_node(NodeKind::pipeline, state_.tokens.peek_solid().at);
  if (!declarations(*out, where)) return nullptr;
  for (;;) {
    const Token& token = state_.tokens.peek_solid();
    if (token.kind == Tok::close || token.kind == Tok::close_parenthesis) break;
    NodePtr made = command(where, out->parts.size());
    if (made == nullptr) return nullptr;
    out->parts.push_back(std::move(made));
  }
  if (out->parts.empty())
    return state_.fail(out->at, fmt::format("missing value for {}", where),
                       where == "block clause" ? "a block says what its dot is: {{block \"name\" .}}"
                                               : "an action says what to put there");
  for (const std::string& name : out->declared) state_.scope.declare(name);
  return out;
}

bool PipelineParser::declarations(Node& out, std::string_view where) {
  while (state_.tokens.peek_solid().kind == Tok::variable) {
    const Tok second = state_.tokens.peek_second_solid().kind;
    if (second != Tok::declare && second != Tok::assign && second != Tok::comma) return true;
    out.declared.push_back(state_.tokens.next().text);
    const Token& sign = state_.tokens.next_solid();
    if (sign.kind != Tok::comma) {
      out.assigns = sign.kind == Tok::assign;
      return true;
    }
    if (where != "range" || out.declared.size() > 1) {
      state_.fail(
          sign.at, fmt::format("too many declarations in {}", where),
          where == "range" ? "a range has an index and an element" : "only range declares two variables");
      return false;
    }
    if (state_.tokens.peek_solid().kind != Tok::variable) {
      state_.fail(state_.tokens.peek().at, "range can only initialize variables");
      return false;
    }
  }
  return true;
}

NodePtr PipelineParser::command(std::string_view where, std::size_t stage) {
  NodePtr out = make_node(NodeKind::command, state_.tokens.peek_solid().at);
  for (;;) {
    const Token first = state_.tokens.peek_solid();
    NodePtr node;
    if (!operand(node, where)) return nullptr;
    if (node == nullptr && out->parts.empty()) return state_.unexpected(first, where, hint_for(first));
    if (node != nullptr) out->parts.push_back(std::move(node));
    const Token& token = state_.tokens.peek();
    if (token.kind == Tok::blank) {
      state_.tokens.next();
      continue;
    }
    if (token.kind == Tok::pipe) {
      state_.tokens.next();
      break;
    }
    if (token.kind == Tok::close || token.kind == Tok::close_parenthesis) break;
    return state_.unexpected(token, "operand",
                             token.kind == Tok::dot ? "a name must follow the dot"
                                                    : "a blank must separate it from what is before");
  }
  return check_command(std::move(out), stage);
}

NodePtr PipelineParser::check_command(NodePtr command, std::size_t stage) {
  const Node& first = *command->parts[0];
  if (stage > 0 &&
      (first.kind == NodeKind::boolean || first.kind == NodeKind::dot || first.kind == NodeKind::nil ||
       first.kind == NodeKind::number || first.kind == NodeKind::string))
    return state_.fail(command->at, fmt::format("non executable command in pipeline stage {}", stage + 1),
                       "only a function takes what a | hands on");
  state_.scope.read_command(*command);
  check_call(*command, stage > 0, state_.facts.warnings);
  return command;
}

/// A term and the fields right behind it; null, and true, when what follows is no operand.
bool PipelineParser::operand(NodePtr& out, std::string_view where) {
  const Token first = state_.tokens.peek();
  if (!term(out, where)) return false;
  if (out == nullptr) return true;
  if (state_.tokens.peek().kind == Tok::field) {
    NodePtr holder;
    const std::size_t at = state_.tokens.peek().at;
    switch (out->kind) {
      case NodeKind::field:
      case NodeKind::variable:
        out->at = at;
        break;
      case NodeKind::pipeline:
      case NodeKind::identifier:
        holder = make_node(NodeKind::chain, at);
        holder->parts.push_back(std::move(out));
        out = std::move(holder);
        break;
      default:
        state_.fail(at, fmt::format("unexpected . after term {}", quoted(to_string(*out))));
        return false;
    }
    while (state_.tokens.peek().kind == Tok::field) out->path.push_back(state_.tokens.next().text.substr(1));
  }
  return note_read(*out, first);
}

bool PipelineParser::note_read(const Node& node, const Token& first) {
  if (node.kind == NodeKind::variable && !state_.scope.read_variable(node)) {
    state_.fail(
        first.at, fmt::format("undefined variable {}", quoted(node.text)),
        state_.scope.in_definition()
            ? "a define has only $ and the dot: hand over what it needs, {{template \"name\" $labels}}"
            : "there are $labels, $value, $externalLabels and $externalURL, and what := declares");
    return false;
  }
  if (node.kind == NodeKind::field) {
    state_.scope.read_field(node);
    if (state_.scope.dot_is_data) check_field(node, first.at, state_.facts.warnings);
  }
  if (node.kind == NodeKind::dot) state_.scope.read_dot();
  if (node.kind == NodeKind::identifier && (node.text == "query" || node.text == "now"))
    state_.facts.time = true;
  return true;
}

bool PipelineParser::term(NodePtr& out, std::string_view where) {
  const Token token = state_.tokens.peek();
  switch (token.kind) {
    case Tok::error:
      state_.unexpected(token, where);
      return false;
    case Tok::identifier:
      out = make_node(NodeKind::identifier, token.at);
      out->function = find_function(token.text);
      if (out->function == nullptr) {
        state_.fail(token.at, fmt::format("function {} not defined", quoted(token.text)),
                    unknown_function_hint(token.text));
        return false;
      }
      break;
    case Tok::dot:
      out = make_node(NodeKind::dot, token.at);
      break;
    case Tok::nil:
      out = make_node(NodeKind::nil, token.at);
      break;
    case Tok::variable:
      out = make_node(NodeKind::variable, token.at);
      break;
    case Tok::field:
      out = make_node(NodeKind::field, token.at);
      state_.tokens.next();
      out->path.push_back(token.text.substr(1));
      return true;
    case Tok::boolean:
      out = make_node(NodeKind::boolean, token.at);
      out->constant = Value::of(token.text == "true");
      break;
    case Tok::number:
      return literal(out, token, NodeKind::number);
    case Tok::quoted:
    case Tok::raw_quoted:
      return literal(out, token, NodeKind::string);
    case Tok::open_parenthesis:
      return parentheses(out, token);
    default:
      return true;
  }
  state_.tokens.next();
  out->text = token.text;
  return true;
}

bool PipelineParser::literal(NodePtr& out, const Token& token, NodeKind kind) {
  state_.tokens.next();
  out = make_node(kind, token.at);
  out->text = token.text;
  if (kind == NodeKind::number) {
    Result<Number> number = parse_number(token.text);
    if (number) {
      out->number = *std::move(number);
      return true;
    }
    state_.fail(
        token.at, number.error().message(),
        token.text.starts_with('0') ? "a leading 0 is for octal numbers, 0x for hexadecimal ones" : "");
    return false;
  }
  Result<std::string> text = unquote(token.text);
  if (!text) {
    state_.fail(token.at, fmt::format("{}: {}", text.error().message(), token.text),
                "an escape that Go does not know; `...` takes everything as it stands");
    return false;
  }
  out->constant = Value::of(*std::move(text));
  return true;
}

bool PipelineParser::parentheses(NodePtr& out, const Token& open) {
  if (++state_.depth > Budget::kDepth) {
    state_.fail(open.at, "too many parentheses inside of each other");
    return false;
  }
  state_.tokens.next();
  out = pipeline("parenthesized pipeline");
  if (out == nullptr) return false;
  --state_.depth;
  const Token& close = state_.tokens.next();
  if (close.kind == Tok::close_parenthesis) return true;
  state_.fail(open.at, fmt::format("unclosed right paren: unexpected {}", describe(close)), "a ) is missing");
  return false;
}

}  // namespace chiron::rules::tmpl
