#include "alerting/due_alerts.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::alerting {

DueAlerts::DueAlerts(Options options) : options_(std::move(options)) {}

Notice DueAlerts::notice_of(const rules::Alert& alert, WallTime ends_at) const {
  Notice notice{.labels = alert.labels,
                .annotations = alert.annotations,
                .starts_at = alert.fired_at,
                .ends_at = ends_at,
                .generator_url = {}};
  for (const Label& label : options_.external_labels) {
    if (!notice.labels.has(label.name)) notice.labels.set(label.name, label.value);
  }
  if (!options_.base_url.empty()) {
    notice.generator_url = options_.base_url + "/api/v1/query?query=" + percent_encoded(alert.expr);
  }
  return notice;
}

bool DueAlerts::is_due(const Told& told, BootTime now) const {
  return !told.last || now - *told.last >= options_.resend_delay;
}

std::vector<Notice> DueAlerts::next(std::span<const rules::Alert> firing,
                                    std::span<const rules::AlertChange> changes, WallTime wall,
                                    BootTime now) {
  for (const rules::AlertChange& change : changes) {
    if (change.from != rules::AlertState::firing || change.to != rules::AlertState::inactive) continue;
    Told& told = told_[change.alert.labels];
    told.last.reset();
    told.resolved = now;
    told.over = change.alert;
  }
  std::vector<Notice> due;
  const auto lease = std::chrono::duration_cast<std::chrono::milliseconds>(
      4 * std::max(options_.interval, options_.resend_delay));
  for (const rules::Alert& alert : firing) {
    const auto known = told_.find(alert.labels);
    if (alert.held && (known == told_.end() || known->second.resolved)) continue;
    Told& told = known == told_.end() ? told_[alert.labels] : known->second;
    if (told.resolved) told = {};
    if (!is_due(told, now)) continue;
    told.last = now;
    due.push_back(notice_of(alert, wall + lease));
  }
  std::erase_if(told_, [&](const auto& entry) {
    return entry.second.resolved && now - *entry.second.resolved > options_.resolved_retention;
  });
  for (auto& [labels, told] : told_) {
    if (!told.resolved || !is_due(told, now)) continue;
    told.last = now;
    due.push_back(notice_of(told.over, told.over.resolved_at));
  }
  return due;
}

void DueAlerts::tell_all_again() {
  for (auto& [labels, told] : told_) told.last.reset();
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace chiron::alerting
