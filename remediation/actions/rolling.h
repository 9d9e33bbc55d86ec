#pragma once

#include "remediation/actions/action.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// One of several that are done one after the other.
struct RollingMember {
  std::string name;
  std::function<Status(Report& report)> restart;  ///< returns when it is up again, or not
};

/// Restarts the members in their order, `pause` after each, and ends at the first that does not come up: the
/// others are not touched. `noun`: "containers". The report counts them, has each one's state_after as
/// after_NAME, and names the one that failed.
Status restart_one_by_one(ActionContext& context, std::string_view noun,
                          const std::vector<RollingMember>& members, Duration pause, Report& report);

}  // namespace chiron::remediation
