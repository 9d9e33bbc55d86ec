#include "agent/promapi/api.h"
#include "agent/time_text.h"
#include "exporter/base/memory.h"
#include "exporter/base/utf8.h"
#include "rules/engine/expr_facts.h"
#include "rules/promql/json.h"
#include "rules/promql/pretty.h"
#include "rules/promql/tree_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

using std::chrono::milliseconds;

/// Of one series, in one answer (web/api/v1/api.go).
constexpr double kMostPoints = 11'000;

Result<promql::Parsed> read_expr(const Params& params, const promql::Features& features) {
  const std::string_view text = params.get("query");
  promql::Parsed parsed = promql::parse(text, features);
  if (!parsed.ok()) return parse_fault(text, parsed.errors);
  return parsed;
}

/// The same, where the error names the parameter.
Result<promql::Parsed> read_query(const Params& params, const promql::Features& features) {
  auto parsed = read_expr(params, features);
  if (!parsed.ok()) return invalid_parameter("query", parsed.error().message());
  return parsed;
}

/// A query, as its parameters have it.
struct Asked {
  promql::Parsed expr;
  TimestampMs start = 0, end = 0;  ///< the same for an instant
  Duration step{};                 ///< 0 for an instant
  promql::Limits limits;
  std::size_t most = 0;  ///< elements of the answer; 0: no limit
  std::string_view stats;
};

Status read_range(const Params& params, Asked& asked) {
  const auto start = params.time("start"), end = params.time("end");
  if (!start.ok()) return start.error();
  if (!end.ok()) return end.error();
  if (*end < *start) return invalid_parameter("end", "end timestamp must not be before start time");
  const auto step = params.duration("step");
  if (!step.ok()) return step.error();
  if (*step < milliseconds(1)) {
    return invalid_parameter("step",
                             "zero or negative query resolution step widths are not accepted. Try a positive "
                             "integer");
  }
  const double span = (static_cast<double>(*end) - static_cast<double>(*start)) * 1e6;
  if (std::floor(span / static_cast<double>(step->count())) > kMostPoints) {
    return Error(ErrorCode::invalid_argument,
                 "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                 "resolution (?step=XX)");
  }
  asked.start = *start;
  asked.end = *end;
  asked.step = *step;
  return {};
}

/// In the order in which Prometheus finds what is wrong.
Result<Asked> read(const Params& params, bool range, TimestampMs now, const promql::Limits& limits,
                   const promql::Features& features) {
  Asked asked;
  asked.limits = limits;
  asked.stats = params.get("stats");
  const auto most = params.limit("limit");
  if (!most.ok()) return most.error();
  asked.most = *most;
  if (range) {
    if (Status status = read_range(params, asked); !status.ok()) return std::move(status).error();
  } else {
    const auto time = params.time_or("time", now);
    if (!time.ok()) return time.error();
    asked.start = asked.end = *time;
  }
  if (params.has("timeout")) {
    const auto timeout = params.duration("timeout");
    if (!timeout.ok()) return timeout.error();
    asked.limits.timeout = std::clamp(*timeout, Duration::zero(), limits.timeout);
  }
  if (params.has("lookback_delta")) {
    const auto lookback = read_duration(params.get("lookback_delta"));
    if (!lookback.ok()) {
      return Error(ErrorCode::invalid_argument,
                   "error parsing lookback delta duration: " + lookback.error().message());
    }
    // As Prometheus: what is no length of time is the default.
    if (*lookback > Duration::zero()) asked.limits.lookback = *lookback;
  }
  auto expr = read_query(params, features);
  if (!expr.ok()) return std::move(expr).error();
  asked.expr = *std::move(expr);
  const promql::ValueType type = asked.expr.type;
  if (range && type != promql::ValueType::scalar && type != promql::ValueType::vector) {
    return invalid_parameter("query", "invalid expression type \"" + std::string(to_string(type)) +
                                          "\" for range query, must be Scalar or instant Vector");
  }
  return asked;
}

/// True when something was left out.
bool truncate(promql::Value& value, std::size_t limit) {
  const auto cut = [limit](auto& list) {
    if (limit == 0 || list.size() <= limit) return false;
    list.resize(limit);
    return true;
  };
  if (auto* vector = std::get_if<promql::Vector>(&value)) return cut(*vector);
  if (auto* matrix = std::get_if<promql::Matrix>(&value)) return cut(*matrix);
  return false;
}

struct Times {
  BootTime asked{}, begun{}, deadline{}, prepared{}, evaluated{};
};

void append_stats(std::string& data, const Times& times, const promql::SampleCounts& samples) {
  data += R"(,"stats":{"timings":{)";
  const std::array<std::pair<std::string_view, Duration>, 6> timings{
      {{"evalTotalTime", times.evaluated - times.begun},
       {"resultSortTime", Duration::zero()},
       {"queryPreparationTime", times.prepared - times.begun},
       {"innerEvalTime", times.evaluated - times.prepared},
       {"execQueueTime", times.begun - times.asked},
       {"execTotalTime", times.evaluated - times.asked}}};
  for (const auto& [name, took] : timings) {
    if (data.back() != '{') data += ',';
    promql::append_json_string(data, name);
    data += ':';
    append_json_seconds(data, took);
  }
  fmt::format_to(std::back_inserter(data),
                 R"(}},"samples":{{"totalQueryableSamples":{},"samplesRead":{},"peakSamples":{}}}}})",
                 samples.queryable, samples.read, samples.peak);
}

/// Of an evaluation; that it would take too many samples stays `exhausted`.
Error evaluation_error(const Error& error, const Times& times) {
  const ErrorCode code = error.code();
  // Both the evaluator and whoever watches over it look at the deadline.
  if (code == ErrorCode::cancelled && times.evaluated >= times.deadline)
    return Error(ErrorCode::timed_out, "query timed out in expression evaluation");
  if (code == ErrorCode::timed_out || code == ErrorCode::cancelled || code == ErrorCode::exhausted)
    return error;
  return Error(ErrorCode::failed_precondition, error.to_string());
}

Status evaluate(const Asked& asked, std::size_t max_samples, const SeriesReader& reader,
                const CancelToken& cancel, Times& times, std::string& data, Notes& notes) {
  promql::Limits limits = asked.limits;
  limits.max_samples = max_samples;
  limits.timeout = times.deadline - system_clock().boot();
  if (limits.timeout <= Duration::zero())
    return Error(ErrorCode::timed_out, "query timed out in query execution");
  promql::Query query(asked.expr.expr, reader, limits);
  times.prepared = system_clock().boot();
  auto value = asked.step == Duration::zero() ? query.instant(asked.start, &cancel)
                                              : query.range(asked.start, asked.end, asked.step, &cancel);
  times.evaluated = system_clock().boot();
  if (!value.ok()) return evaluation_error(value.error(), times);
  for (promql::Annotation& note : query.annotations()) {
    const bool warning = note.kind == promql::Annotation::Kind::warning;
    (warning ? notes.warnings : notes.infos).push_back(std::move(note.text));
  }
  if (truncate(*value, asked.most)) notes.warnings.emplace_back("results truncated due to limit");
  promql::append_json(data, *value);
  if (asked.stats.empty()) return {};
  if (asked.stats != "true" && asked.stats != "all") {
    notes.warnings.push_back(
        fmt::format("value {} for parameter \"stats\" is deprecated and will be rejected in the next major "
                    "release, use \"true\" or \"all\"",
                    quoted(asked.stats)));
  }
  data.pop_back();
  append_stats(data, times, query.sample_counts());
  data += '}';
  return {};
}

}  // namespace

