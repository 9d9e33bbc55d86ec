#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/host_view.h"

#include <string>
#include <vector>

namespace chiron::remediation {

/// health.check: asks what the agent knows of its host and fails when something is wrong, naming what.
/// Changes nothing, so it is carried out in a dry-run too; planning it is the same look.
class HealthCheck final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  /// Those of the checks asked for, in the order of kHealthChecks.
  Result<std::vector<HealthFinding>> look(const ActionContext& context) const;
  std::size_t number_of_checks() const;

  std::vector<std::string> checks_;
  Amount min_free_{.is_percent = true, .percent = 5};
  std::string severity_ = "warning";
};

}  // namespace chiron::remediation
