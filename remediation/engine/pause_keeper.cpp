#include "remediation/engine/pause_keeper.h"

#include "exporter/base/parse.h"

namespace chiron::remediation {
namespace {

constexpr std::string_view kPausesKey = "pauses";

std::string_view shown(std::string_view remedy) { return remedy.empty() ? "all" : remedy; }

}  // namespace

Status PauseKeeper::pause(std::string_view remedy, std::optional<Duration> length) {
  services_.book.pause(remedy, length);
  const std::vector<std::string> held = services_.pool.hold(remedy);
  services_.log.info("remedies paused", {{"remedy", shown(remedy)},
                                         {"for", length ? format_duration(*length) : "until resumed"},
                                         {"runs_held", std::uint64_t{held.size()}}});
  return save();
}

Status PauseKeeper::resume(std::string_view remedy) {
  services_.book.resume(remedy);
  services_.log.info("remedies resumed", {{"remedy", shown(remedy)}});
  return save();
}

void PauseKeeper::look() {
  if (!services_.file.empty() && services_.book.look_at_pause_file(services_.file)) {
    const std::optional<Decision> paused = services_.book.paused("");
    const bool there = services_.book.all_paused_by(PauseCause::file);
    const std::size_t held = there ? services_.pool.hold("").size() : 0;
    services_.log.info(there ? "remedies paused" : "pause file gone",
                       {{"remedy", "all"},
                        {"reason", paused ? paused->detail : "remedies run again"},
                        {"runs_held", std::uint64_t{held}}});
  }
  // A timed pause ends without anybody saying so.
  count();
}

void PauseKeeper::recall(const Status& others) {
  const Result<std::string> saved = services_.ledger.get(kPausesKey);
  Status restored = saved ? services_.book.restore_pauses(*saved) : Status(saved.error());
  if (restored) restored = others;
  const Result<bool> lost = services_.ledger.lost_records();
  if (restored && !lost) restored = lost.error();
  if (restored && *lost) {
    restored = Error(ErrorCode::corrupt, "the ledger was damaged: what was paused or had just run is gone");
  }
  if (restored) return;
  // Better held back by mistake than let loose by one.
  services_.book.pause("", std::nullopt, PauseCause::ledger, "the ledger was damaged or could not be read");
  services_.log.error("pauses lost", {{"error", restored.error().to_string()},
                                      {"effect", "all remedies are paused until `chiron resume`"}});
}

Status PauseKeeper::save() {
  count();
  services_.wake();
  Status saved = services_.ledger.put(kPausesKey, services_.book.save_pauses());
  if (saved) return saved;
  return std::move(saved).error().wrap("done, but not recorded: it will not survive a restart");
}

void PauseKeeper::count() {
  std::size_t paused = 0;
  for (const RemedySpec& remedy : *services_.remedies())
    paused += services_.book.paused(remedy.name).has_value();
  services_.metrics.set_paused(paused);
  for (const PauseCause cause : all_pause_causes()) {
    services_.metrics.set_all_paused(cause, services_.book.all_paused_by(cause));
  }
}

}  // namespace chiron::remediation