http::Response Api::answer_query(const http::Request& request, const Params& params, bool range) {
  Times times;
  times.asked = system_clock().boot();
  auto asked = read(params, range, now(), limits_.query, limits_.features);
  if (!asked.ok()) return refusal(asked.error());
  times.deadline = times.asked + asked->limits.timeout;
  http::Response response;
  const Status status = gate_.run(asked->limits.timeout, request.gone, [&](const CancelToken& cancel) {
    times.begun = system_clock().boot();
    response = answer(request, [&](std::string& data, Notes& notes) -> Status {
      Status result = evaluate(*asked, share_, sources_.store, cancel, times, data, notes);
      if (result.ok() || result.error().code() != ErrorCode::exhausted) return result;
      // Once more, as one that needs more than its share: after those like it.
      const Duration left = std::max(times.deadline - system_clock().boot(), Duration::zero());
      const Status turn = large_.run(
          left, [&] { return cancel.cancelled(); },
          [&](const CancelToken& token) {
            times.begun = system_clock().boot();
            result = evaluate(*asked, asked->limits.max_samples, sources_.store, token, times, data, notes);
            release_unused_memory();
          });
      return turn.ok() ? result : turn;
    });
  });
  return status.ok() ? std::move(response) : refusal(status.error());
}

std::string Api::query(Params::Pairs pairs, std::function<bool()> gone) {
  const auto is_step = [](const auto& pair) { return pair.first == "step"; };
  const bool range = std::any_of(pairs.begin(), pairs.end(), is_step);
  return answer_query({.gone = std::move(gone)}, Params(std::move(pairs)), range).body;
}

Status Api::query_exemplars(const Params& params, std::string& data, Notes&) const {
  const auto start = params.time_or("start", kEarliest), end = params.time_or("end", kLatest);
  if (!start.ok()) return start.error();
  if (!end.ok()) return end.error();
  if (*end < *start)
    return Error(ErrorCode::invalid_argument, "end timestamp must not be before start timestamp");
  const auto expr = read_expr(params, limits_.features);
  if (!expr.ok()) return expr.error();
  // Where nothing could have an exemplar, Prometheus answers without any data.
  if (rules::facts_of(*expr->expr).has_selectors) data += "[]";
  return {};
}

Status Api::format_query(const Params& params, std::string& data, Notes&) const {
  const auto expr = read_query(params, limits_.features);
  if (!expr.ok()) return expr.error();
  promql::append_json_string(data, promql::pretty(*expr->expr));
  return {};
}

Status Api::parse_query(const Params& params, std::string& data, Notes&) const {
  const auto expr = read_query(params, limits_.features);
  if (!expr.ok()) return expr.error();
  promql::append_tree_json(data, *expr->expr);
  return {};
}

}  // namespace chiron::agent::promapi
