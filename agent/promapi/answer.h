#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/http/server.h"

#include <functional>
#include <string>
#include <vector>

namespace chiron::agent::promapi {

/// What an answer says beside its data.
struct Notes {
  std::vector<std::string> warnings, infos;
};

/// Appends the value of `data`, or nothing: then there is none. What is appended before an error is thrown
/// away. The error's code tells the type that Prometheus has for it: invalid_argument is bad_data, and so on
/// (answer.cpp).
using Endpoint = std::function<Status(std::string& data, Notes& notes)>;

/// Prometheus' envelope around what `endpoint` says: {"status":"success","data":...,"warnings":[...]}, or
/// {"status":"error","errorType":...,"error":...} with the HTTP status that belongs to it. 204 without data,
/// as Prometheus.
http::Response answer(const http::Request& request, const Endpoint& endpoint);
http::Response refusal(const Error& error);

/// {"status":"error","errorType":...,"error":...}
std::string error_envelope(std::string_view type, std::string_view message);

/// Appends an RFC 3339 time; that of Go's zero time for what never was.
void append_json_time(std::string& out, WallTime time);
/// Appends seconds as a JSON number.
void append_json_seconds(std::string& out, Duration duration);
/// Appends {"name":"value",...} of pairs as they stand.
void append_json_pairs(std::string& out, const std::vector<std::pair<std::string, std::string>>& pairs);
/// Appends ["a","b"].
void append_json_list(std::string& out, const std::vector<std::string>& texts);

}  // namespace chiron::agent::promapi
