#pragma once

#include "exporter/base/transient_unit.h"
#include "remediation/actions/action.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// command.run: one program, its arguments as they are. No shell ever sees them, so that what came from a
/// label stays one argument, whatever it holds. The program gets a minimal environment (PATH, LANG,
/// CHIRON_RUN_ID) and what the step adds; it and all its children end by the step's deadline. It runs in a
/// transient unit, which outlives the agent, or as a child: transient_units_of_host() has the rule.
class CommandRun final : public Action {
 public:
  /// Nothing: commands are children.
  using FindUnits = std::function<std::unique_ptr<TransientUnits>(const BusAddress&)>;
  explicit CommandRun(FindUnits find_units = transient_units_of_host) : find_units_(std::move(find_units)) {}

  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;
  Status resume(ActionContext& context, Report& report) override;

 private:
  Command command(const ActionContext& context) const;
  TransientCommand transient(const ActionContext& context) const;
  Status conclude(const Result<TransientOutcome>& result, Report& report) const;
  Status conclude(const CommandOutcome& outcome, Report& report) const;

  const FindUnits find_units_;
  std::vector<std::string> argv_;
  std::vector<std::pair<std::string, std::string>> environment_;
  std::string directory_ = "/";
  std::int64_t expect_exit_ = 0;
  bool record_output_ = true;
  std::string user_;
  Amount memory_max_;
  Amount cpu_quota_;
};

}  // namespace chiron::remediation
