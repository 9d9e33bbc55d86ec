#include "rules/promql/parser.h"

#include "rules/promql/check.h"
#include "rules/promql/duration_parser.h"
#include "rules/promql/functions.h"
#include "rules/promql/matching_parser.h"
#include "rules/promql/modifier_parser.h"
#include "rules/promql/promql.h"
#include "rules/promql/selector_parser.h"
#include "rules/promql/token_stream.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

using Node = std::shared_ptr<Expr>;

// How tightly operators bind; a unary sign binds like *.
constexpr int kLoosest = 1;
constexpr int kSign = 5;
constexpr int kPower = 6;
constexpr std::string_view kEnableFunctions = "--enable-feature=promql-experimental-functions";
int binding(Op op) {
  if (op == Op::lor) return 1;
  if (op == Op::land || op == Op::unless) return 2;
  if (is_comparison(op) || is_trim(op)) return 3;
  if (op == Op::add || op == Op::sub) return 4;
  return op == Op::pow ? kPower : kSign;
}

std::size_t depth_below(const Expr& expr) {
  struct Visitor {
    std::size_t operator()(const Subquery& s) const { return s.inner->depth; }
    std::size_t operator()(const Paren& p) const { return p.inner->depth; }
    std::size_t operator()(const Unary& u) const { return u.operand->depth; }
    std::size_t operator()(const Binary& b) const { return std::max(b.lhs->depth, b.rhs->depth); }
    std::size_t operator()(const Aggregate& a) const {
      return std::max(a.operand->depth, a.parameter ? a.parameter->depth : 0);
    }
    std::size_t operator()(const Call& c) const {
      std::size_t depth = 0;
      for (const ExprPtr& argument : c.arguments) depth = std::max(depth, argument->depth);
      return depth;
    }
    std::size_t operator()(const NumberLiteral&) const { return 0; }
    std::size_t operator()(const StringLiteral&) const { return 0; }
    std::size_t operator()(const VectorSelector&) const { return 0; }
    std::size_t operator()(const MatrixSelector&) const { return 0; }
  };
  return std::visit(Visitor{}, expr.node);
}

class Parser {
 public:
  Parser(TokenStream& tokens, const Features& features) : tokens_(tokens), features_(features) {}

  Node whole() {
    if (tokens_.at(Tok::end)) {
      tokens_.fail(tokens_.peek().range, "no expression found in input");
      return nullptr;
    }
    Node expr = operators(kLoosest);
    if (expr && !tokens_.at(Tok::end)) tokens_.unexpected();
    return expr;
  }

 private:
  template <class T>
  Node make(std::size_t begin, T node) {
    auto expr = std::make_shared<Expr>();
    expr->range = {begin, tokens_.last_end()};
    expr->where = tokens_.position_of(begin);
    expr->node = std::move(node);
    expr->depth = 1 + depth_below(*expr);
    if (expr->depth > kMaxDepth) {
      tokens_.fail(expr->range, fmt::format("expression is more than {} operators deep", kMaxDepth));
      return nullptr;
    }
    check(*expr, tokens_.errors());
    return expr;
  }

  Node operators(int least) {
    if (nesting_ >= kMaxNesting) {
      tokens_.fail(tokens_.peek().range,
                   fmt::format("expression is nested more than {} levels deep", kMaxNesting));
      return nullptr;
    }
    ++nesting_;
    const std::size_t begin = tokens_.peek().range.begin;
    Node left = unary();
    while (left && tokens_.at(Tok::op) && binding(tokens_.peek().op) >= least)
      left = binary(begin, std::move(left));
    --nesting_;
    return left;
  }

  Node unary() {
    if (!tokens_.at(Op::add) && !tokens_.at(Op::sub)) return postfix();
    const std::size_t begin = tokens_.peek().range.begin;
    const bool minus = tokens_.next().op == Op::sub;
    Node operand = operators(kPower);
    if (!operand) return nullptr;
    // A signed number is a number; errors and annotations point at its sign.
    if (const auto* number = std::get_if<NumberLiteral>(&operand->node)) {
      return make(begin, NumberLiteral{minus ? -number->value : number->value, number->duration});
    }
    // Infinity is printed with a sign, which is no operator then: "Inf ^ 2" as "+Inf ^ 2".
    const auto* power = std::get_if<Binary>(&operand->node);
    const auto* base = power == nullptr ? nullptr : std::get_if<NumberLiteral>(&power->lhs->node);
    if (!minus && base != nullptr && std::isinf(base->value)) return operand;
    return make(begin, Unary{minus, std::move(operand)});
  }

