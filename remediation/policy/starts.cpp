#include "remediation/policy/starts.h"

#include "remediation/policy/moment_json.h"
#include "remediation/policy/past.h"
#include "remediation/policy/policy.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::size_t kLoop = 3;
constexpr Duration kNear = std::chrono::minutes(5);
constexpr Duration kSpan = std::chrono::minutes(30);

}  // namespace

Result<Starts> Starts::parse(std::string_view text) {
  Starts starts;
  if (text.empty()) return starts;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    starts.ended_well_ = json.at("ended_well").get<bool>();
    starts.boot_id_ = json.at("boot_id").get<std::string>();
    for (const nlohmann::json& one : json.at("starts")) {
      starts.starts_.push_back({moment_from_json(one.at("when")), one.at("suspect").get<bool>()});
    }
  } catch (const nlohmann::json::exception& fault) {
    return Error(ErrorCode::corrupt, fmt::format("the saved starts cannot be read: {}", fault.what()));
  }
  return starts;
}

std::string Starts::save() const {
  nlohmann::json json{
      {"ended_well", ended_well_}, {"boot_id", boot_id_}, {"starts", nlohmann::json::array()}};
  for (const Start& one : starts_) {
    json["starts"].push_back({{"when", to_json(one.when)}, {"suspect", one.suspect}});
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Starts::begin(const Clock& clock, bool interrupted) {
  const bool first = boot_id_.empty();
  const bool rebooted = boot_id_ != clock.boot_id();
  starts_.push_back({moment_now(clock), !first && (interrupted || !ended_well_ || rebooted)});
  if (starts_.size() > kLoop) starts_.erase(starts_.begin());
  boot_id_ = clock.boot_id();
  ended_well_ = false;
}

bool Starts::is_loop(std::span<const RunRecord> runs, const Clock& clock) const {
  if (starts_.size() < kLoop) return false;
  if (age(starts_.front().when, clock) - age(starts_.back().when, clock) > kSpan) return false;
  std::set<std::string_view> blamed;
  for (const Start& start : starts_) {
    const Duration started = age(start.when, clock);
    const auto near = std::ranges::find_if(runs, [&](const RunRecord& run) {
      const Duration before = age(run.started, clock) - started;
      return has_acted(run.state) && run.trigger != kResetTrigger && before >= Duration::zero() &&
             before <= kNear && !blamed.contains(run.id);
    });
    if (!start.suspect || near == runs.end()) return false;
    blamed.insert(near->id);
  }
  return true;
}

}  // namespace chiron::remediation
