#include "agent/plan_json.h"

#include "agent/json_views.h"

namespace chiron::agent {
namespace {

Json to_json(const remediation::Plan& plan) {
  Json json{
      {"summary", plan.summary}, {"bytes", plan.bytes}, {"objects", plan.objects}, {"items", Json::array()}};
  for (const remediation::PlanItem& item : plan.items) {
    json["items"].push_back(
        {{"what", item.what}, {"bytes", item.bytes}, {"objects", item.objects}, {"note", item.note}});
  }
  return json;
}

}  // namespace

std::string plan_json(const remediation::Plan& plan) { return dump(to_json(plan)); }

std::string plan_json(const remediation::RemedyPlan& plan) {
  Json json{{"remedy", plan.remedy},
            {"target", plan.target},
            {"would_act", plan.decision.reason == remediation::Suppression::none},
            {"reason", remediation::to_string(plan.decision.reason)},
            {"detail", plan.decision.detail},
            {"steps", Json::array()}};
  for (const remediation::StepPlan& step : plan.steps) {
    Json entry{{"action", step.action}, {"error", nullptr}, {"plan", nullptr}};
    if (step.plan.ok()) {
      entry["plan"] = to_json(*step.plan);
    } else {
      entry["error"] = step.plan.error().to_string();
    }
    json["steps"].push_back(std::move(entry));
  }
  return dump(json);
}

}  // namespace chiron::agent
