#include "agent/armed_notes.h"

#include "agent/json_fields.h"
#include "exporter/base/parse.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/armings.h"

#include <fmt/format.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

/// "" when no agent has run with this state directory, or it cannot be read.
std::string saved_armings(const std::string& directory) {
  if (::access((directory + "/ledger.db").c_str(), R_OK) != 0) return {};
  const auto ledger = remediation::Ledger::open_read_only(directory, system_clock(), null_log());
  return ledger.ok() ? (*ledger)->get(remediation::kArmingsKey).value_or(std::string()) : std::string();
}

}  // namespace

std::string armed_notes(const Config& config, std::span<const remediation::RemedySpec> remedies) {
  remediation::Armings::Lengths lengths;
  for (const remediation::RemedySpec& remedy : remedies) {
    if (remedy.policy.armed_for) lengths.emplace(remedy.name, *remedy.policy.armed_for);
  }
  if (lengths.empty()) return {};
  remediation::Armings now(system_clock());
  now.want(lengths);
  remediation::Armings known = now;
  const Status restored = known.restore(saved_armings(config.settings.text("storage.path")));
  std::string notes;
  for (const auto& [remedy, length] : lengths) {
    const remediation::Armings::Arming& arming = *known.find(remedy);
    const bool seen = restored.ok() && arming.since.wall != now.find(remedy)->since.wall;
    const std::string until = minute_text(to_rfc3339(known.until(arming)));
    notes += fmt::format("remedy {} is armed for {}, {}\n", remedy, format_duration(length),
                         !seen                   ? "from when an agent first sees that; then it is in dry-run"
                         : known.is_over(remedy) ? "which ended at " + until + ": it is in dry-run"
                                                 : "until " + until + "; then it is in dry-run");
  }
  return notes;
}

}  // namespace chiron::agent
