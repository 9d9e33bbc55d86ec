#pragma once

#include "remediation/actions/action.h"

#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// notify: an alert to the configured Alertmanagers about the run that the step belongs to. One is enough to
/// take it; the others are told as soon as they answer. The run's id is an annotation: as a label it would
/// make each failure of one remedy on one target an alert of its own.
class Notify final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  alerting::Notice notice(const ActionContext& context) const;

  std::string severity_ = "critical";
  std::string alertname_;
  std::string summary_, description_;
  Pairs labels_, annotations_;
  Duration resolve_after_ = std::chrono::hours(1);
};

}  // namespace chiron::remediation
