#include "agent/document.h"
#include "agent/host_health.h"
#include "agent/json_views.h"
#include "agent/report.h"
#include "agent/views.h"

#include <map>

namespace chiron::agent {
namespace {

using remediation::RunState;

// As many as the ledger keeps.
constexpr std::size_t kMostRuns = 20'000;
constexpr std::size_t kRunsShown = 20;
constexpr remediation::Amount kFull{.is_percent = true, .percent = 5};

/// What became of a remedy's runs.
struct Tally {
  std::uint64_t runs = 0, succeeded = 0, failed = 0, planned = 0, freed_bytes = 0;

  void add(const remediation::RunRecord& run) {
    switch (run.state) {
      case RunState::planned:
        ++planned;
        return;
      case RunState::succeeded:
        ++succeeded;
        break;
      case RunState::failed:
      case RunState::timed_out:
      case RunState::ineffective:
      case RunState::interrupted:
        ++failed;
        break;
      case RunState::suppressed:
      case RunState::running:
      case RunState::verifying:
      case RunState::cancelled:
        break;
    }
    ++runs;
    freed_bytes += run.freed_bytes;
  }
  Json json() const {
    return {{"runs", runs},
            {"succeeded", succeeded},
            {"failed", failed},
            {"planned", planned},
            {"freed_bytes", freed_bytes}};
  }
};

/// How fast what is available of each file system changes. Of less than an hour it would be noise.
void add_trends(const Asker& ask, Json& filesystems) {
  const auto trends =
      ask.vector("deriv(node_filesystem_avail_bytes[6h]) and node_filesystem_avail_bytes offset 1h");
  for (Json& one : filesystems) {
    for (const auto& trend : trends) {
      const bool same = trend.labels.get("mountpoint") == one["mountpoint"].get<std::string>() &&
                        trend.labels.get("device") == one["device"].get<std::string>();
      if (!same || !std::isfinite(trend.v)) continue;
      one["avail_trend_bytes_per_day"] = trend.v * 86'400;
      if (trend.v < 0 && one["avail_bytes"].is_number())
        one["full_in_seconds"] = one["avail_bytes"].get<double>() / -trend.v;
    }
  }
}

}  // namespace

std::vector<remediation::HealthFinding> Views::findings(const remediation::Amount& min_free) const {
  return examine(Json::parse(status()), min_free);
}

Result<std::string> Views::report(remediation::ReportFormat format, Duration period) const {
  Json report = Json::parse(status());
  const WallTime since =
      sources_.clock.wall() - std::chrono::duration_cast<std::chrono::milliseconds>(period);
  remediation::HistoryFilter filter;
  filter.since = since;
  filter.limit = kMostRuns;
  filter.suppressed = false;
  filter.steps = false;
  const auto history = sources_.ledger.history(filter);
  if (!history.ok()) return Error(history.error()).wrap("reading the runs of the period");
  std::map<std::string, Tally> tallies;
  for (const auto& run : *history) tallies[run.remedy].add(run);
  for (Json& remedy : report["remedies"])
    remedy["period"] = tallies[remedy["name"].get<std::string>()].json();
  Json findings = Json::array();
  for (const remediation::HealthFinding& one : examine(report, kFull)) {
    findings.push_back({{"check", one.check}, {"what", one.what}, {"detail", one.detail}});
  }
  report["findings"] = findings;
  report["recent_runs"] = recent_runs_json(sources_.ledger, sources_.remediator, kRunsShown);
  report["since"] = to_rfc3339(since);
  report["period_seconds"] = seconds(period);
  add_trends(Asker(sources_.store), report["host"]["filesystems"]);
  const Document page = report_page(dump(report));
  return format == remediation::ReportFormat::html ? to_html(page) : to_markdown(page);
}

}  // namespace chiron::agent
