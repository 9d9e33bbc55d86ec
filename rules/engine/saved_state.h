#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/series/labels.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::rules {

/// An alert as it is kept over a restart; durations as they had been counted when it was saved.
struct SavedAlert {
  Labels labels, sample;
  bool firing = false;
  double value = 0;
  WallTime active_at{}, fired_at{};
  Duration active_for{};
  std::optional<Duration> kept_for;  ///< keep_firing_for runs since then
};

/// Tells a rule from all others over reloads and restarts.
struct RuleKey {
  std::string group, name, expr;
  std::vector<std::pair<std::string, std::string>> labels;
  auto operator<=>(const RuleKey&) const = default;
};

struct SavedRule {
  RuleKey key;
  std::vector<SavedAlert> alerts;
};

/// The progress of all alerts, with the moment of saving on the boot clock.
struct SavedState {
  std::string boot_id;
  BootTime boot{};
  std::vector<SavedRule> rules;
};

std::string encode_state(const SavedState& state);
/// Errors: corrupt.
Result<SavedState> decode_state(std::string_view json);

}  // namespace chiron::rules
