#include "remediation/engine/kept_findings.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace chiron::remediation {
namespace {

constexpr std::string_view kKey = "findings";

}  // namespace

void KeptFindings::show(const Kept& kept) {
  metrics_.gauge(kept.name, kept.help, kept.labels).set(kept.value);
}

std::string KeptFindings::to_text() const {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [action, all] : by_action_) {
    nlohmann::json& list = json[action] = nlohmann::json::array();
    for (const Kept& kept : all) {
      nlohmann::json labels = nlohmann::json::object();
      for (const Label& label : kept.labels) labels[label.name] = label.value;
      list.push_back({{"name", kept.name}, {"help", kept.help}, {"labels", labels}, {"value", kept.value}});
    }
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void KeptFindings::publish(std::string_view action, const std::vector<Finding>& findings) {
  const MutexLock lock(mutex_);
  std::vector<Kept> now;
  for (const Finding& one : findings) {
    now.push_back({std::string(one.name), std::string(one.help), one.labels, one.value});
  }
  std::vector<Kept>& known = by_action_[std::string(action)];
  for (const Kept& before : known) {
    const bool named = std::ranges::any_of(now, [&before](const Kept& kept) {
      return kept.name == before.name && kept.labels == before.labels;
    });
    if (!named) show({before.name, before.help, before.labels, 0});
  }
  for (const Kept& kept : now) show(kept);
  known = std::move(now);
  if (Status saved = ledger_.put(kKey, to_text()); !saved) {
    log_.warning("findings not recorded", {{"action", action},
                                           {"error", saved.error().to_string()},
                                           {"effect", "they are gone after a restart"}});
  }
}

Status KeptFindings::restore() {
  const Result<std::string> text = ledger_.get(kKey);
  if (!text) return text.error();
  if (text->empty()) return {};
  const MutexLock lock(mutex_);
  try {
    const nlohmann::json json = nlohmann::json::parse(*text);
    for (const auto& [action, list] : json.items()) {
      std::vector<Kept>& kept = by_action_[action];
      for (const nlohmann::json& one : list) {
        Labels labels;
        for (const auto& [name, value] : one.at("labels").items()) labels.set(name, value.get<std::string>());
        kept.push_back({one.at("name"), one.at("help"), std::move(labels), one.at("value")});
        show(kept.back());
      }
    }
  } catch (const nlohmann::json::exception& fault) {
    return Error(ErrorCode::corrupt, std::string("what actions found out before: ") + fault.what());
  }
  return {};
}

}  // namespace chiron::remediation
