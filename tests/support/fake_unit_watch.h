#pragma once

#include "exporter/base/unit_watch.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chiron::testing {

/// What a FakeUnitWatch shows from the next update on, and the names that were asked for. Shared, because a
/// collector owns its watch.
struct FakeUnits {
  WatchedUnits units;
  std::map<std::string, std::string> aliases;  // to canonical names
  ManagerFacts manager{.state = "running", .version = "252.39-1~deb12u1", .virtualization = "kvm"};
  std::optional<Error> failure;  // of every call
  bool changed = true;           // whether the next update finds another picture
  std::vector<std::string> asked;
  UnitInterest interest;  // what the collector wants
};

/// Units as the test has them.
class FakeUnitWatch final : public UnitWatch {
 public:
  FakeUnitWatch(std::shared_ptr<FakeUnits> state, UnitInterest interest) : state_(std::move(state)) {
    state_->interest = std::move(interest);
  }
  Status update(Duration) override {
    if (state_->failure) return *state_->failure;
    if (state_->changed) {
      units_ = state_->units;
      for (auto& [name, unit] : units_) unit.detailed = unit.detailed && state_->interest.wanted(name);
      ++revision_;
    }
    state_->changed = false;
    return {};
  }
  const WatchedUnits& units() const override { return units_; }
  const ManagerFacts& manager() const override { return state_->manager; }
  std::uint64_t revision() const override { return revision_; }
  Result<std::string> canonical_name(const std::string& name, Duration) override {
    state_->asked.push_back(name);
    const auto alias = state_->aliases.find(name);
    if (alias == state_->aliases.end()) return Error(ErrorCode::not_found, name + " is not loaded");
    return alias->second;
  }

 private:
  std::shared_ptr<FakeUnits> state_;
  WatchedUnits units_;
  std::uint64_t revision_ = 0;
};

}  // namespace chiron::testing
