#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/suppression.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// Who or what holds remedies back; the values of the label `cause`.
enum class PauseCause { command, file, boot_loop, ledger };
std::string_view to_string(PauseCause cause);
std::vector<PauseCause> all_pause_causes();

/// What is paused, by whom, until when. One thread.
class Pauses {
 public:
  explicit Pauses(const Clock& clock) : clock_(clock) {}

  /// "" is every remedy. Without a length until resumed. `why` is told to people.
  void pause(std::string_view remedy, PauseCause cause, std::optional<Duration> length, std::string why);
  /// "" ends every pause, those of single remedies too, but not that of the file.
  void resume(std::string_view remedy);
  /// The file that pauses everything as long as it is there, whatever it holds, readable or not; its text is
  /// the reason. Whether that changed.
  bool look_at_file(const std::string& path);
  std::optional<Decision> find(std::string_view remedy) const;
  /// Whether every remedy is paused for this cause.
  bool holds_all(PauseCause cause) const;

  /// JSON with both clocks; "" when nothing is paused. The file speaks for itself.
  std::string save() const;
  /// Adds what was saved; what is paused already stays as it is.
  Status restore(std::string_view json);

 private:
  struct Pause {
    Moment since;
    std::optional<Duration> length;
    std::string why;
  };
  using Key = std::pair<std::string, PauseCause>;
  bool is_over(const Pause& pause) const;
  Decision told(const Key& key, const Pause& pause) const;

  const Clock& clock_;
  std::map<Key, Pause> pauses_;
  std::optional<std::string> file_;  ///< the reason, while the file is there
};

}  // namespace chiron::remediation
