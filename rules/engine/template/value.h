#pragma once

#include "exporter/series/labels.h"
#include "rules/promql/promql.h"

#include <complex>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chiron::rules {
struct TemplateData;
}

namespace chiron::rules::tmpl {

/// The Go types that occur in a template of Prometheus.
enum class Type : std::uint8_t {
  none,  ///< an untyped nil
  boolean,
  integer,  ///< int
  int64,
  uint8,
  month,
  weekday,
  duration,
  duration_pointer,
  float64,
  complex128,
  string,
  html,
  labels,   ///< map[string]string
  args,     ///< map[string]interface {}
  samples,  ///< what `query` gives: []*sample
  sample,   ///< *sample
  time,
  time_pointer,
  data,  ///< the dot that a template starts with
};

/// What comparisons and verbs tell apart: Go's reflect.Kind.
enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,
  unsigned_integer,
  real,
  complex,
  text,
  map,
  list,
  pointer,
  structure,
};

class Value;

struct LabelMap {
  const Labels* labels = nullptr;     ///< null: an empty map
  std::shared_ptr<const void> owner;  ///< keeps `labels`; null when the template's data does
};
struct ArgsMap {
  std::map<std::string, Value, std::less<>> values;
  std::size_t depth = 1;  ///< of maps in maps
};
struct Sample {
  const promql::VectorSample* sample = nullptr;  ///< null: a nil pointer
  std::shared_ptr<const promql::Vector> owner;
};
/// A slice: its elements are shared by all slices of it, as in Go, so that sortByLabel sorts them all.
struct SampleList {
  std::shared_ptr<std::vector<const promql::VectorSample*>> items;
  std::shared_ptr<const promql::Vector> owner;
  std::size_t begin = 0, end = 0;

  std::size_t size() const { return end - begin; }
  Sample at(std::size_t i) const { return {(*items)[begin + i], owner}; }
};
/// Go's time.Time in UTC. Nanoseconds since the epoch reach from 1677 to 2262.
struct Instant {
  std::int64_t nanoseconds = 0;
};

/// A value inside a template. Cheap to copy but for texts.
class Value {
 public:
  using Payload =
      std::variant<std::monostate, bool, std::int64_t, double, std::complex<double>, std::string, LabelMap,
                   std::shared_ptr<const ArgsMap>, SampleList, Sample, Instant, const TemplateData*>;

  Value() = default;
  Value(Type type, Payload payload) : type_(type), payload_(std::move(payload)) {}

  static Value of(bool value) { return {Type::boolean, value}; }
  static Value of(double value) { return {Type::float64, value}; }
  static Value of(std::string value) { return {Type::string, std::move(value)}; }
  static Value of_int(std::int64_t value, Type type = Type::integer) { return {type, value}; }
  static Value of(LabelMap value) { return {Type::labels, std::move(value)}; }
  static Value of(SampleList value) { return {Type::samples, std::move(value)}; }
  static Value of(Sample value) { return {Type::sample, std::move(value)}; }

  Type type() const { return type_; }
  bool is_none() const { return type_ == Type::none; }

  // Only for the types that hold such a payload.
  bool boolean() const { return *std::get_if<bool>(&payload_); }
  std::int64_t integer() const { return *std::get_if<std::int64_t>(&payload_); }
  double real() const { return *std::get_if<double>(&payload_); }
  std::complex<double> complex() const { return *std::get_if<std::complex<double>>(&payload_); }
  const std::string& text() const { return *std::get_if<std::string>(&payload_); }
  const LabelMap& labels() const { return *std::get_if<LabelMap>(&payload_); }
  const ArgsMap& args() const { return **std::get_if<std::shared_ptr<const ArgsMap>>(&payload_); }
  const SampleList& samples() const { return *std::get_if<SampleList>(&payload_); }
  const Sample& sample() const { return *std::get_if<Sample>(&payload_); }
  Instant instant() const { return *std::get_if<Instant>(&payload_); }
  const TemplateData& data() const { return **std::get_if<const TemplateData*>(&payload_); }

 private:
  Type type_ = Type::none;
  Payload payload_;
};

Kind kind_of(Type type);
inline Kind kind_of(const Value& value) { return kind_of(value.type()); }
/// As Go's %T prints it.
std::string_view type_name(Type type);
/// Whether `if` takes it for true.
bool is_true(const Value& value);
/// A pointer's target; other values as they are.
Value indirect(const Value& value);
bool is_nil_pointer(const Value& value);
/// Of texts in bytes, of maps and lists in elements; 0 of all else.
std::size_t length_of(const Value& value);
/// The element of a map; the zero value of its type when the key is not there.
Value map_element(const Value& map, std::string_view key);

}  // namespace chiron::rules::tmpl
