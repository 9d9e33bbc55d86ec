#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/deletion/candidate.h"
#include "remediation/actions/deletion/free_space.h"
#include "remediation/actions/rescue_stages.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace chiron::remediation {

struct StageResult {
  std::string name;
  std::uint64_t files = 0;
  std::uint64_t objects = 0;  ///< of container engines
  std::uint64_t bytes = 0;
  std::vector<std::string> notes;  ///< why a place was left out
  std::string skipped;             ///< why there was nothing that this stage could look at; or empty
};

/// The work of one disk.rescue: the same selection whether it removes or only looks. Used once, on one
/// thread.
class RescueWork {
 public:
  enum class Mode { remove, only_look };
  struct Request {
    std::string path;
    Amount target_free, target_free_inodes;
    std::vector<RescueStage> stages;
    bool stages_were_chosen =
        false;  ///< a stage with no place below a root then is a fault, not just left out
  };
  /// Called for each file that was, or would be, removed, by its path, and each object of a container engine.
  using OnFile = std::function<void(const std::string& stage, std::string what, std::uint64_t bytes)>;

  RescueWork(ActionContext& context, Mode mode, OnFile on_file)
      : context_(context), mode_(mode), on_file_(std::move(on_file)) {}

  /// Fails for bad requests, when told to stop, and when deleting safely is impossible here. That the target
  /// is not reached is no failure of it: reached().
  Status perform(const Request& request);

  bool reached() const { return reached_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t files() const { return files_; }
  std::uint64_t objects() const { return objects_; }  ///< of container engines
  const Kept& kept() const { return kept_; }
  const FreeSpace& before() const { return before_; }
  const FreeTarget& target() const { return target_; }
  const std::vector<StageResult>& stages() const { return results_; }
  const std::string& first_error() const { return first_error_; }
  /// What is available now; when only looking, what would be.
  FreeSpace after() const;

 private:
  struct Hunt;
  struct Prey {
    std::uint32_t hunt;
    std::uint32_t file;
  };

  Status check_places(const Request& request) const;
  Status do_stage(const RescueStage& stage);
  Status do_files(const RescueStage& stage, StageResult& result);
  Status do_engines(const RescueStage& stage, StageResult& result);
  Result<std::vector<Hunt>> gather(const RescueStage& stage, StageResult& result);
  Result<bool> take(const RescueStage& stage, const std::vector<Hunt>& hunts, StageResult& result);
  Result<bool> met();
  bool locked(const std::string& path) const;
  Status stopped() const;

  ActionContext& context_;
  const Mode mode_;
  const OnFile on_file_;
  std::vector<std::string> roots_;
  Guard guard_;
  WalkBudget budget_;
  std::optional<FileSystem> file_system_;
  FreeSpace before_;
  FreeTarget target_;
  bool reached_ = false;
  std::uint64_t bytes_ = 0, files_ = 0, freed_files_ = 0, objects_ = 0;
  Kept kept_;
  std::vector<StageResult> results_;
  std::string first_error_;
};

}  // namespace chiron::remediation
