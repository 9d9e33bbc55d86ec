#pragma once

#include "remediation/actions/unit_work.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// service.set_property: gives a unit that is up other resource limits (systemd.resource-control(5)) for as
/// long as the host runs, and sees that systemd has taken them. Says what they were before.
class ServiceSetProperty final : public Action {
 public:
  static constexpr std::size_t kProperties = 6;

  explicit ServiceSetProperty(UnitWork::MakeManager make_manager = make_systemd_manager)
      : make_manager_(std::move(make_manager)) {}
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  struct Change {
    std::string property;  ///< as systemd.resource-control(5) has it
    std::string bus_name;
    std::uint64_t before = 0;
    std::uint64_t wanted = 0;
  };
  /// What the step asks for, with the values of now; refuses units that are not up or denied.
  Result<std::vector<Change>> changes(ActionContext& context, SystemdManager& manager, std::string& id) const;

  const UnitWork::MakeManager make_manager_;
  std::string unit_;
  std::array<std::string, kProperties> texts_;  ///< by row of the table of properties
};

}  // namespace chiron::remediation
