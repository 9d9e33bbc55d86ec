#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/updates/apt_output.h"

#include <optional>
#include <string>
#include <vector>

namespace chiron::remediation {

/// updates.check: what waits to be installed, by apt's own reckoning. Simulates only: takes no lock of dpkg's
/// and writes nothing, not even apt's caches; with `refresh` fetches the package lists first, as apt-get
/// update does. The numbers become series under the names of node_exporter's textfile scripts (apt_info.py,
/// apt.sh).
class UpdatesCheck final : public Action {
 public:
  explicit UpdatesCheck(std::string apt = "/usr/bin/apt-get") : apt_(std::move(apt)) {}

  void declare(Arguments& arguments) override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  struct State {
    AptSimulation simulation;
    std::uint64_t security = 0;
    bool reboot_required = false;
    std::vector<std::string> reboot_packages;  ///< that ask for it, where they say so
    std::optional<WallTime> lists;             ///< when the package lists last changed
  };

  Result<std::string> run_apt(ActionContext& context, std::vector<std::string> words) const;
  Status refresh(ActionContext& context) const;
  Result<State> look(ActionContext& context) const;
  static std::string summary_of(const State& state, const Clock& clock);
  static std::vector<Finding> findings_of(const State& state);

  const std::string apt_;
  bool refresh_ = false;
};

}  // namespace chiron::remediation
