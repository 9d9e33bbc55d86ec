#include "remediation/engine/scheduler.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron::remediation {
namespace {

constexpr std::string_view kKey = "schedules";

}  // namespace

/// Whether the progress of all schedules is known.
bool Scheduler::recall() {
  if (recalled_) return true;
  // One that opens late knows nothing until then, and what it knows must not be written over.
  if (!services_.ledger.writable()) return false;
  const Result<std::string> saved = services_.ledger.get(kKey);
  if (!saved) return false;
  recalled_ = true;
  if (saved->empty()) return true;
  try {
    const nlohmann::json all = nlohmann::json::parse(*saved);
    for (const auto& [remedy, one] : all.items()) {
      const Moment used{from_ms(one.at("wall_ms").get<std::int64_t>()),
                        BootTime(Duration(one.at("boot_ns").get<std::int64_t>())),
                        one.at("boot_id").get<std::string>()};
      entries_[remedy] = {one.at("schedule").get<std::string>(), {used, one.at("ran").get<bool>()}};
    }
  } catch (const nlohmann::json::exception& fault) {
    entries_.clear();
    services_.log.warning("progress of schedules lost",
                          {{"error", fault.what()}, {"effect", "each schedule begins anew, now"}});
  }
  return true;
}

Status Scheduler::save() {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [remedy, entry] : entries_) {
    const Moment& used = entry.progress.used;
    all[remedy] = {{"schedule", entry.schedule},
                   {"wall_ms", to_ms(used.wall)},
                   {"boot_ns", used.boot.time_since_epoch().count()},
                   {"boot_id", used.boot_id},
                   {"ran", entry.progress.ran}};
  }
  Status saved = services_.ledger.put(
      kKey, entries_.empty() ? "" : all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  unsaved_ = !saved.ok();
  return saved;
}

Duration Scheduler::jitter(const RemedySpec& remedy) {
  if (remedy.schedule->jitter <= Duration::zero()) return {};
  if (!machine_id_) {
    const Result<std::string> id = read_file(services_.paths.root("/etc/machine-id"));
    // Without one every host of a fleet would be as late as the others; the boot at least is its own.
    machine_id_ = id ? std::string(trim(*id)) : services_.clock.boot_id();
  }
  return jitter_of(*remedy.schedule, *machine_id_, remedy.name);
}

std::vector<Scheduler::Due> Scheduler::due(const std::vector<RemedySpec>& remedies) {
  if (!recall()) return {};
  std::vector<Due> all;
  std::map<std::string, WallTime, std::less<>> next;
  for (std::size_t i = 0; i < remedies.size(); ++i) {
    const RemedySpec& remedy = remedies[i];
    if (!remedy.schedule) continue;
    const Duration by = jitter(remedy);
    Entry& entry = entries_[remedy.name];
    if (const std::string schedule = to_string(*remedy.schedule); entry.schedule != schedule) {
      entry = {schedule, first_sight(*remedy.schedule, by, services_.clock)};
      unsaved_ = true;
    }
    Turn turn = turn_of(*remedy.schedule, entry.progress, by, services_.clock);
    if (turn.kind == Turn::Kind::anew) {
      entry.progress = turn.after;
      unsaved_ = true;
      turn = turn_of(*remedy.schedule, entry.progress, by, services_.clock);
    }
    next[remedy.name] = turn.at;
    services_.metrics.next_run(remedy.name, turn.at);
    if (turn.kind != Turn::Kind::wait) all.push_back({i, std::move(turn)});
  }
  unsaved_ |= std::erase_if(entries_, [&](const auto& entry) { return !next.contains(entry.first); }) > 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [remedy, at] : next_) {
      if (!next.contains(remedy)) services_.metrics.next_run(remedy, std::nullopt);
    }
    next_ = std::move(next);
  }
  if (unsaved_) {
    if (const Status saved = save(); !saved) {
      services_.log.debug("progress of schedules not recorded", {{"error", saved.error().to_string()}});
    }
  }
  return all;
}

Status Scheduler::take(const RemedySpec& remedy, const Turn& turn) {
  Entry& entry = entries_[remedy.name];
  Progress before = std::exchange(entry.progress, turn.after);
  if (Status saved = save(); !saved) {
    entry.progress = std::move(before);
    return saved;
  }
  const Turn following = turn_of(*remedy.schedule, entry.progress, jitter(remedy), services_.clock);
  services_.metrics.next_run(remedy.name, following.at);
  const std::lock_guard lock(mutex_);
  next_[remedy.name] = following.at;
  return {};
}

std::optional<WallTime> Scheduler::next(std::string_view remedy) const {
  const std::lock_guard lock(mutex_);
  const auto found = next_.find(remedy);
  return found != next_.end() ? std::optional(found->second) : std::nullopt;
}

}  // namespace chiron::remediation
