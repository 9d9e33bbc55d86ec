#pragma once

#include "remediation/actions/action.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// command.run: one program, its arguments as they are. No shell ever sees them, so that what came from a
/// label stays one argument, whatever it holds. The program gets a minimal environment (PATH, LANG,
/// CHIRON_RUN_ID) and what the step adds; it and all its children end by the step's deadline.
class CommandRun final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  std::vector<std::string> argv_;
  std::vector<std::pair<std::string, std::string>> environment_;
  std::string directory_ = "/";
  std::int64_t expect_exit_ = 0;
  bool record_output_ = true;
};

}  // namespace chiron::remediation
