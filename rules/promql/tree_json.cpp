#include "rules/promql/tree_json.h"

#include "rules/promql/duration_expr.h"
#include "rules/promql/functions.h"
#include "rules/promql/json.h"
#include "rules/promql/nodes.h"
#include "rules/promql/promql.h"

#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

/// Prometheus' words in JSON, which are not those of its messages.
std::string_view type_name(ValueType type) {
  return type == ValueType::vector ? "vector" : type == ValueType::matrix ? "matrix" : to_string(type);
}

std::string_view card_name(Matching::Card card) {
  switch (card) {
    case Matching::Card::one_to_one:
      return "one-to-one";
    case Matching::Card::many_to_one:
      return "many-to-one";
    case Matching::Card::one_to_many:
      return "one-to-many";
    case Matching::Card::many_to_many:
      return "many-to-many";
  }
  return {};
}

/// Parentheses around a number are a sum of one.
std::string_view operator_of(const DurationNode& node) {
  switch (node.kind) {
    case DurationNode::Kind::step:
      return "step";
    case DurationNode::Kind::range:
      return "range";
    case DurationNode::Kind::minus:
      return "-";
    case DurationNode::Kind::min_of:
      return "min_of";
    case DurationNode::Kind::max_of:
      return "max_of";
    case DurationNode::Kind::literal:
    case DurationNode::Kind::parens:
      return "+";
    case DurationNode::Kind::operation:
      break;
  }
  return to_string(node.op);
}

class TreeWriter {
 public:
  explicit TreeWriter(std::string& out) : out_(out) {}

  void write(const Expr& expr) { std::visit(*this, expr.node); }

  void operator()(const NumberLiteral& n) {
    open("numberLiteral");
    text("val", plain_decimal(n.value));
    close();
  }
  void operator()(const StringLiteral& s) {
    open("stringLiteral");
    text("val", s.value);
    close();
  }
  void operator()(const VectorSelector& s) {
    open("vectorSelector");
    selector(s);
    close();
  }
  void operator()(const MatrixSelector& m) {
    open("matrixSelector");
    selector(m.selector);
    duration("range", m.range_ms, m.range_expr);
    close();
  }
  void operator()(const Subquery& s) {
    open("subquery");
    child("expr", s.inner);
    duration("range", s.range_ms, s.range_expr);
    duration("step", s.step_ms.value_or(0), s.step_expr);
    modifiers(s.modifiers);
    close();
  }
  void operator()(const Paren& p) {
    open("parenExpr");
    child("expr", p.inner);
    close();
  }
  void operator()(const Unary& u) {
    open("unaryExpr");
    text("op", u.minus ? "-" : "+");
    child("expr", u.operand);
    close();
  }
  void operator()(const Binary& b) {
    open("binaryExpr");
    text("op", to_string(b.op));
    child("lhs", b.lhs);
    child("rhs", b.rhs);
    key("matching");
    if (b.lhs->type == ValueType::vector && b.rhs->type == ValueType::vector) {
      out_ += '{';
      text("card", card_name(b.matching.card));
      list("labels", b.matching.labels);
      flag("on", b.matching.on);
      list("include", b.matching.include);
      key("fillValues");
      out_ += '{';
      value_or_null("lhs", b.matching.fill_left);
      value_or_null("rhs", b.matching.fill_right);
      out_ += "}}";
    } else {
      out_ += "null";
    }
    flag("bool", b.return_bool);
    close();
  }
  void operator()(const Aggregate& a) {
    open("aggregation");
    text("op", to_string(a.op));
    child("expr", a.operand);
    child("param", a.parameter);
    list("grouping", a.grouping);
    flag("without", a.without);
    close();
  }
  void operator()(const Call& c) {
    open("call");
    key("func");
    out_ += '{';
    text("name", c.function->name);
    key("argTypes");
    out_ += '[';
    for (std::size_t i = 0; i < c.function->declared(); ++i) {
      if (i > 0) out_ += ',';
      append_json_string(out_, type_name(c.function->argument(i)));
    }
    out_ += ']';
    number("variadic", c.function->repeat);
    text("returnType", type_name(c.function->result));
    out_ += '}';
    key("args");
    out_ += '[';
    for (const ExprPtr& argument : c.arguments) {
      if (argument != c.arguments.front()) out_ += ',';
      write(*argument);
    }
    out_ += ']';
    close();
  }

