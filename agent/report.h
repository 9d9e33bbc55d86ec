#pragma once

#include "agent/document.h"
#include "exporter/base/result.h"
#include "remediation/actions/host_view.h"

#include <string_view>

namespace chiron::agent {

struct ReportRequest {
  remediation::ReportFormat format = remediation::ReportFormat::markdown;
  Duration period = remediation::kUsualPeriod;
};
/// As people write them; "" is the default. invalid_argument says which is wrong.
Result<ReportRequest> parse_report_request(std::string_view format, std::string_view period,
                                           ReportRequest defaults = {});

/// The health report as a page, from what Views::report gathers: the answer of /api/v1/status with
/// `findings`, trends of the file systems, `since`, `period_seconds`, and the remedies' `runs` of that
/// period.
Document report_page(std::string_view report_json);

}  // namespace chiron::agent
