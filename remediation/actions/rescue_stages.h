#pragma once

#include "exporter/base/result.h"
#include "remediation/actions/deletion/candidate.h"
#include "remediation/actions/engine_rules.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// A directory where a stage looks, and for what.
struct RescuePlace {
  std::string start;  ///< the host's name, absolute and clean
  Selection selection;
};

/// One kind of files of which a host can do without.
struct RescueStage {
  std::string name;
  std::vector<RescuePlace> places;
  std::optional<EngineRules> engines;  ///< not files, but what container engines store
  std::string lock;  ///< a file whose owner holds an fcntl(2) lock while it uses the place; may be empty
};

struct StageOptions {
  std::vector<std::string> globs;  ///< of the stage "globs"
  Duration min_age{};
  Duration temporary_min_age{};
  std::vector<std::string> keep_images;  ///< globs; of the stage "containers"
  std::vector<std::pair<std::string, std::string>> keep_image_labels;
};

inline constexpr std::string_view kContainersStage = "containers";

/// In the order in which disk.rescue takes them unless told otherwise.
const std::vector<std::string_view>& rescue_stage_names();
Result<RescueStage> make_rescue_stage(std::string_view name, const StageOptions& options);

}  // namespace chiron::remediation
