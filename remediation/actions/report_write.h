#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/host_view.h"

#include <string>
#include <vector>

namespace chiron::remediation {

/// report.write: the agent's health report as files NAME-20260131T090000Z.md and .html. Each is written under
/// a hidden name, flushed and renamed: a reader sees a whole report or none. Of each format the newest `keep`
/// of the name stay.
class ReportWrite final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  std::vector<ReportFormat> formats() const;

  std::vector<std::string> formats_ = {"markdown", "html"};
  std::string directory_;
  std::string name_ = "report";
  Duration period_ = kUsualPeriod;
  std::int64_t keep_ = 12;
};

}  // namespace chiron::remediation
