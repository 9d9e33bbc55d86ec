#include "remediation/actions/host_view.h"

#include <algorithm>

namespace chiron::remediation {

std::string_view to_string(ReportFormat format) {
  return format == ReportFormat::markdown ? "markdown" : "html";
}

std::optional<ReportFormat> parse_report_format(std::string_view text) {
  const auto* found =
      std::ranges::find_if(kReportFormats, [text](ReportFormat one) { return to_string(one) == text; });
  return found != kReportFormats.end() ? std::optional(*found) : std::nullopt;
}

}  // namespace chiron::remediation
