#pragma once

#include "rules/promql/build.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::promql {

/// Makes the nodes of an expression whose types are checked. What is wrong with literals is kept in faults(),
/// and some node stands in for it.
class Builder {
 public:
  Builder(bool range_query, Plan& plan) : range_query_(range_query), plan_(plan) {}

  ScalarPtr scalar(const Expr& expr);
  VectorPtr vector(const Expr& expr);
  MatrixPtr matrix(const Expr& expr);

  /// The selector's series or, with another `show`, what their samples' times are.
  VectorPtr selector(const VectorSelector& selector, SelectorNode::Show show);
  /// One that the expression has not written.
  ResolvedSelector& made_selector(std::vector<Matcher> matchers);

  /// Whether what is built is evaluated at several steps, whose results are sorted by labels.
  bool has_steps() const { return range_query_ || subqueries_ > 0; }
  bool in_subquery() const { return subqueries_ > 0; }

  void fail(Range range, std::string message) { faults_.push_back({range, std::move(message), {}}); }
  std::vector<ParseError> faults() { return std::move(faults_); }

 private:
  VectorPtr binary_vector(const Expr& expr, const Binary& binary);
  VectorPtr aggregate_vector(const Aggregate& aggregate);
  void check_offset(const Modifiers& modifiers) { check_duration(modifiers.offset_expr, true); }
  void check_duration(const DurationPtr& duration, bool any_sign);

  const bool range_query_;
  std::size_t subqueries_ = 0;  // around what is built
  Plan& plan_;
  std::vector<ParseError> faults_;
};

/// A call of a function that gives a scalar or a vector; its arguments are built with `builder`. `where` the
/// call stands.
ScalarPtr build_scalar_call(Builder& builder, const Call& call);
VectorPtr build_vector_call(Builder& builder, const Call& call, TextPosition where);

/// The text of an argument that is a string.
const std::string& text_of(const Expr& expr);

}  // namespace chiron::promql
