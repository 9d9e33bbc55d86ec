#include "rules/engine/saved_state.h"

#include "exporter/base/parse.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron::rules {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

json of_labels(const Labels& labels) {
  json out = json::object();
  for (const Label& label : labels) out[label.name] = label.value;
  return out;
}

Labels to_labels(const json& object) {
  std::vector<Label> labels;
  for (const auto& [name, value] : object.items()) labels.push_back({name, value.get<std::string>()});
  return Labels(std::move(labels));
}

std::int64_t of_wall(WallTime time) { return to_ms(time); }

json of_alert(const SavedAlert& alert) {
  json out = {{"labels", of_labels(alert.labels)},
              {"sample", of_labels(alert.sample)},
              {"firing", alert.firing},
              // As text: JSON has neither NaN nor infinities.
              {"value", fmt::format("{}", alert.value)},
              {"active_at_ms", of_wall(alert.active_at)},
              {"fired_at_ms", of_wall(alert.fired_at)},
              {"active_for_ns", alert.active_for.count()}};
  if (alert.kept_for) out["kept_for_ns"] = alert.kept_for->count();
  return out;
}

/// What is damaged must neither overflow when it is added to a time, nor count backwards.
Duration to_progress(const json& ns) {
  return std::clamp<Duration>(Duration(ns.get<std::int64_t>()), Duration::zero(), kLongestWait);
}

SavedAlert to_alert(const json& object) {
  SavedAlert out;
  out.labels = to_labels(object.at("labels"));
  out.sample = to_labels(object.at("sample"));
  out.firing = object.at("firing").get<bool>();
  out.value = parse_double(object.at("value").get<std::string>()).value_or(0);
  out.active_at = from_ms(object.at("active_at_ms").get<std::int64_t>());
  out.fired_at = from_ms(object.at("fired_at_ms").get<std::int64_t>());
  out.active_for = to_progress(object.at("active_for_ns"));
  if (object.contains("kept_for_ns")) out.kept_for = to_progress(object.at("kept_for_ns"));
  return out;
}

SavedState to_state(const json& document) {
  SavedState out;
  out.boot_id = document.at("boot_id").get<std::string>();
  out.boot = BootTime(std::max(Duration(document.at("boot_ns").get<std::int64_t>()), Duration::zero()));
  for (const json& rule : document.at("rules")) {
    SavedRule saved;
    saved.key = {rule.at("group").get<std::string>(), rule.at("name").get<std::string>(),
                 rule.at("expr").get<std::string>(),
                 rule.at("labels").get<std::vector<std::pair<std::string, std::string>>>()};
    for (const json& alert : rule.at("alerts")) saved.alerts.push_back(to_alert(alert));
    out.rules.push_back(std::move(saved));
  }
  return out;
}

}  // namespace

std::string encode_state(const SavedState& state) {
  json rules = json::array();
  for (const SavedRule& rule : state.rules) {
    json alerts = json::array();
    for (const SavedAlert& alert : rule.alerts) alerts.push_back(of_alert(alert));
    rules.push_back({{"group", rule.key.group},
                     {"name", rule.key.name},
                     {"expr", rule.key.expr},
                     {"labels", rule.key.labels},
                     {"alerts", std::move(alerts)}});
  }
  const json document = {{"version", kVersion},
                         {"boot_id", state.boot_id},
                         {"boot_ns", state.boot.time_since_epoch().count()},
                         {"rules", std::move(rules)}};
  // Label values are strangers' bytes: what is no UTF-8 is replaced rather than thrown about.
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<SavedState> decode_state(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return Error(ErrorCode::corrupt, "the saved alert progress is no JSON object");
  try {
    if (document.at("version").get<int>() != kVersion)
      return Error(ErrorCode::corrupt, "the saved alert progress has another version");
    return to_state(document);
  } catch (const json::exception& fault) {
    return Error(ErrorCode::corrupt, fmt::format("the saved alert progress: {}", fault.what()));
  }
}

}  // namespace chiron::rules
