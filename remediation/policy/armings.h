#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "remediation/ledger/ledger.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// Under which the ledger keeps what Armings::save() makes.
inline constexpr std::string_view kArmingsKey = "armings";

/// Since when remedies are armed for a time. Told by age(): a wall clock that jumps neither ends nor prolongs
/// it; time in which the agent does not run counts. One thread.
class Armings {
 public:
  explicit Armings(const Clock& clock) : clock_(clock) {}

  struct Arming {
    Moment since;       ///< when it was first seen armed so
    Duration length;    ///< for so long
    bool told = false;  ///< that it is over
  };
  using Lengths = std::map<std::string, Duration, std::less<>>;

  /// What is armed for a time, by the remedy's name, and for how long. What was not, or for another time,
  /// begins now; what is not any more is forgotten. Whether save() makes something else than before.
  bool want(const Lengths& lengths);
  /// What was saved, of what is wanted: there it goes on.
  Status restore(std::string_view json);
  std::string save() const;

  const Arming* find(std::string_view remedy) const;
  bool is_over(std::string_view remedy) const;
  /// When it ends, or ended, by the wall clock as it is now.
  WallTime until(const Arming& arming) const;
  /// The names of those that are over, each once, however often the agent is started.
  std::vector<std::string> tell_over();

 private:
  const Clock& clock_;
  std::map<std::string, Arming, std::less<>> armings_;
};

}  // namespace chiron::remediation
