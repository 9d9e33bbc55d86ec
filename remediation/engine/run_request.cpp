#include "remediation/engine/remediator.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron::remediation {

std::string to_json(const RunRequest& request) {
  nlohmann::json json = {{"remedy", request.remedy},
                         {"target", request.target},
                         {"trigger", request.trigger},
                         {"requested_by", request.requested_by},
                         {"dry_run", request.dry_run}};
  if (request.alert) {
    nlohmann::json labels = nlohmann::json::object();
    for (const Label& label : request.alert->labels) labels[label.name] = label.value;
    json["alert"] = {{"labels", std::move(labels)},
                     {"value", fmt::format("{}", request.alert->value)},
                     {"fingerprint", fmt::format("{:016x}", request.alert->fingerprint)},
                     {"activeAt", to_rfc3339(request.alert->active_at)}};
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace chiron::remediation
