#include "rules/engine/rule_queries.h"

#include "exporter/base/parse.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::rules {
namespace {

/// In any time that one rule may take, the part that the templates of all get.
constexpr int kShare = 4;
constexpr std::size_t kMostElements = 10'000;  ///< of one answer
constexpr std::size_t kMostBytesKept = 16 << 20;
constexpr std::size_t kMostAnswers = 1'000;
constexpr std::size_t kMostSamples = 1'000'000;

promql::Limits shared(promql::Limits limits, const Clock& clock) {
  limits.timeout = limits.timeout / kShare;
  limits.max_samples = std::min(limits.max_samples, kMostSamples);
  limits.clock = &clock;
  return limits;
}

Error parse_error(const promql::ParseError& error, std::string_view text) {
  const promql::TextPosition at = promql::position_in(text, error.range.begin);
  return {ErrorCode::invalid_argument,
          fmt::format("{}:{}: parse error: {}", at.line, at.column, error.message)};
}

}  // namespace

RuleQueries::RuleQueries(const SeriesReader& store, promql::Limits limits, const promql::Features& features,
                         const Clock& clock)
    : store_(store), limits_(shared(limits, clock)), features_(features), clock_(clock) {}

void RuleQueries::at(TimestampMs t) {
  if (t == t_) return;
  t_ = t;
  kept_ = 0;
  answers_.clear();
}

RuleQueries::Answer RuleQueries::ask(const std::string& expression) {
  if (const auto known = answers_.find(expression); known != answers_.end()) return known->second;
  const BootTime started = clock_.boot();
  if (started - window_ >= limits_.timeout * kShare) {
    window_ = started;
    spent_ = {};
  }
  if (spent_ >= limits_.timeout)
    return Error(ErrorCode::timed_out,
                 fmt::format("the queries of templates took {} within {} already",
                             format_duration(limits_.timeout), format_duration(limits_.timeout * kShare)));
  Answer answer = evaluate(expression);
  spent_ += clock_.boot() - started;
  std::size_t bytes = 0;
  if (answer) {
    for (const promql::VectorSample& one : **answer) bytes += sizeof(one) + promql::bytes_of(one.labels);
  }
  if (answers_.size() < kMostAnswers && kept_ + bytes <= kMostBytesKept) {
    kept_ += bytes;
    answers_.emplace(expression, answer);
  }
  return answer;
}

RuleQueries::Answer RuleQueries::evaluate(const std::string& expression) {
  const promql::Parsed parsed = promql::parse(expression, features_);
  if (!parsed.ok()) return parse_error(parsed.errors.front(), expression);
  promql::Limits limits = limits_;
  limits.timeout -= spent_;
  promql::Query query(parsed.expr, store_, limits);
  Result<promql::Value> value = query.instant(t_);
  if (!value) return std::move(value).error();
  auto out = std::make_shared<promql::Vector>();
  if (auto* vector = std::get_if<promql::Vector>(&*value)) {
    *out = std::move(*vector);
  } else if (const auto* scalar = std::get_if<promql::Scalar>(&*value)) {
    out->push_back({Labels(), scalar->t, scalar->v});
  } else {
    return Error(ErrorCode::invalid_argument, "rule result is not a vector or scalar");
  }
  if (out->size() > kMostElements)
    return Error(ErrorCode::exhausted,
                 fmt::format("the query gave {} elements; a template takes {}", out->size(), kMostElements));
  return std::shared_ptr<const promql::Vector>(std::move(out));
}

}  // namespace chiron::rules
