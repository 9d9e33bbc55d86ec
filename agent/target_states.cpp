#include "agent/target_states.h"

#include "agent/json_fields.h"
#include "agent/table.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

// More than a person looks at; a remedy may have acted on every container of a large host.
constexpr std::size_t kMost = 100;

Json time_or_null(const std::optional<WallTime>& time) { return time ? Json(to_rfc3339(*time)) : Json(); }

/// 2026-01-31T23:59:59.123Z to the second.
std::string second_text(const std::string& rfc3339) {
  return rfc3339.size() < 19 ? "-" : rfc3339.substr(0, 10) + ' ' + rfc3339.substr(11, 8) + " UTC";
}

std::string breaker_text(const Json& breaker) {
  const std::string state = text_of(breaker, "state");
  if (state == "open") return "open until " + second_text(text_of(breaker, "open_until"));
  if (state != "closed") return state.empty() ? "-" : state;
  return fmt::format("closed, {} of {} in vain", number_of(breaker, "in_vain"),
                     number_of(breaker, "failures"));
}

std::string budget_text(const Json& budget) {
  if (!budget.is_object()) return "-";
  return fmt::format("{} of {} per {}", number_of(budget, "left"), number_of(budget, "runs"),
                     human_duration(number_of(budget, "per_seconds")));
}

std::string next_text(const Json& state) {
  if (text_of(state, "reason").empty()) return "now";
  return second_text(text_of(state, "next_allowed"));
}

}  // namespace

Json target_states_json(const remediation::RemedySpec& remedy,
                        std::span<const remediation::TargetState> states) {
  Json all = Json::array();
  for (const remediation::TargetState& state : states.first(std::min(states.size(), kMost))) {
    const bool held = state.decision.reason != remediation::Suppression::none;
    Json one{{"target", state.target},
             {"reason", held ? Json(remediation::to_string(state.decision.reason)) : Json()},
             {"detail", held ? Json(state.decision.detail) : Json()},
             {"next_allowed", time_or_null(state.next)},
             {"breaker", nullptr},
             {"budget", nullptr}};
    if (remedy.policy.breaker) {
      one["breaker"] = {{"state", remediation::to_string(state.breaker)},
                        {"in_vain", state.in_vain},
                        {"failures", remedy.policy.breaker->failures},
                        {"open_until", time_or_null(state.open_until)}};
    }
    if (remedy.policy.budget_runs != remediation::kNoBudget) {
      one["budget"] = {{"left", state.budget_left},
                       {"runs", remedy.policy.budget_runs},
                       {"per_seconds", seconds(remedy.policy.budget_per)}};
    }
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<std::string> target_state_headings() {
  return {"REMEDY", "TARGET", "HELD BY", "MAY ACT", "BREAKER", "BUDGET LEFT"};
}

std::vector<std::vector<std::string>> target_state_rows(const Json& remedy) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& state : field(remedy, "target_states")) {
    const std::string reason = text_of(state, "reason");
    rows.push_back({text_of(remedy, "name"), text_of(state, "target"), reason.empty() ? "-" : reason,
                    next_text(state), breaker_text(field(state, "breaker")),
                    budget_text(field(state, "budget"))});
  }
  return rows;
}

}  // namespace chiron::agent
