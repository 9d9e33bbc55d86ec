#include "rules/engine/template/value.h"

#include <array>

namespace chiron::rules::tmpl {
namespace {

struct TypeRow {
  std::string_view name;
  Kind kind;
};

/// In the order of Type.
constexpr std::array kTypes = {
    TypeRow{"<nil>", Kind::none},
    TypeRow{"bool", Kind::boolean},
    TypeRow{"int", Kind::integer},
    TypeRow{"int64", Kind::integer},
    TypeRow{"uint8", Kind::unsigned_integer},
    TypeRow{"time.Month", Kind::integer},
    TypeRow{"time.Weekday", Kind::integer},
    TypeRow{"time.Duration", Kind::integer},
    TypeRow{"*time.Duration", Kind::pointer},
    TypeRow{"float64", Kind::real},
    TypeRow{"complex128", Kind::complex},
    TypeRow{"string", Kind::text},
    TypeRow{"template.HTML", Kind::text},
    TypeRow{"map[string]string", Kind::map},
    TypeRow{"map[string]interface {}", Kind::map},
    TypeRow{"template.queryResult", Kind::list},
    TypeRow{"*template.sample", Kind::pointer},
    TypeRow{"time.Time", Kind::structure},
    TypeRow{"*time.Time", Kind::pointer},
    TypeRow{"struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
            "Value interface {} }",
            Kind::structure},
};

const TypeRow& row_of(Type type) { return kTypes.at(static_cast<std::size_t>(type)); }

}  // namespace

Kind kind_of(Type type) { return row_of(type).kind; }
std::string_view type_name(Type type) { return row_of(type).name; }

bool is_nil_pointer(const Value& value) {
  return value.type() == Type::sample && value.sample().sample == nullptr;
}

bool is_true(const Value& value) {
  switch (kind_of(value)) {
    case Kind::none:
      return false;
    case Kind::boolean:
      return value.boolean();
    case Kind::integer:
    case Kind::unsigned_integer:
      return value.integer() != 0;
    case Kind::real:
      return value.real() != 0;
    case Kind::complex:
      return value.complex() != std::complex<double>();
    case Kind::text:
    case Kind::map:
    case Kind::list:
      return length_of(value) > 0;
    case Kind::pointer:
      return !is_nil_pointer(value);
    case Kind::structure:
      break;
  }
  return true;
}

Value indirect(const Value& value) {
  // What a *sample points at is still known by it.
  if (value.type() == Type::duration_pointer) return Value::of_int(value.integer(), Type::duration);
  if (value.type() == Type::time_pointer) return {Type::time, value.instant()};
  return value;
}

std::size_t length_of(const Value& value) {
  switch (value.type()) {
    case Type::string:
    case Type::html:
      return value.text().size();
    case Type::labels:
      return value.labels().labels == nullptr ? 0 : value.labels().labels->size();
    case Type::args:
      return value.args().values.size();
    case Type::samples:
      return value.samples().size();
    default:
      return 0;
  }
}

Value map_element(const Value& map, std::string_view key) {
  if (map.type() == Type::labels) {
    const Labels* labels = map.labels().labels;
    return Value::of(std::string(labels == nullptr ? std::string_view() : labels->get(key)));
  }
  const auto found = map.args().values.find(key);
  return found == map.args().values.end() ? Value() : found->second;
}

}  // namespace chiron::rules::tmpl
