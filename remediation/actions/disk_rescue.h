#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/rescue_stages.h"

#include <string>
#include <vector>

namespace chiron::remediation {

/// disk.rescue: removes what a host can do without from one file system, stage by stage, in each the oldest
/// first, until enough bytes and inodes are available. Only below deletion.roots and only on the file system
/// that holds `path`; needs no free byte and no free inode itself. Fails with failed_precondition when the
/// target is not reached; the report tells what was freed all the same, as does that of a run that was
/// cancelled.
class DiskRescue final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  std::string path_;
  Amount target_free_{.is_percent = true, .percent = 15, .bytes = 0};
  Amount target_free_inodes_{.is_percent = true, .percent = 15, .bytes = 0};
  std::vector<std::string> stages_;
  StageOptions options_{.globs = {},
                        .min_age = std::chrono::hours(24),
                        .temporary_min_age = std::chrono::hours(24 * 10),
                        .keep_images = {},
                        .keep_image_labels = {}};
};

}  // namespace chiron::remediation
