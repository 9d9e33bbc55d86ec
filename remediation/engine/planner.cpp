#include "remediation/engine/planner.h"

#include "exporter/base/diagnostics.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr Duration kPlanTimeout = std::chrono::seconds(20);

}  // namespace

Error not_there(std::string_view kind, std::string_view name, const std::vector<std::string_view>& known) {
  std::string message = fmt::format("there is no {} {}", kind, name);
  if (const std::string near = closest(name, known); !near.empty())
    message += fmt::format("; did you mean {}?", near);
  return {ErrorCode::not_found, std::move(message)};
}

Result<const ActionInfo*> action_named(std::string_view name) {
  if (const ActionInfo* info = find_action(name)) return info;
  std::vector<std::string_view> known;
  for (const ActionInfo& info : all_actions()) known.push_back(info.name);
  return not_there("action", name, known);
}

std::string target_of(const ActionInfo& action, const ArgumentValues& arguments) {
  const std::string_view subject = subject_of(action);
  for (const auto& [name, value] : arguments) {
    if (name == subject && value.shape == ArgumentValue::Shape::text && !value.texts.empty()) {
      return value.texts.front();
    }
  }
  return std::string(action.name);
}

std::vector<StepPlan> plan_steps(StepRunner& runner, const std::vector<StepSpec>& specs,
                                 const std::string& target, const std::string& remedy) {
  static const Labels kNone;
  rules::TemplateData data;
  data.labels = &kNone;
  data.target = target;
  std::vector<StepPlan> plans;
  for (const StepSpec& spec : specs) {
    Result<PreparedStep> step = prepare_step(spec, remedy.empty() ? nullptr : &data);
    if (!step) {
      plans.push_back({std::string(spec.action->name), std::move(step).error()});
      continue;
    }
    step->timeout = std::min(step->timeout, kPlanTimeout);
    plans.push_back({std::string(spec.action->name),
                     runner.plan(*std::move(step), {.run_id = "",
                                                    .target = target,
                                                    .cancel = {},
                                                    .manual = true,
                                                    .run = {.remedy = remedy, .target = target}})});
  }
  return plans;
}

}  // namespace chiron::remediation
