#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "remediation/actions/arguments.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// What health.check can look at, in the order in which it is told.
inline constexpr std::array<std::string_view, 13> kHealthChecks{
    "sampling", "ledger", "configuration", "collectors", "rules",  "units",   "services",
    "disks",    "memory", "alerts",        "containers", "probes", "remedies"};

/// One thing that is wrong with the host or with the agent.
struct HealthFinding {
  std::string check;  ///< one of kHealthChecks
  std::string what;   ///< "/var", "nginx.service"
  std::string detail;
};

enum class ReportFormat { markdown, html };
inline constexpr std::array<ReportFormat, 2> kReportFormats{ReportFormat::markdown, ReportFormat::html};
/// "markdown", "html"
std::string_view to_string(ReportFormat format);
std::optional<ReportFormat> parse_report_format(std::string_view text);

/// How far a report may look back; the ledger keeps no more.
inline constexpr Duration kShortestPeriod = std::chrono::hours(1);
inline constexpr Duration kLongestPeriod = std::chrono::hours(24 * 90);
inline constexpr Duration kUsualPeriod = std::chrono::hours(24 * 7);

/// What the agent knows of its host, for actions that judge it or tell of it: the same that its status tells.
/// Reads only; any thread; waits no longer than the ledger's deadline. ErrorCode::unavailable while the agent
/// starts or stops.
class HostView {
 public:
  virtual ~HostView() = default;
  /// All findings of all checks. A disk with less than `min_free` available, or of whose inodes a smaller
  /// share is free, is one.
  virtual Result<std::vector<HealthFinding>> examine(const Amount& min_free) const = 0;
  /// A health report with the runs of the last `period`.
  virtual Result<std::string> report(ReportFormat format, Duration period) const = 0;
  /// Where the agent keeps its state; its reports lie in reports/ there.
  virtual const std::string& state_directory() const = 0;
};

}  // namespace chiron::remediation
