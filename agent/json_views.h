#pragma once

#include "agent/views.h"

#include <nlohmann/json.hpp>

namespace chiron::agent {

// Pieces of the views, for views*.cpp only: this header is the adapter's inside.
using Json = nlohmann::ordered_json;

Json alert_json(const rules::Alert& alert, const Clock& clock);
Json run_json(const remediation::RunRecord& run);
Json remedy_json(const remediation::RemedySpec& remedy, const remediation::Remediator& remediator);
/// Text that may hold bytes that are no UTF-8 (labels from the kernel): replaced, not thrown.
std::string dump(const Json& json);
double seconds(Duration duration);

/// Values of an instant query over the store, for the summaries.
class Asker {
 public:
  explicit Asker(const SeriesReader& store) : store_(store) {}
  promql::Vector vector(std::string_view expr) const;
  std::optional<double> number(std::string_view expr) const;

 private:
  const SeriesReader& store_;
};

Json host_json(const Asker& ask);
/// What acted or failed last; what only looked and found nothing is left out.
Json recent_runs_json(remediation::Ledger& ledger, const remediation::Remediator& remediator,
                      std::size_t limit);
/// {"pending":..., "security_pending":..., "reboot_required":...}; null where nobody counts them.
Json updates_json(const Asker& ask);
/// Remedies and targets that have done what they may.
Json exhausted_json(const Asker& ask);
Json services_json(const Asker& ask);
Json containers_json(const Asker& ask);
Json probes_json(const Asker& ask);

}  // namespace chiron::agent
