#pragma once

#include "exporter/base/result.h"
#include "remediation/actions/deletion/candidate.h"

#include <string>
#include <string_view>
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
  std::string lock;  ///< a file whose owner holds an fcntl(2) lock while it uses the place; may be empty
};

struct StageOptions {
  std::vector<std::string> globs;  ///< of the stage "globs"
  Duration min_age{};
  Duration temporary_min_age{};
};

/// In the order in which disk.rescue takes them unless told otherwise.
const std::vector<std::string_view>& rescue_stage_names();
Result<RescueStage> make_rescue_stage(std::string_view name, const StageOptions& options);

}  // namespace chiron::remediation
