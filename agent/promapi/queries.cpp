#include "agent/promapi/api.h"
#include "rules/promql/json.h"
#include "rules/promql/pretty.h"
#include "rules/promql/tree_json.h"

#include <cmath>

namespace chiron::agent::promapi {
namespace {

using std::chrono::milliseconds;

/// Of one series, in one answer (web/api/v1/api.go).
constexpr double kMostPoints = 11'000;

Result<promql::Parsed> parsed(std::string_view expr, const promql::Features& features) {
  promql::Parsed parsed = promql::parse(expr, features);
  if (!parsed.ok()) return invalid_parameter("query", parse_fault(expr, features));
  return parsed;
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

}  // namespace

/// One query on its way, with what Prometheus times of it.
struct Api::Run {
  const Params& params;
  const CancelToken& cancel;
  BootTime asked, begun, deadline;
  std::size_t limit = 0;
  promql::ValueType type = promql::ValueType::none;
  BootTime prepared{}, evaluated{};
};

http::Response Api::run_query(const http::Request& request, const Params& params, bool range) {
  const BootTime asked = system_clock().boot();
  Duration timeout = limits_.query.timeout;
  if (params.has("timeout")) {
    const auto wanted = params.duration("timeout");
    if (!wanted.ok()) return refusal(wanted.error());
    timeout = std::clamp(*wanted, Duration::zero(), timeout);
  }
  http::Response response;
  const Status status = gate_.run(timeout, request.gone, [&](const CancelToken& cancel) {
    Run run{params, cancel, asked, system_clock().boot(), asked + timeout};
    response = answer(request, [&](std::string& data, Notes& notes) {
      return range ? query_range(run, data, notes) : query_instant(run, data, notes);
    });
  });
  return status.ok() ? std::move(response) : refusal(status.error());
}

std::string Api::query(Params::Pairs pairs) {
  const auto is_step = [](const auto& pair) { return pair.first == "step"; };
  const bool range = std::any_of(pairs.begin(), pairs.end(), is_step);
  return run_query({}, Params(std::move(pairs)), range).body;
}

Result<promql::Query> Api::prepare(Run& run) const {
  auto limit = run.params.limit("limit");
  if (!limit.ok()) return std::move(limit).error();
  run.limit = *limit;
  promql::Limits limits = limits_.query;
  if (run.params.has("lookback_delta")) {
    const auto lookback = run.params.duration("lookback_delta");
    if (!lookback.ok()) return lookback.error();
    // As Prometheus: what is no length of time is the default.
    if (*lookback > Duration::zero()) limits.lookback = *lookback;
  }
  auto expr = parsed(run.params.get("query"), limits_.features);
  if (!expr.ok()) return std::move(expr).error();
  run.type = expr->type;
  limits.timeout = run.deadline - system_clock().boot();
  if (limits.timeout <= Duration::zero())
    return Error(ErrorCode::timed_out, "query timed out in query execution");
  promql::Query query(expr->expr, sources_.store, limits);
  run.prepared = system_clock().boot();
  return query;
}

Status Api::query_instant(Run& run, std::string& data, Notes& notes) const {
  const auto time = run.params.time_or("time", now());
  if (!time.ok()) return time.error();
  auto query = prepare(run);
  if (!query.ok()) return std::move(query).error();
  return finish(run, *query, query->instant(*time, &run.cancel), data, notes);
}

Status Api::query_range(Run& run, std::string& data, Notes& notes) const {
  const auto start = run.params.time("start"), end = run.params.time("end");
  if (!start.ok()) return start.error();
  if (!end.ok()) return end.error();
  if (*end < *start) return invalid_parameter("end", "end timestamp must not be before start time");
  const auto step = run.params.duration("step");
  if (!step.ok()) return step.error();
  if (*step < milliseconds(1)) {
    return invalid_parameter("step",
                             "zero or negative query resolution step widths are not accepted. Try a positive "
                             "integer");
  }
  if (std::floor(static_cast<double>(*end - *start) * 1e6 / static_cast<double>(step->count())) >
      kMostPoints) {
    return Error(ErrorCode::invalid_argument,
                 "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                 "resolution (?step=XX)");
  }
  auto query = prepare(run);
  if (!query.ok()) return std::move(query).error();
  if (run.type != promql::ValueType::scalar && run.type != promql::ValueType::vector) {
    return invalid_parameter("query", "invalid expression type \"" + std::string(to_string(run.type)) +
                                          "\" for range query, must be Scalar or instant Vector");
  }
  return finish(run, *query, query->range(*start, *end, *step, &run.cancel), data, notes);
}

Status Api::finish(Run& run, const promql::Query& query, Result<promql::Value> value, std::string& data,
                   Notes& notes) const {
  run.evaluated = system_clock().boot();
  if (!value.ok()) {
    const ErrorCode code = value.error().code();
    // Both the evaluator and whoever watches over it look at the deadline.
    const bool late = code == ErrorCode::cancelled && run.evaluated >= run.deadline;
    if (late) return Error(ErrorCode::timed_out, "query timed out in expression evaluation");
    if (code == ErrorCode::timed_out || code == ErrorCode::cancelled) return std::move(value).error();
    return Error(ErrorCode::failed_precondition, value.error().to_string());
  }
  for (promql::Annotation& note : query.annotations()) {
    const bool warning = note.kind == promql::Annotation::Kind::warning;
    (warning ? notes.warnings : notes.infos).push_back(std::move(note.text));
  }
  if (truncate(*value, run.limit)) notes.warnings.emplace_back("results truncated due to limit");
  promql::append_json(data, *value);
  if (!run.params.has("stats")) return {};
  data.pop_back();
  data += R"(,"stats":{"timings":{)";
  const std::array<std::pair<std::string_view, Duration>, 6> timings{
      {{"evalTotalTime", run.evaluated - run.begun},
       {"resultSortTime", Duration::zero()},
       {"queryPreparationTime", run.prepared - run.begun},
       {"innerEvalTime", run.evaluated - run.prepared},
       {"execQueueTime", run.begun - run.asked},
       {"execTotalTime", run.evaluated - run.asked}}};
  for (const auto& [name, took] : timings) {
    if (data.back() != '{') data += ',';
    promql::append_json_string(data, name);
    data += ':';
    append_json_seconds(data, took);
  }
  data += "}}}";
  return {};
}

Status Api::query_exemplars(const Params& params, std::string& data, Notes&) const {
  const auto start = params.time_or("start", 0), end = params.time_or("end", now());
  if (!start.ok()) return start.error();
  if (!end.ok()) return end.error();
  if (*end < *start)
    return Error(ErrorCode::invalid_argument, "end timestamp must not be before start timestamp");
  const auto expr = parsed(params.get("query"), limits_.features);
  if (!expr.ok()) return expr.error();
  data += "[]";
  return {};
}

Status Api::format_query(const Params& params, std::string& data, Notes&) const {
  const auto expr = parsed(params.get("query"), limits_.features);
  if (!expr.ok()) return expr.error();
  promql::append_json_string(data, promql::pretty(*expr->expr));
  return {};
}

Status Api::parse_query(const Params& params, std::string& data, Notes&) const {
  const auto expr = parsed(params.get("query"), limits_.features);
  if (!expr.ok()) return expr.error();
  promql::append_tree_json(data, *expr->expr);
  return {};
}

}  // namespace chiron::agent::promapi
