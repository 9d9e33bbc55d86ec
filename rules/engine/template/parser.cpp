#include "rules/engine/template/parser.h"

#include "exporter/base/utf8.h"
#include "rules/engine/template/functions.h"
#include "rules/engine/template/pipeline_parser.h"
#include "rules/engine/template/static_check.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

using NodeKind = Node::Kind;

/// Recursive descent over text/template's grammar (pkg.go.dev/text/template). What fails returns null or
/// false after it filled the fault, which ends the parse.
class Parser {
 public:
  Parser(std::string_view text, TemplateFault& fault) : state_(text, fault, out_.facts), pipelines_(state_) {
    out_.tree.text = std::string(text);
  }

  std::optional<Parsed> run() {
    out_.tree.root = make_node(NodeKind::list, 0);
    while (state_.tokens.peek().kind != Tok::end_of_text) {
      if (state_.tokens.peek().kind == Tok::open && state_.tokens.peek_second_solid().kind == Tok::define) {
        state_.tokens.next();
        if (!definition(state_.tokens.next_solid().at)) return std::nullopt;
        continue;
      }
      NodePtr node = text_or_action();
      if (node == nullptr) return std::nullopt;
      out_.tree.root->parts.push_back(std::move(node));
    }
    finish_facts();
    return std::move(out_);
  }

 private:
  bool expect_close(std::string_view where) {
    const Token& token = state_.tokens.next_solid();
    if (token.kind == Tok::close) return true;
    state_.unexpected(token, where);
    return false;
  }

  void finish_facts() {
    Facts& facts = state_.facts;
    facts.literal = out_.tree.text.find("{{") == std::string::npos;
    std::sort(facts.label_names.begin(), facts.label_names.end());
    facts.label_names.erase(std::unique(facts.label_names.begin(), facts.label_names.end()),
                            facts.label_names.end());
    check_invocations(out_.tree, facts.warnings);
    std::stable_sort(facts.warnings.begin(), facts.warnings.end(),
                     [](const TemplateFault& a, const TemplateFault& b) { return a.offset < b.offset; });
  }

  NodePtr text_or_action() {
    const Token& token = state_.tokens.next();
    if (token.kind == Tok::text) {
      NodePtr node = make_node(NodeKind::text, token.at);
      node->text = token.text;
      return node;
    }
    if (token.kind != Tok::open) return state_.unexpected(token, "input");
    return action(token.at);
  }

  NodePtr action(std::size_t open) {
    if (state_.depth > Budget::kDepth) return state_.fail(open, "too many actions inside of each other");
    const Token first = state_.tokens.peek_solid();
    switch (first.kind) {
      case Tok::if_:
        return control(NodeKind::if_);
      case Tok::with:
        return control(NodeKind::with);
      case Tok::range:
        return control(NodeKind::range);
      case Tok::block:
        return block();
      case Tok::template_:
        return invocation();
      case Tok::break_:
        return jump(NodeKind::break_);
      case Tok::continue_:
        return jump(NodeKind::continue_);
      case Tok::end:
      case Tok::else_:
        return state_.fail(
            first.at, fmt::format("unexpected {{{{{}}}}}", first.text),
            fmt::format("there is no open if, with or range that this {} belongs to", first.text));
      default:
        break;
    }
    NodePtr node = make_node(NodeKind::action, first.at);
    NodePtr pipe = pipelines_.pipeline("command");
    if (pipe == nullptr || !expect_close("command")) return nullptr;
    node->parts.push_back(std::move(pipe));
    return node;
  }

  enum class Ending { end, else_ };

  /// Up to the {{end}} or {{else of what was opened at `open`; of "else if" and "else with" the if and with
  /// are left.
  NodePtr list(const Token& open, Ending& ending) {
    NodePtr out = make_node(NodeKind::list, state_.tokens.peek().at);
    for (;;) {
      if (state_.tokens.peek().kind == Tok::end_of_text)
        return state_.fail(open.at, "unexpected EOF",
                           fmt::format("the {{{{end}}}} of this {} is missing", open.text));
      if (state_.tokens.peek().kind == Tok::open) {
        const Tok second = state_.tokens.peek_second_solid().kind;
        if (second == Tok::end || second == Tok::else_) {
          state_.tokens.next();
          state_.tokens.next_solid();
          ending = second == Tok::end ? Ending::end : Ending::else_;
          const Tok third = state_.tokens.peek_solid().kind;
          const bool chained = second == Tok::else_ && (third == Tok::if_ || third == Tok::with);
          if (!chained && !expect_close(second == Tok::end ? "end" : "else")) return nullptr;
          return out;
        }
      }
      NodePtr node = text_or_action();
      if (node == nullptr) return nullptr;
      out->parts.push_back(std::move(node));
    }
  }

  NodePtr control(NodeKind kind) {
    const Token open = state_.tokens.next_solid();
    const std::size_t mark = state_.scope.mark();
    NodePtr node = make_node(kind, state_.tokens.peek_solid().at);
    NodePtr pipe = pipelines_.pipeline(open.text);
    if (pipe == nullptr || !expect_close(open.text)) return nullptr;
    node->parts.push_back(std::move(pipe));
    if (!branches(open, *node)) return nullptr;
    state_.scope.pop(mark);
    return node;
  }

