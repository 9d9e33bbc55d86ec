#pragma once

#include "alerting/notice.h"
#include "rules/engine/engine.h"

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace chiron::alerting {

/// Decides after each pass which alerts Alertmanager is told of, as Prometheus does (rules/alerting.go): a
/// firing one at once and again every resend delay, with an end that lies ahead and moves on, so that
/// Alertmanager resolves it should nobody speak of it any more; a resolved one again for 15 minutes. Pending
/// ones never. A held one only when it was told before: its silence would read as its end. One thread.
class DueAlerts {
 public:
  struct Options {
    Duration interval{};  ///< of rule evaluation
    Duration resend_delay = std::chrono::minutes(1);
    Duration resolved_retention = std::chrono::minutes(15);
    Labels external_labels;  ///< added where the alert has no such label
    std::string base_url;    ///< http://HOST:PORT of this agent; "": no generator URL
  };
  explicit DueAlerts(Options options);

  std::vector<Notice> next(std::span<const rules::Alert> firing, std::span<const rules::AlertChange> changes,
                           WallTime wall, BootTime now);
  /// There is somebody new to tell: all that fires or was resolved of late is due again.
  void tell_all_again();

 private:
  struct Told {
    std::optional<BootTime> last;
    std::optional<BootTime> resolved;
    rules::Alert over;  ///< once resolved
  };
  Notice notice_of(const rules::Alert& alert, WallTime ends_at) const;
  bool is_due(const Told& told, BootTime now) const;

  const Options options_;
  std::unordered_map<Labels, Told, LabelsHash> told_;
};

/// Escapes everything but RFC 3986's unreserved characters.
std::string percent_encoded(std::string_view text);

}  // namespace chiron::alerting
