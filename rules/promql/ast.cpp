#include "rules/promql/ast.h"

namespace chiron::promql {

std::string_view to_string(ValueType type) {
  switch (type) {
    case ValueType::none:
      return "none";
    case ValueType::scalar:
      return "scalar";
    case ValueType::vector:
      return "instant vector";
    case ValueType::matrix:
      return "range vector";
    case ValueType::string:
      return "string";
  }
  return "none";
}

}  // namespace chiron::promql
