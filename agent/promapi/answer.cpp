#include "agent/promapi/answer.h"

#include "agent/compress.h"
#include "rules/promql/json.h"

#include <iterator>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

using promql::append_json_string;

constexpr std::size_t kMostNotes = 10;  // of each kind (web/api/v1/api.go, respond)

struct Kind {
  std::string_view type;
  int status;
};

/// Prometheus' error types and codes (web/api/v1/api.go, respondError).
Kind kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return {"bad_data", 400};
    case ErrorCode::not_found:
      return {"not_found", 404};
    case ErrorCode::timed_out:
      return {"timeout", 503};
    case ErrorCode::cancelled:
      // nginx' "client closed request", which nobody is left to read.
      return {"canceled", 499};
    case ErrorCode::unavailable:
      return {"unavailable", 503};
    case ErrorCode::internal:
    case ErrorCode::corrupt:
      return {"internal", 500};
    default:
      return {"execution", 422};
  }
}

void append_notes(std::string& out, std::string_view name, const std::vector<std::string>& notes) {
  if (notes.empty()) return;
  fmt::format_to(std::back_inserter(out), ",\"{}s\":", name);
  if (notes.size() <= kMostNotes) return append_json_list(out, notes);
  std::vector<std::string> some(notes.begin(), notes.begin() + kMostNotes);
  some.push_back(fmt::format("{} more {} annotations omitted", notes.size() - kMostNotes, name));
  append_json_list(out, some);
}

}  // namespace

std::string error_envelope(std::string_view type, std::string_view message) {
  std::string body = R"({"status":"error","errorType":)";
  append_json_string(body, type);
  body += ",\"error\":";
  append_json_string(body, message);
  body += '}';
  return body;
}

http::Response refusal(const Error& error) {
  const Kind kind = kind_of(error.code());
  return {.status = kind.status,
          .content_type = "application/json",
          .body = error_envelope(kind.type, error.to_string())};
}

http::Response answer(const http::Request& request, const Endpoint& endpoint) {
  constexpr std::string_view kBefore = R"({"status":"success")", kData = R"(,"data":)";
  std::string body;
  body.append(kBefore).append(kData);
  Notes notes;
  if (const Status status = endpoint(body, notes); !status.ok()) {
    return refusal(status.error());
  }
  if (body.size() == kBefore.size() + kData.size()) return {.status = 204};
  append_notes(body, "warning", notes.warnings);
  append_notes(body, "info", notes.infos);
  body += '}';
  return compressed({.content_type = "application/json", .body = std::move(body)}, request);
}

void append_json_time(std::string& out, WallTime time) {
  append_json_string(out, time == WallTime{} ? "0001-01-01T00:00:00Z" : to_rfc3339(time));
}

void append_json_seconds(std::string& out, Duration duration) {
  promql::append_value(out, std::chrono::duration<double>(duration).count());
}

void append_json_pairs(std::string& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  out += '{';
  for (const auto& [name, value] : pairs) {
    if (out.back() != '{') out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  }
  out += '}';
}

void append_json_list(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (const std::string& text : texts) {
    if (out.back() != '[') out += ',';
    append_json_string(out, text);
  }
  out += ']';
}

}  // namespace chiron::agent::promapi
