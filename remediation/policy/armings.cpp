#include "remediation/policy/armings.h"

#include "remediation/policy/moment_json.h"

#include <fmt/format.h>

namespace chiron::remediation {

bool Armings::want(const Lengths& lengths) {
  bool changed =
      std::erase_if(armings_, [&](const auto& entry) { return !lengths.contains(entry.first); }) > 0;
  for (const auto& [remedy, length] : lengths) {
    const auto known = armings_.find(remedy);
    if (known != armings_.end() && known->second.length == length) continue;
    armings_.insert_or_assign(remedy, Arming{moment_now(clock_), length});
    changed = true;
  }
  return changed;
}

Status Armings::restore(std::string_view text) {
  if (text.empty()) return {};
  try {
    const nlohmann::json all = nlohmann::json::parse(text);
    for (const auto& [remedy, one] : all.items()) {
      const Arming saved{moment_from_json(one.at("since")), Duration(one.at("length_ns").get<std::int64_t>()),
                         one.at("told").get<bool>()};
      const auto wanted = armings_.find(remedy);
      if (wanted != armings_.end() && wanted->second.length == saved.length) wanted->second = saved;
    }
  } catch (const nlohmann::json::exception& fault) {
    return Error(ErrorCode::corrupt,
                 fmt::format("since when remedies are armed cannot be read: {}", fault.what()));
  }
  return {};
}

std::string Armings::save() const {
  if (armings_.empty()) return {};
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [remedy, one] : armings_) {
    json[remedy] = {{"since", to_json(one.since)}, {"length_ns", one.length.count()}, {"told", one.told}};
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const Armings::Arming* Armings::find(std::string_view remedy) const {
  const auto found = armings_.find(remedy);
  return found != armings_.end() ? &found->second : nullptr;
}

bool Armings::is_over(std::string_view remedy) const {
  const Arming* arming = find(remedy);
  return arming != nullptr && age(arming->since, clock_) >= arming->length;
}

WallTime Armings::until(const Arming& arming) const {
  return clock_.wall() +
         std::chrono::duration_cast<std::chrono::milliseconds>(arming.length - age(arming.since, clock_));
}

std::vector<std::string> Armings::tell_over() {
  std::vector<std::string> over;
  for (auto& [remedy, one] : armings_) {
    if (one.told || !is_over(remedy)) continue;
    one.told = true;
    over.push_back(remedy);
  }
  return over;
}

}  // namespace chiron::remediation
