#include "rules/engine/template/functions.h"
#include "rules/engine/template/printer.h"

#include <compare>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

bool is_basic(Kind kind) {
  return kind != Kind::none && kind != Kind::map && kind != Kind::list && kind != Kind::pointer &&
         kind != Kind::structure;
}
bool is_nil(const Value& value) { return value.is_none() || is_nil_pointer(value); }

/// Integers compare whatever their signedness.
bool are_integers(Kind a, Kind b) {
  const auto whole = [](Kind kind) { return kind == Kind::integer || kind == Kind::unsigned_integer; };
  return whole(a) && whole(b);
}

Error incompatible() { return function_error("incompatible types for comparison"); }
Error not_comparable(const Value& value) {
  return function_error(fmt::format("non-comparable type {}: {}", brief(value), type_name(value.type())));
}

bool same_basic(const Value& a, const Value& b) {
  switch (kind_of(a)) {
    case Kind::boolean:
      return a.boolean() == b.boolean();
    case Kind::real:
      return a.real() == b.real();
    case Kind::complex:
      return a.complex() == b.complex();
    case Kind::text:
      return a.text() == b.text();
    default:
      return a.integer() == b.integer();
  }
}

Result<bool> equal(const Value& a, const Value& b) {
  const Kind kind = kind_of(a), other = kind_of(b);
  if (is_basic(kind) && is_basic(other)) {
    if (kind == other || are_integers(kind, other)) return same_basic(a, b);
    return incompatible();
  }
  if (is_nil(a) || is_nil(b)) return is_nil(a) && is_nil(b);
  if (kind != other) return incompatible();
  if (kind == Kind::map || kind == Kind::list) return not_comparable(a);
  if (a.type() != b.type()) return incompatible();
  switch (a.type()) {
    case Type::sample:
      return a.sample().sample == b.sample().sample;
    case Type::time:
      return a.instant().nanoseconds == b.instant().nanoseconds;
    case Type::data:
      return not_comparable(a);
    default:
      // Pointers of package time: each call made one of its own.
      return false;
  }
}

Result<bool> less(const Value& a, const Value& b) {
  const Kind kind = kind_of(a), other = kind_of(b);
  if (!is_basic(kind) || !is_basic(other)) return function_error("invalid type for comparison");
  if (are_integers(kind, other)) return a.integer() < b.integer();
  if (kind != other) return incompatible();
  if (kind == Kind::real) return a.real() < b.real();
  if (kind == Kind::text) return a.text() < b.text();
  return function_error("invalid type for comparison");
}

Result<Value> as_value(Result<bool> outcome) {
  if (!outcome) return std::move(outcome).error();
  return Value::of(*outcome);
}

Result<Value> call_eq(Context& context, Arguments arguments) {
  if (arguments.size() < 2) return function_error("missing argument for comparison");
  for (const Value& other : arguments.subspan(1)) {
    if (!context.budget.take(1)) return out_of_steps();
    Result<bool> same = equal(arguments[0], other);
    if (!same) return std::move(same).error();
    if (*same) return Value::of(true);
  }
  return Value::of(false);
}

Result<Value> call_ne(Context&, Arguments arguments) {
  Result<bool> same = equal(arguments[0], arguments[1]);
  if (!same) return std::move(same).error();
  return Value::of(!*same);
}

Result<Value> call_lt(Context&, Arguments arguments) { return as_value(less(arguments[0], arguments[1])); }

Result<bool> less_or_equal(const Value& a, const Value& b) {
  Result<bool> smaller = less(a, b);
  if (!smaller || *smaller) return smaller;
  return equal(a, b);
}

Result<Value> call_le(Context&, Arguments arguments) {
  return as_value(less_or_equal(arguments[0], arguments[1]));
}

/// Go makes gt of le, so that NaN is greater than everything.
Result<Value> call_gt(Context&, Arguments arguments) {
  Result<bool> outcome = less_or_equal(arguments[0], arguments[1]);
  if (outcome) *outcome = !*outcome;
  return as_value(std::move(outcome));
}

Result<Value> call_ge(Context&, Arguments arguments) {
  Result<bool> outcome = less(arguments[0], arguments[1]);
  if (outcome) *outcome = !*outcome;
  return as_value(std::move(outcome));
}

Result<Value> call_not(Context&, Arguments arguments) { return Value::of(!is_true(arguments[0])); }

/// The executor evaluates the arguments of these one by one, up to the one that decides; what is left over is
/// the last.
Result<Value> call_last(Context&, Arguments arguments) { return arguments.back(); }

constexpr Function kFunctions[] = {
    {"and", "aa*", call_last}, {"eq", "aa*", call_eq}, {"ge", "aa", call_ge},
    {"gt", "aa", call_gt},     {"le", "aa", call_le},  {"lt", "aa", call_lt},
    {"ne", "aa", call_ne},     {"not", "a", call_not}, {"or", "aa*", call_last},
};

}  // namespace

std::span<const Function> comparison_functions() { return kFunctions; }

}  // namespace chiron::rules::tmpl