 private:
  void open(std::string_view type) {
    out_ += '{';
    text("type", type);
  }
  void close() { out_ += '}'; }
  void key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    append_json_string(out_, name);
    out_ += ':';
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
  }
  void number(std::string_view name, std::int64_t value) {
    key(name);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
  }
  void value_or_null(std::string_view name, std::optional<double> value) {
    key(name);
    // JSON has no numbers beyond the finite ones.
    out_ += value && std::isfinite(*value) ? format_value(*value) : "null";
  }
  void list(std::string_view name, const std::vector<std::string>& values) {
    key(name);
    out_ += '[';
    for (const std::string& value : values) {
      if (&value != &values.front()) out_ += ',';
      append_json_string(out_, value);
    }
    out_ += ']';
  }
  void child(std::string_view name, const ExprPtr& expr) {
    key(name);
    if (expr == nullptr) {
      out_ += "null";
    } else {
      write(*expr);
    }
  }
  /// A computed one has no number yet, even if it does not depend on the query.
  void duration(std::string_view name, std::int64_t ms, const DurationPtr& expr) {
    number(name, expr ? 0 : ms);
    key(std::string(name) + "Expr");
    computed(expr, false);
  }
  void computed(const DurationPtr& node, bool wrapped) {
    if (!node) {
      out_ += "null";
    } else if (node->kind == DurationNode::Kind::literal) {
      open("numberLiteral");
      text("val", plain_decimal(node->value));
      flag("duration", node->in_units);
      close();
    } else if (node->kind == DurationNode::Kind::parens && node->left->kind != DurationNode::Kind::literal) {
      computed(node->left, true);
    } else {
      const bool alone = !node->right;  // an operator before its operand, or a function without any
      open("durationExpr");
      text("op", operator_of(*node));
      key("lhs");
      computed(alone ? nullptr : node->left, false);
      key("rhs");
      computed(alone ? node->left : node->right, false);
      flag("wrapped", wrapped || node->kind == DurationNode::Kind::parens);
      close();
    }
  }
  void modifiers(const Modifiers& m) {
    duration("offset", m.offset_ms, m.offset_expr);
    key("timestamp");
    if (m.at == Modifiers::At::time) {
      fmt::format_to(std::back_inserter(out_), "{}", m.at_ms);
    } else {
      out_ += "null";
    }
    key("startOrEnd");
    out_ += m.at == Modifiers::At::start ? R"("start")" : m.at == Modifiers::At::end ? R"("end")" : "null";
  }
  void selector(const VectorSelector& s) {
    text("name", s.name);
    key("matchers");
    out_ += '[';
    bool first = true;
    // The one that the name stands for comes last, as there.
    for (const bool of_name : {false, true}) {
      for (const Matcher& matcher : s.matchers) {
        const bool is_name = !s.name.empty() && matcher.name() == kMetricName &&
                             matcher.op() == MatchOp::equal && matcher.value() == s.name;
        if (is_name != of_name) continue;
        out_ += first ? "{" : ",{";
        first = false;
        text("name", matcher.name());
        text("value", matcher.value());
        text("type", symbol(matcher.op()));
        out_ += '}';
      }
    }
    out_ += ']';
    modifiers(s.modifiers);
    flag("anchored", s.extended == Extended::anchored);
    flag("smoothed", s.extended == Extended::smoothed);
  }

  std::string& out_;
};

}  // namespace

void append_tree_json(std::string& out, const Expr& expr) { TreeWriter(out).write(expr); }

}  // namespace chiron::promql
