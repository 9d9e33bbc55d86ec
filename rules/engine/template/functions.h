#pragma once

#include "exporter/base/result.h"
#include "rules/engine/template/value.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::rules::tmpl {

/// What one expansion may use up; past it the expansion fails, so that no rule file hangs or bloats the
/// agent.
class Budget {
 public:
  static constexpr std::size_t kSteps = 200'000;  ///< evaluated nodes, and 64 bytes of text count as one more
  static constexpr std::size_t kText = 64 * 1024;  ///< bytes of the output, and of any text made on the way
  static constexpr std::size_t kDepth = 100;       ///< of nested {{template}}, and of actions in actions
  static constexpr std::size_t kArgsDepth = 16;    ///< of args in args
  static constexpr std::size_t kQueries = 100;

  /// False when the steps are used up.
  bool take(std::size_t steps) {
    left_ -= std::min(left_, steps);
    return left_ > 0;
  }
  bool take_query() { return queries_++ < kQueries; }

 private:
  std::size_t left_ = kSteps;
  std::size_t queries_ = 0;
};

/// What a function may ask of the expansion it is called in.
struct Context {
  const TemplateData& data;
  Budget budget = {};
};

using Arguments = std::span<const Value>;

/// A row of the table of functions: Go's text/template, and Prometheus' template reference.
struct Function {
  std::string_view name;
  /// A letter for each parameter: a any value, t string, r what query gives, s one sample; * after the last:
  /// it may repeat, or be left out.
  std::string_view parameters;
  Result<Value> (*call)(Context& context, Arguments arguments);

  bool variadic() const { return parameters.ends_with('*'); }
  /// Parameters that there must be an argument for.
  std::size_t fixed() const { return variadic() ? parameters.size() - 2 : parameters.size(); }
  char parameter(std::size_t i) const {
    return parameters[std::min(i, parameters.size() - (variadic() ? 2 : 1))];
  }
};

/// All functions, by name.
const std::vector<const Function*>& functions();
/// nullptr: there is no such function.
const Function* find_function(std::string_view name);

// The parts of the table, by concern.
std::span<const Function> comparison_functions();
std::span<const Function> collection_functions();
std::span<const Function> text_functions();
std::span<const Function> escaping_functions();
std::span<const Function> number_functions();
std::span<const Function> query_functions();

/// The type that a parameter of this letter takes, as Go names it.
std::string_view parameter_type(char parameter);

Error function_error(std::string message);
/// The budget has no step left.
Error out_of_steps();

}  // namespace chiron::rules::tmpl