  bool branches(const Token& open, Node& node) {
    const bool moves_dot = node.kind != NodeKind::if_;
    const bool outer_dot = state_.scope.dot_is_data;
    if (moves_dot) state_.scope.dot_is_data = false;
    if (node.kind == NodeKind::range) ++loops_;
    ++state_.depth;
    Ending ending = Ending::end;
    NodePtr body = list(open, ending);
    if (node.kind == NodeKind::range) --loops_;
    state_.scope.dot_is_data = outer_dot;
    if (body == nullptr) return false;
    node.parts.push_back(std::move(body));
    if (ending == Ending::else_ && !else_branch(open, node)) return false;
    --state_.depth;
    return true;
  }

  bool else_branch(const Token& open, Node& node) {
    const Token next = state_.tokens.peek();
    if (next.kind == Tok::if_ || next.kind == Tok::with) {
      const bool same =
          (next.kind == Tok::if_) == (node.kind == NodeKind::if_) && node.kind != NodeKind::range;
      if (!same) {
        state_.fail(next.at, fmt::format("unexpected <{}> in else", next.text),
                    fmt::format("an else of {} is {{{{else}}}}; write the {} into it", open.text, next.text));
        return false;
      }
      // {{else if}} needs no {{end}} of its own.
      if (state_.depth > Budget::kDepth) {
        state_.fail(next.at, "too many branches after each other");
        return false;
      }
      NodePtr other = make_node(NodeKind::list, next.at);
      NodePtr chained = control(node.kind);
      if (chained == nullptr) return false;
      other->parts.push_back(std::move(chained));
      node.parts.push_back(std::move(other));
      return true;
    }
    Ending ending = Ending::end;
    NodePtr other = list(open, ending);
    if (other == nullptr) return false;
    if (ending != Ending::end) {
      state_.fail(state_.tokens.peek().at, "expected end; found {{else}}",
                  fmt::format("this {} has an else already", open.text));
      return false;
    }
    node.parts.push_back(std::move(other));
    return true;
  }

  NodePtr jump(NodeKind kind) {
    const Token token = state_.tokens.next_solid();
    if (!expect_close("{{" + token.text + "}}")) return nullptr;
    if (loops_ == 0)
      return state_.fail(token.at, fmt::format("{{{{{}}}}} outside {{{{range}}}}", token.text));
    return make_node(kind, token.at);
  }

  bool template_name(std::string_view where, std::string& name, std::size_t& at) {
    const Token& token = state_.tokens.next_solid();
    at = token.at;
    if (token.kind != Tok::quoted && token.kind != Tok::raw_quoted) {
      state_.unexpected(token, where, "the name of a template is a string");
      return false;
    }
    Result<std::string> text = unquote(token.text);
    if (!text) {
      state_.fail(token.at, text.error().message());
      return false;
    }
    name = *std::move(text);
    return true;
  }

  /// The body of define or block, up to its {{end}}.
  bool body(const Token& open, const std::string& name) {
    state_.scope.enter_definition();
    const std::size_t loops = std::exchange(loops_, 0);
    ++state_.depth;
    Ending ending = Ending::end;
    NodePtr content = list(open, ending);
    --state_.depth;
    loops_ = loops;
    state_.scope.leave_definition();
    if (content == nullptr) return false;
    if (ending != Ending::end) {
      state_.fail(open.at, fmt::format("unexpected {{{{else}}}} in {} clause", open.text));
      return false;
    }
    NodePtr& place = out_.tree.templates[name];
    if (place != nullptr && !is_empty(*place)) {
      if (is_empty(*content)) return true;
      state_.fail(open.at, fmt::format("multiple definition of template {}", quoted(name)),
                  "give each template a name of its own");
      return false;
    }
    place = std::move(content);
    return true;
  }

  static bool is_empty(const Node& node) {
    return std::all_of(node.parts.begin(), node.parts.end(), [](const NodePtr& part) {
      return part->kind == NodeKind::text && part->text.find_first_not_of(" \t\r\n") == std::string::npos;
    });
  }

  bool definition(std::size_t at) {
    std::string name;
    std::size_t name_at = 0;
    return template_name("define clause", name, name_at) && expect_close("define clause") &&
           body({Tok::define, at, "define", {}}, name);
  }

  NodePtr block() {
    const Token open = state_.tokens.next_solid();
    NodePtr node = make_node(NodeKind::invocation, open.at);
    if (!template_name("block clause", node->text, node->at)) return nullptr;
    NodePtr pipe = pipelines_.pipeline("block clause");
    if (pipe == nullptr || !expect_close("block clause")) return nullptr;
    node->parts.push_back(std::move(pipe));
    if (!body(open, node->text)) return nullptr;
    return node;
  }

  NodePtr invocation() {
    const Token open = state_.tokens.next_solid();
    NodePtr node = make_node(NodeKind::invocation, open.at);
    if (!template_name("template clause", node->text, node->at)) return nullptr;
    if (state_.tokens.peek_solid().kind != Tok::close) {
      NodePtr pipe = pipelines_.pipeline("template clause");
      if (pipe == nullptr) return nullptr;
      node->parts.push_back(std::move(pipe));
    }
    if (!expect_close("template clause")) return nullptr;
    return node;
  }

  Parsed out_;
  ParseState state_;
  PipelineParser pipelines_;
  std::size_t loops_ = 0;  // of range around this place
};

}  // namespace

std::optional<Parsed> parse(std::string_view text, TemplateFault& fault) {
  fault = {};
  if (text.size() > Budget::kText && text.find("{{") != std::string_view::npos) {
    fault = {0, fmt::format("the template is larger than {} bytes", Budget::kText), "make several of it"};
    return std::nullopt;
  }
  return Parser(text, fault).run();
}

}  // namespace chiron::rules::tmpl
