#pragma once

#include "exporter/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// A package that `apt-get dist-upgrade` would bring to another version.
struct AptUpgrade {
  std::string package, from, to;
  std::string architecture;
  std::string origins;  ///< as apt shows them: "Debian:12.5/stable, Debian-Security:12/stable-security"

  /// Debian and Ubuntu name their archives of security updates so, and derivatives follow.
  bool is_security() const;
};

struct AptSimulation {
  std::vector<AptUpgrade> upgrades;
  std::uint64_t kept_back = 0;  ///< on hold, or not to be upgraded without removing others
};

/// What `apt-get --simulate dist-upgrade` prints under LC_ALL=C. corrupt: a line that does not follow the
/// form, or no summary, which ends the decision of what is done.
Result<AptSimulation> parse_apt_simulation(std::string_view text);

}  // namespace chiron::remediation
