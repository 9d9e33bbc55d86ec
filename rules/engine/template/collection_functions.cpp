#include "rules/engine/template/functions.h"

#include <array>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

Result<std::size_t> index_of(const Value& index, std::size_t size) {
  if (index.is_none()) return function_error("cannot index slice/array with nil");
  const Kind kind = kind_of(index);
  if (kind != Kind::integer && kind != Kind::unsigned_integer)
    return function_error(fmt::format("cannot index slice/array with type {}", type_name(index.type())));
  const std::int64_t at = index.integer();
  if (at < 0 || static_cast<std::uint64_t>(at) > size)
    return function_error(fmt::format("index out of range: {}", at));
  return static_cast<std::size_t>(at);
}

Result<Value> index_once(const Value& item, const Value& index) {
  if (is_nil_pointer(item)) return function_error("index of nil pointer");
  const Kind kind = kind_of(item);
  if (kind == Kind::map) {
    if (index.is_none()) return function_error("value is nil; should be of type string");
    if (index.type() != Type::string)
      return function_error(fmt::format("value has type {}; should be string", type_name(index.type())));
    return map_element(item, index.text());
  }
  if (kind != Kind::list && kind != Kind::text)
    return function_error(fmt::format("can't index item of type {}", type_name(item.type())));
  Result<std::size_t> at = index_of(index, length_of(item));
  if (!at) return std::move(at).error();
  if (*at == length_of(item))
    return function_error(kind == Kind::text ? "reflect: string index out of range"
                                             : "reflect: slice index out of range");
  if (kind == Kind::list) return Value::of(item.samples().at(*at));
  return Value::of_int(static_cast<unsigned char>(item.text()[*at]), Type::uint8);
}

Result<Value> call_index(Context&, Arguments arguments) {
  if (arguments[0].is_none()) return function_error("index of untyped nil");
  Value item = arguments[0];
  for (const Value& index : arguments.subspan(1)) {
    Result<Value> element = index_once(item, index);
    if (!element) return element;
    item = *std::move(element);
  }
  return item;
}

Result<Value> call_slice(Context&, Arguments arguments) {
  const Value& item = arguments[0];
  if (item.is_none()) return function_error("slice of untyped nil");
  const Arguments indexes = arguments.subspan(1);
  if (indexes.size() > 3) return function_error(fmt::format("too many slice indexes: {}", indexes.size()));
  const Kind kind = kind_of(item);
  if (kind == Kind::text && indexes.size() == 3) return function_error("cannot 3-index slice a string");
  if (kind != Kind::text && kind != Kind::list)
    return function_error(fmt::format("can't slice item of type {}", type_name(item.type())));
  const std::size_t size = length_of(item);
  std::array<std::size_t, 3> at = {0, size, size};
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    Result<std::size_t> index = index_of(indexes[i], size);
    if (!index) return std::move(index).error();
    at.at(i) = *index;
  }
  if (at[0] > at[1]) return function_error(fmt::format("invalid slice index: {} > {}", at[0], at[1]));
  if (at[1] > at[2]) return function_error(fmt::format("invalid slice index: {} > {}", at[1], at[2]));
  if (kind == Kind::text) return Value(item.type(), item.text().substr(at[0], at[1] - at[0]));
  SampleList part = item.samples();
  part.end = part.begin + at[1];
  part.begin += at[0];
  return Value::of(std::move(part));
}

Result<Value> call_len(Context&, Arguments arguments) {
  const Value& item = arguments[0];
  if (item.is_none() || is_nil_pointer(item)) return function_error("len of nil pointer");
  const Kind kind = kind_of(item);
  if (kind != Kind::text && kind != Kind::map && kind != Kind::list)
    return function_error(fmt::format("len of type {}", type_name(indirect(item).type())));
  return Value::of_int(static_cast<std::int64_t>(length_of(item)));
}

/// No value here is a function.
Result<Value> call_call(Context&, Arguments arguments) {
  if (arguments[0].is_none()) return function_error("call of nil");
  return function_error(fmt::format("non-function of type {}", type_name(arguments[0].type())));
}

Result<Value> call_args(Context& context, Arguments arguments) {
  auto made = std::make_shared<ArgsMap>();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].type() == Type::args) made->depth = std::max(made->depth, arguments[i].args().depth + 1);
    made->values.emplace(fmt::format("arg{}", i), arguments[i]);
  }
  if (made->depth > Budget::kArgsDepth)
    return function_error(fmt::format("more than {} args inside of each other", Budget::kArgsDepth));
  static_cast<void>(context.budget.take(arguments.size()));
  return Value(Type::args, std::shared_ptr<const ArgsMap>(std::move(made)));
}

constexpr Function kFunctions[] = {
    {"args", "a*", call_args}, {"call", "aa*", call_call},   {"index", "aa*", call_index},
    {"len", "a", call_len},    {"slice", "aa*", call_slice},
};

}  // namespace

std::span<const Function> collection_functions() { return kFunctions; }

}  // namespace chiron::rules::tmpl
