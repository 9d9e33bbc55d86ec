#pragma once

#include "exporter/base/clock.h"
#include "exporter/series/labels.h"
#include "remediation/policy/window.h"

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

enum class Mode { automatic, dry_run, approval };
std::string_view to_string(Mode mode);
std::optional<Mode> parse_mode(std::string_view text);

/// Attempts that did not help make the wait for the next one longer.
struct BackoffSpec {
  Duration initial = std::chrono::seconds(30);
  double factor = 2;
  Duration max = std::chrono::minutes(10);
  Duration reset_after = std::chrono::hours(1);  ///< without an attempt
};

/// So many attempts in a row that did not help end it, until one more may try.
struct BreakerSpec {
  int failures = 3;
  Duration reopen_after = std::chrono::hours(6);
};

/// As many runs as there may be.
inline constexpr int kNoBudget = std::numeric_limits<int>::max();

struct PolicySpec {
  Mode mode = Mode::dry_run;
  std::optional<Duration> armed_for{};  ///< after which `automatic` falls back to dry-run
  bool only_reads = false;  ///< every step does: there is nothing that a dry-run would hold back
  Duration cooldown = std::chrono::minutes(5);
  int budget_runs = 3;
  Duration budget_per = std::chrono::hours(1);
  std::optional<BackoffSpec> backoff{};
  std::optional<BreakerSpec> breaker{};
  Duration approval_expires = std::chrono::hours(1);
  std::vector<std::vector<Matcher>> unless{};  ///< any of the lists, of a list all, of one firing alert
  std::vector<WindowSpec> windows{};           ///< open in any of them; without any, always
};

/// As judged when a person has asked or approved: neither the mode nor how long it is armed holds it back.
PolicySpec as_asked(PolicySpec policy);

/// Of all remedies together: runs that alerts started.
struct HostBudget {
  int runs = 20;
  Duration per = std::chrono::hours(1);
};

/// What stands above every remedy's mode (remediation.mode).
enum class Gate { automatic, dry_run, off };
std::optional<Gate> parse_gate(std::string_view text);

/// Keys that contradict each other, with the key to mend; nothing when they agree.
struct Contradiction {
  std::string key, message, hint;
};
std::optional<Contradiction> contradiction_in(const PolicySpec& policy);

}  // namespace chiron::remediation
