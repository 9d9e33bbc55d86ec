#include "remediation/engine/arming_keeper.h"

#include "exporter/base/parse.h"

namespace chiron::remediation {

void ArmingKeeper::load(const std::vector<RemedySpec>& remedies) {
  const std::lock_guard lock(mutex_);
  Armings::Lengths wanted;
  for (const RemedySpec& remedy : remedies) {
    if (remedy.policy.armed_for) wanted.emplace(remedy.name, *remedy.policy.armed_for);
  }
  for (const auto& [remedy, length] : lengths_) {
    if (!wanted.contains(remedy)) services_.metrics.armed_until(remedy, std::nullopt);
  }
  lengths_ = std::move(wanted);
  unsaved_ |= services_.book.arm(lengths_);
  measure();
}

Status ArmingKeeper::recall() {
  const std::lock_guard lock(mutex_);
  const Result<std::string> saved = services_.ledger.get(kArmingsKey);
  if (!saved) return saved.error();
  Status restored = services_.book.restore_armings(*saved);
  recalled_ = true;
  // What is not armed for a time any more is in there too.
  unsaved_ |= services_.book.save_armings() != *saved;
  measure();
  return restored;
}

void ArmingKeeper::look() {
  const std::lock_guard lock(mutex_);
  if (!recalled_) return;
  for (const std::string& remedy : services_.book.tell_over()) {
    unsaved_ = true;
    const auto length = lengths_.find(remedy);
    services_.log.warning("remedy no longer armed",
                          {{"remedy", remedy},
                           {"armed_for", length != lengths_.end() ? format_duration(length->second) : ""},
                           {"effect", "it is in dry-run from now on"},
                           {"hint", "change or take away `for` of it in the configuration, and reload"}});
  }
  measure();
  // A ledger that opens late could still be read: what it knows must not be written over.
  if (!unsaved_ || !services_.ledger.writable()) return;
  const Status saved = services_.ledger.put(kArmingsKey, services_.book.save_armings());
  unsaved_ = !saved.ok();
  if (unsaved_) services_.log.debug("armings not recorded", {{"error", saved.error().to_string()}});
}

void ArmingKeeper::measure() {
  for (const auto& [remedy, length] : lengths_) {
    if (const auto arming = services_.book.arming(remedy))
      services_.metrics.armed_until(remedy, arming->until);
  }
}

}  // namespace chiron::remediation
