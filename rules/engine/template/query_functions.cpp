#include "rules/engine/template.h"
#include "rules/engine/template/functions.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

/// What Go says where code goes through a nil pointer.
Error nil_pointer() {
  return function_error("runtime error: invalid memory address or nil pointer dereference");
}

Result<Value> call_query(Context& context, Arguments arguments) {
  if (context.data.queries == nullptr) return function_error("there is nothing to ask here");
  if (!context.budget.take_query())
    return function_error(fmt::format("more than {} queries in one text", Budget::kQueries));
  Result<std::shared_ptr<const promql::Vector>> answer = context.data.queries->ask(arguments[0].text());
  if (!answer) return std::move(answer).error();
  SampleList list;
  list.owner = *std::move(answer);
  list.end = list.owner->size();
  list.items = std::make_shared<std::vector<const promql::VectorSample*>>();
  for (const promql::VectorSample& sample : *list.owner) list.items->push_back(&sample);
  static_cast<void>(context.budget.take(list.end));
  return Value::of(std::move(list));
}

Result<Value> call_first(Context&, Arguments arguments) {
  if (length_of(arguments[0]) == 0) return function_error("first() called on vector with no elements");
  return Value::of(arguments[0].samples().at(0));
}

Result<Value> call_label(Context&, Arguments arguments) {
  const promql::VectorSample* sample = arguments[1].sample().sample;
  if (sample == nullptr) return nil_pointer();
  return Value::of(std::string(sample->labels.get(arguments[0].text())));
}

Result<Value> call_value(Context&, Arguments arguments) {
  const promql::VectorSample* sample = arguments[0].sample().sample;
  if (sample == nullptr) return nil_pointer();
  return Value::of(sample->v);
}

Result<Value> call_strvalue(Context&, Arguments arguments) {
  const promql::VectorSample* sample = arguments[0].sample().sample;
  if (sample == nullptr) return nil_pointer();
  return Value::of(std::string(sample->labels.get("__value__")));
}

Result<Value> call_sort_by_label(Context& context, Arguments arguments) {
  const SampleList& list = arguments[1].samples();
  if (list.size() == 0) return arguments[1];
  // A sort compares each element log2(n) times.
  static_cast<void>(context.budget.take(list.size() * 8));
  const auto begin = list.items->begin() + static_cast<std::ptrdiff_t>(list.begin);
  std::stable_sort(
      begin, begin + static_cast<std::ptrdiff_t>(list.size()),
      [&name = arguments[0].text()](const promql::VectorSample* a, const promql::VectorSample* b) {
        return a->labels.get(name) < b->labels.get(name);
      });
  return arguments[1];
}

constexpr Function kFunctions[] = {
    {"first", "r", call_first},       {"label", "ts", call_label},
    {"query", "t", call_query},       {"sortByLabel", "tr", call_sort_by_label},
    {"strvalue", "s", call_strvalue}, {"value", "s", call_value},
};

}  // namespace

std::span<const Function> query_functions() { return kFunctions; }

}  // namespace chiron::rules::tmpl