  Node binary(std::size_t begin, Node left) {
    Binary node;
    const std::size_t op_begin = tokens_.peek().range.begin;
    node.op = tokens_.next().op;
    node.return_bool = tokens_.accept(Keyword::bool_);
    if (is_set_operator(node.op)) node.matching.card = Matching::Card::many_to_many;
    if (!parse_matching(tokens_, node.matching)) return nullptr;
    node.op_range = {op_begin, tokens_.last_end()};
    node.lhs = std::move(left);
    node.rhs = operators(node.op == Op::pow ? kPower : binding(node.op) + 1);
    if (!node.rhs) return nullptr;
    const bool filled = node.matching.fill_left || node.matching.fill_right;
    Node made = make(begin, std::move(node));
    if (made && filled && !features_.binop_fill_modifiers) {
      tokens_.report(made->range, "binop fill modifiers are experimental and not enabled",
                     "--enable-feature=promql-binop-fill-modifiers enables them");
    }
    return made;
  }

  Node postfix() {
    const std::size_t begin = tokens_.peek().range.begin;
    Node expr = primary();
    while (expr) {
      if (tokens_.at(Tok::left_bracket)) {
        expr = brackets(begin, std::move(expr));
      } else if (!at_modifier(tokens_)) {
        break;
      } else if (!parse_modifier(tokens_, *expr, features_)) {
        return nullptr;
      }
    }
    return expr;
  }

  Node brackets(std::size_t begin, Node inner) {
    const std::size_t bracket = tokens_.next().range.begin;
    auto range = parse_range_duration(tokens_);
    if (!range) return nullptr;
    if (tokens_.accept(Tok::colon)) {
      Subquery subquery;
      subquery.inner = std::move(inner);
      subquery.range_ms = range->ms;
      subquery.range_expr = std::move(range->expr);
      if (!tokens_.at(Tok::right_bracket)) {
        auto step = parse_range_duration(tokens_);
        if (!step) return nullptr;
        subquery.step_ms = step->ms;
        subquery.step_expr = std::move(step->expr);
      }
      if (!tokens_.expect(Tok::right_bracket, "subquery selector", "\"]\"")) return nullptr;
      return make(begin, std::move(subquery));
    }
    if (!tokens_.expect(Tok::right_bracket, "subquery or range", "\":\" or \"]\"")) return nullptr;
    auto* selector = std::get_if<VectorSelector>(&inner->node);
    if (selector == nullptr) {
      tokens_.fail({bracket, tokens_.last_end()}, "ranges only allowed for vector selectors",
                   "a subquery takes a range of any expression, as in [5m:30s]");
      return nullptr;
    }
    const Range brackets{bracket, tokens_.last_end()};
    if (selector->modifiers.has_offset) tokens_.report(brackets, "no offset modifiers allowed before range");
    if (selector->modifiers.at != Modifiers::At::none)
      tokens_.report(brackets, "no @ modifiers allowed before range");
    return make(begin, MatrixSelector{std::move(*selector), range->ms, std::move(range->expr)});
  }

  Node primary() {
    const Token& token = tokens_.peek();
    const std::size_t begin = token.range.begin;
    switch (token.kind) {
      case Tok::number: {
        const double value = number_value(tokens_, tokens_.next());
        return make(begin, NumberLiteral{value, false});
      }
      case Tok::duration: {
        const double seconds = duration_value(tokens_, tokens_.next());
        return make(begin, NumberLiteral{seconds, true});
      }
      case Tok::string:
        return make(begin, StringLiteral{tokens_.next().value});
      case Tok::left_paren: {
        tokens_.next();
        Node inner = operators(kLoosest);
        if (!inner || !tokens_.expect(Tok::right_paren, "", "")) return nullptr;
        return make(begin, Paren{std::move(inner)});
      }
      case Tok::aggregator:
        if (const Token& after = tokens_.peek(1);
            after.kind == Tok::left_paren ||
            (after.kind == Tok::keyword &&
             (after.keyword == Keyword::by || after.keyword == Keyword::without))) {
          return aggregate();
        }
        break;
      case Tok::identifier:
        if (tokens_.peek(1).kind == Tok::left_paren) return call();
        break;
      default:
        break;
    }
    if (at_vector_selector(tokens_)) return selector(begin);
    tokens_.unexpected();
    return nullptr;
  }

  Node selector(std::size_t begin) {
    auto selector = parse_vector_selector(tokens_);
    if (!selector) return nullptr;
    selector->labels_only = labels_only_;
    return make(begin, std::move(*selector));
  }

