#include "exporter/collectors/known_services.h"

#include <unistd.h>

namespace chiron {
namespace {

constexpr KnownService kKnown[] = {
    {"docker", {"docker.service"}},
    {"ssh", {"ssh.service", "sshd.service"}},
    {"nginx", {"nginx.service"}},
    {"apache", {"apache2.service", "httpd.service"}},
    {"postgresql", {"postgresql.service"}, {"postgresql@"}},
    {"mysql", {"mariadb.service", "mysql.service", "mysqld.service"}},
    {"redis", {"redis-server.service", "redis.service"}, {"redis-server@", "redis@"}},
    {"openvpn", {"openvpn.service"}, {"openvpn@", "openvpn-server@", "openvpn-client@"}},
};

constexpr Duration kLookEvery = std::chrono::minutes(1);

/// systemd.unit(5), "System Unit Search Path", those that packages and people write to.
constexpr std::string_view kUnitDirectories[] = {"/etc/systemd/system/", "/run/systemd/system/",
                                                 "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/",
                                                 "/lib/systemd/system/"};

/// Takes a unit's state into that of its service: failed before running before stopped.
void take(const WatchedUnit& unit, ServicePresence& presence) {
  const std::string& state = unit.row.active_state;
  if (state == "failed") presence = ServicePresence::failed;
  // "exited": a unit that only groups others, as postgresql.service of Debian.
  const bool runs = (state == "active" || state == "reloading") && unit.row.sub_state != "exited";
  if (runs && presence == ServicePresence::stopped) presence = ServicePresence::running;
}

}  // namespace

std::span<const KnownService> known_services() { return kKnown; }

std::string_view to_string(ServicePresence presence) {
  switch (presence) {
    case ServicePresence::running:
      return "running";
    case ServicePresence::failed:
      return "failed";
    case ServicePresence::stopped:
      return "stopped";
  }
  return "";
}

bool KnownServices::is_installed(std::string_view unit) const {
  return std::any_of(std::begin(kUnitDirectories), std::end(kUnitDirectories), [&](std::string_view where) {
    return ::access(paths_.root(std::string(where) + std::string(unit)).c_str(), F_OK) == 0;
  });
}

std::vector<FoundService> KnownServices::find(const WatchedUnits& units, BootTime now) {
  if (!looked_ || now - *looked_ >= kLookEvery) {
    installed_.assign(std::size(kKnown), "");
    for (std::size_t i = 0; i < std::size(kKnown); ++i) {
      for (const std::string_view unit : kKnown[i].units) {
        if (installed_[i].empty() && !unit.empty() && is_installed(unit)) installed_[i] = unit;
      }
    }
    looked_ = now;
  }
  std::vector<FoundService> found;
  for (std::size_t i = 0; i < std::size(kKnown); ++i) {
    FoundService service{.name = kKnown[i].name, .unit = installed_[i]};
    for (const std::string_view name : kKnown[i].units) {
      const auto unit = units.find(name);
      if (name.empty() || unit == units.end() || unit->second.row.load_state != "loaded") continue;
      if (service.unit.empty()) service.unit = name;
      take(unit->second, service.presence);
    }
    for (const std::string_view prefix : kKnown[i].templates) {
      if (prefix.empty()) continue;
      for (auto unit = units.lower_bound(prefix); unit != units.end() && unit->first.starts_with(prefix);
           ++unit) {
        if (unit->second.row.load_state != "loaded" || !unit->first.ends_with(".service")) continue;
        if (service.unit.empty()) service.unit = unit->first;
        take(unit->second, service.presence);
      }
    }
    if (!service.unit.empty()) found.push_back(std::move(service));
  }
  return found;
}

}  // namespace chiron
