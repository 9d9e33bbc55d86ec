#include "remediation/actions/rolling.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {

Status restart_one_by_one(ActionContext& context, std::string_view noun,
                          const std::vector<RollingMember>& members, Duration pause, Report& report) {
  std::size_t done = 0;
  for (const RollingMember& member : members) {
    if (done > 0 && pause > Duration::zero()) {
      context.cancel.wait_for(std::min(pause, std::max(context.remaining(), Duration::zero())));
    }
    Report one;
    Status status =
        context.cancel.cancelled() ? Status(Error(ErrorCode::cancelled, "cancelled")) : member.restart(one);
    for (const auto& [name, value] : one.facts) {
      if (name == "state_after") report.facts.emplace_back("after_" + member.name, value);
    }
    if (!status) {
      report.summary =
          fmt::format("restarted {} of {} {}, then {} failed", done, members.size(), noun, member.name);
      return std::move(status).error().wrap(
          fmt::format("stopped after {} of {} {}", done, members.size(), noun));
    }
    ++done;
    report.summary = fmt::format("restarted {} of {} {}", done, members.size(), noun);
  }
  return {};
}

}  // namespace chiron::remediation
