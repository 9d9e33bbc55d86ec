#include "rules/promql/check.h"

#include "rules/promql/functions.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

class Checker {
 public:
  Checker(const Expr& expr, std::vector<ParseError>& errors) : expr_(expr), errors_(errors) {}

  ValueType operator()(const NumberLiteral&) { return ValueType::scalar; }
  ValueType operator()(const StringLiteral&) { return ValueType::string; }

  ValueType operator()(const VectorSelector& selector) {
    selects_something(selector);
    return ValueType::vector;
  }
  // Its vector selector was checked when it was met without the range.
  ValueType operator()(const MatrixSelector&) { return ValueType::matrix; }

  ValueType operator()(const Subquery& subquery) {
    if (subquery.inner->type != ValueType::vector) {
      fail(fmt::format("subquery is only allowed on instant vector, got {} instead",
                       short_name(subquery.inner->type)));
    }
    return ValueType::matrix;
  }

  ValueType operator()(const Paren& paren) { return paren.inner->type; }

  ValueType operator()(const Unary& unary) {
    const ValueType type = unary.operand->type;
    if (type != ValueType::scalar && type != ValueType::vector) {
      fail(fmt::format(
          "unary expression only allowed on expressions of type scalar or instant vector, got \"{}\"",
          to_string(type)));
    }
    return type;
  }

  ValueType operator()(const Binary& binary) {
    const ValueType left = binary.lhs->type;
    const ValueType right = binary.rhs->type;
    const bool scalars = left == ValueType::scalar && right == ValueType::scalar;
    const bool vectors = left == ValueType::vector && right == ValueType::vector;
    if (binary.return_bool && !is_comparison(binary.op))
      fail("bool modifier can only be used on comparison operators");
    if (is_comparison(binary.op) && !binary.return_bool && scalars) {
      fail_at(binary.op_range, "comparisons between scalars must use BOOL modifier",
              fmt::format("write {} bool", to_string(binary.op)));
    }
    operand(*binary.lhs);
    operand(*binary.rhs);
    matching(binary, vectors);
    return scalars ? ValueType::scalar : ValueType::vector;
  }

  ValueType operator()(const Aggregate& aggregate) {
    expect(*aggregate.operand, ValueType::vector, "aggregation expression");
    if (aggregate.parameter && takes_parameter(aggregate.op)) {
      const bool label = aggregate.op == AggregateOp::count_values;
      expect(*aggregate.parameter, label ? ValueType::string : ValueType::scalar, "aggregation parameter");
    }
    return ValueType::vector;
  }

  ValueType operator()(const Call& call) {
    const Signature& signature = *call.function;
    const std::size_t given = call.arguments.size();
    if (given < signature.at_least() || given > signature.at_most()) count(signature, given);
    if (signature.name == "info" && given > 1) label_selector(*call.arguments[1]);
    for (std::size_t i = 0; i < given; ++i) {
      const ValueType wanted = signature.argument(i);
      if (wanted == ValueType::none) break;
      expect(*call.arguments[i], wanted, fmt::format("call to function \"{}\"", signature.name));
    }
    return signature.result;
  }

 private:
  void fail(std::string message, std::string hint = {}) {
    fail_at(expr_.range, std::move(message), std::move(hint));
  }
  void fail_at(Range range, std::string message, std::string hint = {}) {
    errors_.push_back({range, std::move(message), std::move(hint)});
  }

  void selects_something(const VectorSelector& selector) {
    const auto named = [](const Matcher& m) { return m.name() == kMetricName; };
    if (!selector.name.empty() && !selector.name_in_braces) {
      const auto names = std::count_if(selector.matchers.begin(), selector.matchers.end(), named);
      // The one made of the name comes first when both are there.
      const auto other = std::find_if(selector.matchers.rbegin(), selector.matchers.rend(), named);
      if (names > 1) {
        fail(fmt::format("metric name must not be set twice: \"{}\" or \"{}\"", selector.name,
                         other->value()));
      }
    }
    if (selector.labels_only) return;
    const bool narrow = std::any_of(selector.matchers.begin(), selector.matchers.end(),
                                    [](const Matcher& m) { return !m.matches_empty(); });
    if (!narrow) {
      fail("vector selector must contain at least one non-empty matcher",
           "name the metric, or a label that every wanted series has");
    }
  }

