#pragma once

#include "remediation/actions/engine_prune.h"

#include <string>
#include <vector>

#include <sys/types.h>

namespace chiron::remediation {

/// An engine that keeps what it stores on one file system, and those that do not.
struct EnginesOnDevice {
  std::vector<std::string> sockets;
  std::vector<std::string> skipped;  ///< why another one, or none, is of use; for a person
};

/// The container engines of this host whose images and build cache are on the file system `device`. One that
/// does not answer is skipped. Fails only when told to stop.
Result<EnginesOnDevice> find_engines_on(ActionContext& context, dev_t device);

/// Unused images and build cache that are so old.
EngineRules rescue_rules(Duration min_age, std::vector<std::string> keep,
                         std::vector<std::pair<std::string, std::string>> keep_labels);

}  // namespace chiron::remediation
