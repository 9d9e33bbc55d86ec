#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/base/unit_watch.h"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// A server program that many hosts run, and the units that distributions give it.
struct KnownService {
  std::string_view name;
  std::array<std::string_view, 3> units;  ///< the first that is there
  /// NAME@ units of which each instance is a server of its own.
  std::array<std::string_view, 3> templates{};
};
std::span<const KnownService> known_services();

enum class ServicePresence { running, failed, stopped };
std::string_view to_string(ServicePresence presence);

struct FoundService {
  std::string_view name;
  std::string unit;
  ServicePresence presence = ServicePresence::stopped;
};

/// Which known services are installed, loaded by systemd or not, by their unit files. Looks for the files
/// once a minute.
class KnownServices {
 public:
  explicit KnownServices(const HostPaths& paths) : paths_(paths) {}
  std::vector<FoundService> find(const WatchedUnits& units, BootTime now);

 private:
  bool is_installed(std::string_view unit) const;

  const HostPaths& paths_;
  std::optional<BootTime> looked_;
  std::vector<std::string> installed_;  ///< per known service; "" when it is not
};

}  // namespace chiron