  void label_selector(const Expr& argument) {
    const auto* selector = std::get_if<VectorSelector>(&argument.node);
    if (argument.type != ValueType::vector) return;  // told by the types
    if (selector == nullptr) {
      fail_at(argument.range, "expected label selectors only");
    } else if (!selector->name.empty() && !selector->name_in_braces) {
      fail_at(argument.range, "expected label selectors only, got vector selector instead",
              "write matchers in braces; {__name__=\"...\"} names an info metric");
    }
  }

  void operand(const Expr& side) {
    if (side.type != ValueType::scalar && side.type != ValueType::vector) {
      fail_at(side.range, "binary expression must contain only scalar and instant vector types");
    }
  }

  void matching(const Binary& binary, bool vectors) {
    const Matching& matching = binary.matching;
    const bool grouped =
        matching.card == Matching::Card::many_to_one || matching.card == Matching::Card::one_to_many;
    if (is_set_operator(binary.op)) {
      if (!vectors) {
        fail(
            fmt::format("set operator \"{}\" not allowed in binary scalar expression", to_string(binary.op)));
      }
      if (grouped) {
        fail(fmt::format("no grouping allowed for \"{}\" operation", to_string(binary.op)));
        fail("set operations must always be many-to-many");
      }
    }
    if (matching.fill_left || matching.fill_right) {
      if (!vectors) {
        fail("filling in missing series only allowed between instant vectors");
      } else if (is_set_operator(binary.op)) {
        fail("filling in missing series not allowed for set operators");
      }
    }
    // An empty list is let pass, and means nothing, as in Prometheus.
    if (!vectors && !matching.labels.empty()) fail("vector matching only allowed between instant vectors");
    if (!matching.on) return;
    for (const std::string& label : matching.include) {
      if (std::find(matching.labels.begin(), matching.labels.end(), label) != matching.labels.end()) {
        fail_at(binary.op_range,
                fmt::format("label \"{}\" must not occur in ON and GROUP clause at once", label));
      }
    }
  }

  void expect(const Expr& argument, ValueType wanted, std::string_view context) {
    if (argument.type == wanted) return;
    std::string hint;
    if (wanted == ValueType::matrix && argument.type == ValueType::vector) {
      hint = "give a range, as in metric[5m]";
    } else if (wanted == ValueType::vector && argument.type == ValueType::scalar) {
      hint = "vector(...) makes an instant vector of a scalar";
    } else if (wanted == ValueType::scalar && argument.type == ValueType::vector) {
      hint = "scalar(...) makes a scalar of a vector with one element";
    }
    fail_at(
        argument.range,
        fmt::format("expected type {} in {}, got {}", to_string(wanted), context, to_string(argument.type)),
        std::move(hint));
  }

  void count(const Signature& signature, std::size_t given) {
    std::string_view words;
    std::size_t wanted = signature.declared();
    if (signature.repeat != 0) {
      const bool few = given < signature.at_least();
      words = few ? "at least " : "at most ";
      wanted = few ? signature.at_least() : signature.at_most();
    }
    fail(fmt::format("expected {}{} argument(s) in call to \"{}\", got {}", words, wanted, signature.name,
                     given));
  }

  const Expr& expr_;
  std::vector<ParseError>& errors_;
};

}  // namespace

void check(Expr& expr, std::vector<ParseError>& errors) {
  expr.type = std::visit(Checker(expr, errors), expr.node);
}

std::string_view short_name(ValueType type) {
  switch (type) {
    case ValueType::vector:
      return "vector";
    case ValueType::matrix:
      return "matrix";
    default:
      return to_string(type);
  }
}

}  // namespace chiron::promql
