#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/series/labels.h"
#include "rules/promql/promql.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::agent::promapi {

/// The parameters of a request, read as Prometheus 3.14 reads them and with its messages
/// (web/api/v1/api.go): every error is ErrorCode::invalid_argument. Immutable.
class Params {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  explicit Params(Pairs pairs) : pairs_(std::move(pairs)) {}

  /// The first value; "" when absent.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;

  /// Unix seconds or RFC 3339.
  Result<TimestampMs> time(std::string_view name) const;
  /// The same, where it may be left out.
  Result<TimestampMs> time_or(std::string_view name, TimestampMs fallback) const;
  /// Seconds or a Prometheus duration; may be negative.
  Result<Duration> duration(std::string_view name) const;
  /// 0 when absent: no limit.
  Result<std::size_t> limit(std::string_view name) const;
  /// A number of what /api/v1/metadata shows; nothing when absent, negative for no limit.
  Result<std::optional<long>> count(std::string_view name) const;
  /// The series selectors of match[], each as its matchers. Unlike the other errors, these do not name the
  /// parameter: some endpoints do.
  Result<std::vector<std::vector<Matcher>>> selectors() const;
  /// The same, where one that selects every series is refused.
  Result<std::vector<std::vector<Matcher>>> narrow_selectors() const;

 private:
  Pairs pairs_;
};

/// invalid parameter "name": why
Error invalid_parameter(std::string_view name, std::string_view why);
/// LINE:COLUMN: parse error: ... of the first mistake of a text that does not parse.
Error parse_fault(std::string_view text, const std::vector<promql::ParseError>& faults);
/// A series selector; the error does not name the parameter.
Result<std::vector<Matcher>> read_selector(std::string_view text);
/// Seconds or a Prometheus duration; the error does not name the parameter.
Result<Duration> read_duration(std::string_view text);
/// As Go's strconv reads it, up to `most` and as much below zero, and with its messages.
Result<std::int64_t> read_integer(std::string_view go_function, std::string_view text, std::int64_t most);

}  // namespace chiron::agent::promapi
