#pragma once

#include "exporter/base/clock.h"
#include "exporter/series/reader.h"
#include "rules/engine/template.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace chiron::rules {

/// What the templates of rules ask with `query`: the store at the time of the evaluation. Each answer is kept
/// until that time moves, as all alerts of a rule ask the same, and all of them together get a small share of
/// the time and memory that rules may take, so that no rule file starves sampling. Not thread-safe.
class RuleQueries final : public TemplateQueries {
 public:
  /// `limits` of an expression of a rule, and the language it is in; the clock measures the time here, too.
  RuleQueries(const SeriesReader& store, promql::Limits limits, const promql::Features& features,
              const Clock& clock);

  void at(TimestampMs t);
  Result<std::shared_ptr<const promql::Vector>> ask(const std::string& expression) override;

 private:
  using Answer = Result<std::shared_ptr<const promql::Vector>>;
  Answer evaluate(const std::string& expression);

  const SeriesReader& store_;
  const promql::Limits limits_;
  const promql::Features features_;
  const Clock& clock_;
  TimestampMs t_ = 0;
  Duration spent_{};  ///< since window_
  BootTime window_{};
  std::size_t kept_ = 0;  ///< bytes of answers_
  std::map<std::string, Answer, std::less<>> answers_;
};

}  // namespace chiron::rules
