#pragma once

#include "remediation/actions/action.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// cache.prune: removes keys of a Redis server that match a pattern and were not used for a while, in batches
/// small enough that other clients do not notice. Idle time is asked again by a script on the server that
/// removes in the same breath, so that a key used a moment ago stays. SCAN may show a key twice and shows
/// every key that was there all the time (SCAN, redis.io); OBJECT IDLETIME neither resets idle time nor
/// exists under an LFU policy.
class CachePrune final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  class Session;
  class Removal;

  Result<Session> open(ActionContext& context) const;
  bool has_target() const { return target_memory_.is_percent || target_memory_.bytes > 0; }
  /// The patterns to go through: "*" when none was given.
  std::vector<std::string> patterns() const;

  std::string server_;
  std::vector<std::string> patterns_;
  Duration idle_{};
  std::int64_t batch_ = 500;
  std::int64_t max_keys_ = 0;
  Amount target_memory_;
  std::string password_file_;
  std::int64_t db_ = 0;
};

}  // namespace chiron::remediation
