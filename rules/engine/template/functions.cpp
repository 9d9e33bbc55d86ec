#include "rules/engine/template/functions.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace chiron::rules::tmpl {

const std::vector<const Function*>& functions() {
  static const std::vector<const Function*> kAll = [] {
    std::vector<const Function*> all;
    for (const std::span<const Function> part :
         {comparison_functions(), collection_functions(), text_functions(), escaping_functions(),
          number_functions(), query_functions()})
      for (const Function& function : part) all.push_back(&function);
    std::sort(all.begin(), all.end(), [](const Function* a, const Function* b) { return a->name < b->name; });
    return all;
  }();
  return kAll;
}

const Function* find_function(std::string_view name) {
  const std::vector<const Function*>& all = functions();
  const auto found = std::lower_bound(all.begin(), all.end(), name,
                                      [](const Function* a, std::string_view b) { return a->name < b; });
  return found != all.end() && (*found)->name == name ? *found : nullptr;
}

std::string_view parameter_type(char parameter) {
  switch (parameter) {
    case 't':
      return type_name(Type::string);
    case 'r':
      return type_name(Type::samples);
    case 's':
      return type_name(Type::sample);
    case 'i':
      return type_name(Type::integer);
    case 'd':
      return type_name(Type::duration);
    case 'm':
      return type_name(Type::time);
    default:
      return "interface {}";
  }
}

Error function_error(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }
Error out_of_steps() {
  return function_error(fmt::format("more than {} steps: the template goes on for too long", Budget::kSteps));
}

}  // namespace chiron::rules::tmpl
