#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/prune_work.h"

#include <cstdint>
#include <string>
#include <vector>

namespace chiron::remediation {

/// files.prune: removes regular files below deletion.roots by pattern, age, size and number, the oldest
/// first. An absent root holds nothing and is no failure. Fails with failed_precondition when the kernel
/// refused a removal, when nobody can tell whether files are in use, or when more than `max_total` is left;
/// the report tells what was removed all the same.
class FilesPrune final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  PruneRequest request() const;

  std::vector<std::string> globs_;
  Duration older_than_ = std::chrono::hours(24);
  std::string larger_than_;
  std::int64_t keep_ = 0;
  std::string max_total_;
  std::int64_t max_files_ = 10'000;
};

}  // namespace chiron::remediation
