#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/deletion/hunt.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// What files.prune is asked for.
struct PruneRequest {
  std::vector<std::string> globs;
  Duration older_than{};
  std::optional<std::uint64_t> larger_than;  ///< in bytes of content
  std::size_t keep = 0;                      ///< of each directory
  std::optional<std::uint64_t> max_total;    ///< in allocated bytes, of all that match together
  std::uint64_t max_files = 0;
};

/// The work of one files.prune: the same selection whether it removes or only looks. Used once, on one
/// thread.
class PruneWork {
 public:
  enum class Mode { remove, only_look };
  using OnFile = std::function<void(std::string path, std::uint64_t bytes, Duration age)>;

  PruneWork(ActionContext& context, Mode mode, OnFile on_file)
      : context_(context), mode_(mode), on_file_(std::move(on_file)) {}

  /// Fails for patterns outside the roots, when told to stop, and when deleting safely is impossible here.
  Status perform(const PruneRequest& request);

  std::uint64_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }
  /// Allocated to all that matched and is left.
  std::uint64_t left_bytes() const { return total_ - std::min(total_, bytes_); }
  bool over_total() const { return max_total_ && left_bytes() > *max_total_; }
  /// It ended because of max_files, or there was more than is looked at in one run.
  bool more() const { return more_; }
  const Kept& kept() const { return kept_; }
  const std::string& first_error() const { return first_error_; }

 private:
  struct Prey {
    std::uint32_t hunt, file;
  };
  Result<std::vector<Hunt>> gather(const PruneRequest& request);
  Status take(const PruneRequest& request, const std::vector<Hunt>& hunts);
  Status stopped() const;

  ActionContext& context_;
  const Mode mode_;
  const OnFile on_file_;
  WalkBudget budget_;
  AgeRule age_;
  std::optional<std::uint64_t> max_total_;
  std::uint64_t files_ = 0, bytes_ = 0, total_ = 0;
  bool more_ = false;
  Kept kept_;
  std::string first_error_;
};

}  // namespace chiron::remediation
