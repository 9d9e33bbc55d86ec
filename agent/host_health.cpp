#include "agent/host_health.h"

#include "agent/table.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

using remediation::Amount;
using remediation::HealthFinding;

// Less and the kernel is about to end processes.
constexpr double kLeastMemory = 0.05;

struct Look {
  const Json& status;
  const Amount& min_free;
  std::string_view check;
  std::vector<HealthFinding>& found;

  void note(std::string what, std::string detail) const {
    found.push_back({std::string(check), std::move(what), std::move(detail)});
  }
};

/// The agent's own problems: "ledger", "collector systemd".
void look_at_agent(const Look& look, std::string_view prefix) {
  for (const Json& problem : field(field(look.status, "health"), "problems")) {
    const std::string what = text_of(problem, "what");
    if (what == prefix) {
      look.note("", text_of(problem, "detail"));
    } else if (what.starts_with(prefix) && prefix.ends_with(' ')) {
      look.note(what.substr(prefix.size()), text_of(problem, "detail"));
    }
  }
}

void look_at_sampling(const Look& look) { look_at_agent(look, "sampling"); }
void look_at_ledger(const Look& look) { look_at_agent(look, "ledger"); }
void look_at_configuration(const Look& look) { look_at_agent(look, "configuration"); }
void look_at_collectors(const Look& look) { look_at_agent(look, "collector "); }
void look_at_rules(const Look& look) { look_at_agent(look, "rule "); }

void look_at_units(const Look& look) {
  for (const Json& unit : field(field(look.status, "services"), "failed")) {
    if (unit.is_string()) look.note(unit.get<std::string>(), "failed");
  }
}

void look_at_services(const Look& look) {
  for (const Json& one : field(field(look.status, "services"), "watched")) {
    if (!flag_of(one, "up")) look.note(text_of(one, "name"), "is watched and down");
  }
}

void look_at_disks(const Look& look) {
  for (const Json& one : field(field(look.status, "host"), "filesystems")) {
    const double size = number_of(one, "size_bytes");
    if (size <= 0 || flag_of(one, "readonly") || !field(one, "avail_bytes").is_number()) continue;
    const double available = number_of(one, "avail_bytes");
    const double share = look.min_free.percent / 100;
    const double least = look.min_free.is_percent ? size * share : static_cast<double>(look.min_free.bytes);
    if (available < least) {
      look.note(text_of(one, "mountpoint"), fmt::format("{} ({}) available", bytes_of(one, "avail_bytes"),
                                                        human_percent(available / size)));
    }
    const Json& inodes = field(one, "inodes_free_ratio");
    if (look.min_free.is_percent && inodes.is_number() && inodes.get<double>() < share) {
      look.note(text_of(one, "mountpoint"), human_percent(inodes.get<double>()) + " of its inodes free");
    }
  }
}

void look_at_memory(const Look& look) {
  const Json& host = field(look.status, "host");
  const double total = number_of(host, "memory_total_bytes");
  if (total <= 0 || !field(host, "memory_available_bytes").is_number()) return;
  const double available = number_of(host, "memory_available_bytes");
  if (available < total * kLeastMemory) {
    look.note("", fmt::format("{} ({}) available", bytes_of(host, "memory_available_bytes"),
                              human_percent(available / total)));
  }
}

void look_at_alerts(const Look& look) {
  for (const Json& alert : field(look.status, "alerts")) {
    const std::string severity = text_of(field(alert, "labels"), "severity");
    if (text_of(alert, "state") != "firing" || (severity != "critical" && severity != "page")) continue;
    const std::string summary = text_of(field(alert, "annotations"), "summary");
    look.note(text_of(alert, "name"), summary.empty() ? labels_text(field(alert, "labels")) : summary);
  }
}

void look_at_containers(const Look& look) {
  for (const Json& one : field(look.status, "containers")) {
    if (text_of(one, "health") == "unhealthy") look.note(text_of(one, "name"), "its health check fails");
  }
}

void look_at_probes(const Look& look) {
  for (const Json& one : field(look.status, "probes")) {
    if (!flag_of(one, "success"))
      look.note(text_of(one, "probe"), text_of(one, "target") + " does not answer as it should");
  }
}

void look_at_remedies(const Look& look) {
  for (const Json& one : field(look.status, "exhausted")) {
    look.note(text_of(one, "remedy"),
              fmt::format("has done what it may for {}, and it did not help", text_of(one, "target")));
  }
}

struct Check {
  std::string_view name;
  void (*look)(const Look&);
};
constexpr std::array<Check, 13> kChecks{{{"sampling", look_at_sampling},
                                         {"ledger", look_at_ledger},
                                         {"configuration", look_at_configuration},
                                         {"collectors", look_at_collectors},
                                         {"rules", look_at_rules},
                                         {"units", look_at_units},
                                         {"services", look_at_services},
                                         {"disks", look_at_disks},
                                         {"memory", look_at_memory},
                                         {"alerts", look_at_alerts},
                                         {"containers", look_at_containers},
                                         {"probes", look_at_probes},
                                         {"remedies", look_at_remedies}}};
static_assert(std::ranges::equal(kChecks, remediation::kHealthChecks, {}, &Check::name));

}  // namespace

std::vector<HealthFinding> examine(const Json& status, const Amount& min_free) {
  std::vector<HealthFinding> found;
  for (const Check& check : kChecks) check.look({status, min_free, check.name, found});
  return found;
}

}  // namespace chiron::agent
