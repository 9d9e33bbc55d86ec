#pragma once

#include "rules/promql/promql.h"

#include <string>

namespace chiron::promql {

/// Appends the `data` of Prometheus' HTTP API for a result: {"resultType":"vector","result":[...]}. Values
/// are strings ("NaN", "+Inf"), timestamps seconds with up to three decimals.
void append_json(std::string& out, const Value& value);

/// Appends `text` as a JSON string. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
/// Appends a timestamp in milliseconds as seconds: 1435781451.781.
void append_json_timestamp(std::string& out, TimestampMs t);
/// Appends {"name":"value",...}.
void append_json_labels(std::string& out, const Labels& labels);

}  // namespace chiron::promql
