#pragma once

#include "remediation/actions/unit_work.h"

#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// service.rolling_restart: restarts units one after the other, each as service.restart does, and goes on
/// only while each comes up, stays up and, where a URL is given, answers: the first that does not ends the
/// step. If one of them, or what would stop along with it, is denied, none is touched.
class ServiceRollingRestart final : public Action {
 public:
  explicit ServiceRollingRestart(UnitWork::MakeManager make_manager = make_systemd_manager)
      : make_manager_(std::move(make_manager)) {}
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  /// In the order of `units`; what a glob matches by name, of the units that are up.
  Result<std::vector<UnitState>> select(const UnitWork& work, SystemdManager& manager,
                                        const ActionContext& context) const;
  Status restart(ActionContext& context, const UnitWork& work, const std::string& unit, Report& report) const;
  Status wait_for_answer(ActionContext& context, const std::string& unit) const;

  const UnitWork::MakeManager make_manager_;
  std::vector<std::string> units_;
  Duration pause_{};
  Duration settle_ = std::chrono::seconds(1);
  std::string check_;
};

}  // namespace chiron::remediation
