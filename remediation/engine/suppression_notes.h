#pragma once

#include "remediation/policy/policy.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace chiron::remediation {

/// Which alert asked which remedy in vain, and why: so that a reason is told when it changes and not at every
/// evaluation. One thread.
class SuppressionNotes {
 public:
  struct Key {
    std::string remedy, target;
    std::uint64_t alert = 0;
    auto operator<=>(const Key&) const = default;
  };
  /// Between begin_pass() and end_pass() every alert that fires is noted; the others are forgotten at the
  /// end.
  void begin_pass() { seen_.clear(); }
  /// Whether the reason is news.
  bool note(const Key& key, Suppression reason) {
    seen_.insert(key);
    const auto [entry, fresh] = notes_.try_emplace(key, reason);
    if (!fresh && entry->second == reason) return false;
    entry->second = reason;
    return true;
  }
  /// The alert fires and there is nothing to tell: what was told stays told.
  void keep(const Key& key) { seen_.insert(key); }
  /// The reason told last; none when nothing was told.
  Suppression told(const Key& key) const {
    const auto found = notes_.find(key);
    return found != notes_.end() ? found->second : Suppression::none;
  }
  /// The remedy acted: what comes next is told anew.
  void acted(const Key& key) {
    seen_.insert(key);
    notes_.erase(key);
  }
  void end_pass() {
    std::erase_if(notes_, [this](const auto& entry) { return !seen_.contains(entry.first); });
  }

 private:
  std::map<Key, Suppression> notes_;
  std::set<Key> seen_;
};

}  // namespace chiron::remediation
