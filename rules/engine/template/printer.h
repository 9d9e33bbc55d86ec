#pragma once

#include "exporter/base/result.h"
#include "rules/engine/template/go_numbers.h"
#include "rules/engine/template/value.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace chiron::rules::tmpl {

/// Values as Go's fmt prints them. Stops, and says so, when a text outgrows the limit.
class Printer {
 public:
  explicit Printer(std::size_t limit) : limit_(limit) {}

  void print(std::span<const Value> values);    ///< Sprint: a blank between two that are no strings
  void println(std::span<const Value> values);  ///< Sprintln
  void printf(std::string_view format, std::span<const Value> values);
  /// As an action prints it, and html, js and urlquery take it: what a pointer points at, <no value> for nil.
  void put(const Value& value);
  void put_all(std::span<const Value> values);

  Result<std::string> take() &&;

 private:
  friend class Directives;

  void add(std::string_view text);
  bool full() const { return out_.size() > limit_; }
  void argument(const Value& value, char32_t verb, const Flags& flags, int depth = 0);
  void bad_verb(const Value& value, char32_t verb, const Flags& flags, int depth);
  void text(const std::string& text, char32_t verb, const Flags& flags, const Value& value, int depth);
  void hexadecimal(std::string_view text, bool capitals, const Flags& flags);
  void integer(const Value& value, char32_t verb, const Flags& flags, int depth);
  void map(const Value& value, char32_t verb, const Flags& flags, int depth);
  void list(const Value& value, char32_t verb, const Flags& flags, int depth);
  void sample(const Sample& sample, char32_t verb, const Flags& flags, int depth);
  void data(const TemplateData& data, char32_t verb, const Flags& flags, int depth);
  void field(std::string_view name, const Value& value, bool first, char32_t verb, const Flags& flags,
             int depth);

  const std::size_t limit_;
  std::string out_;
};

/// %v of one value, for messages; cut where it is long.
std::string brief(const Value& value);

}  // namespace chiron::rules::tmpl