  // What could not be split into tokens has an error of its own to tell.
  bool may_begin_expression() const {
    switch (tokens_.peek().kind) {
      case Tok::error:
      case Tok::number:
      case Tok::duration:
      case Tok::string:
      case Tok::left_paren:
        return true;
      default:
        return tokens_.at(Op::add) || tokens_.at(Op::sub) || at_vector_selector(tokens_);
    }
  }

  bool arguments(std::vector<ExprPtr>& out, bool of_info = false) {
    tokens_.next();
    while (!tokens_.at(Tok::right_paren)) {
      labels_only_ = of_info && out.size() == 1;
      Node argument = operators(kLoosest);
      labels_only_ = false;
      if (!argument) return false;
      out.push_back(std::move(argument));
      if (tokens_.at(Tok::right_paren)) break;
      const Range comma = tokens_.peek().range;
      if (!tokens_.expect(Tok::comma, "", "")) return false;
      if (!may_begin_expression())
        return tokens_.fail(comma, "trailing commas not allowed in function call args");
    }
    tokens_.next();
    return true;
  }

  Node call() {
    const Token& name = tokens_.next();
    Call node;
    if (!arguments(node.arguments, name.text == "info")) return nullptr;
    node.function = find_signature(name.text);
    if (node.function != nullptr && node.function->experimental && !features_.experimental_functions) {
      tokens_.fail(name.range, fmt::format("function \"{}\" is not enabled", name.text),
                   fmt::format("it is experimental: {} enables it", kEnableFunctions));
      return nullptr;
    }
    if (node.function != nullptr) return make(name.range.begin, std::move(node));
    if (const std::string_view why = why_unsupported(name.text); !why.empty()) {
      tokens_.fail(name.range, fmt::format("{} cannot be used: {}", name.text, why));
      return nullptr;
    }
    const std::string_view similar = similar_function(name.text);
    tokens_.fail(name.range, fmt::format("unknown function with name \"{}\"", name.text),
                 similar.empty() ? "" : fmt::format("did you mean {}?", similar));
    return nullptr;
  }

  Node aggregate() {
    const Token& name = tokens_.next();
    Aggregate node;
    node.op = name.aggregate;
    const bool grouped_before = tokens_.at(Tok::keyword);
    if (grouped_before && !grouping(node)) return nullptr;
    std::vector<ExprPtr> given;
    if (!tokens_.at(Tok::left_paren)) {
      tokens_.unexpected("aggregation");
      return nullptr;
    }
    const std::string_view outer = tokens_.set_context("aggregation");
    if (!arguments(given)) return nullptr;
    tokens_.set_context(outer);
    if (!grouped_before && (tokens_.at(Keyword::by) || tokens_.at(Keyword::without)) && !grouping(node))
      return nullptr;
    const std::size_t wanted = takes_parameter(node.op) ? 2 : 1;
    const Range all{name.range.begin, tokens_.last_end()};
    if (given.empty()) {
      tokens_.fail(all, "no arguments for aggregate expression provided");
      return nullptr;
    }
    if (is_experimental(node.op) && !features_.experimental_functions) {
      tokens_.fail(all, fmt::format("{}() is experimental and must be enabled with {}", to_string(node.op),
                                    kEnableFunctions));
      return nullptr;
    }
    if (given.size() != wanted) {
      tokens_.fail(
          all, fmt::format("wrong number of arguments for aggregate expression provided, expected {}, got {}",
                           wanted, given.size()));
      return nullptr;
    }
    node.operand = given.back();
    if (wanted == 2) node.parameter = given.front();
    return make(name.range.begin, std::move(node));
  }

  bool grouping(Aggregate& node) {
    node.without = tokens_.next().keyword == Keyword::without;
    auto labels = parse_label_list(tokens_);
    if (!labels) return false;
    node.grouping = std::move(*labels);
    return true;
  }

  TokenStream& tokens_;
  const Features& features_;
  std::size_t nesting_ = 0;
  bool labels_only_ = false;
};

}  // namespace

Parsed parse(std::string_view text, const Features& features) {
  TokenStream tokens(text);
  std::shared_ptr<Expr> expr = Parser(tokens, features).whole();
  Parsed parsed;
  if (tokens.errors().empty() && expr) {
    parsed.type = expr->type;
    parsed.expr = std::move(expr);
    return parsed;
  }
  parsed.errors = std::move(tokens.errors());
  std::stable_sort(parsed.errors.begin(), parsed.errors.end(),
                   [](const ParseError& a, const ParseError& b) { return a.range.begin < b.range.begin; });
  return parsed;
}

}  // namespace chiron::promql
