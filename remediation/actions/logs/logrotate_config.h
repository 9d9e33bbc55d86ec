#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"
#include "remediation/actions/deletion/path_glob.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// The logs that logrotate(8) looks after.
struct LogrotatePatterns {
  std::vector<PathGlob> logs;
  std::vector<PathGlob> trees;  ///< olddir, and where a pattern could not be understood

  bool owns(std::string_view path) const;
};

/// Adds what one configuration file says. What it includes goes to `includes`. False for a file that breaks
/// logrotate.conf(5)'s form (a block that does not end, a script without endscript): then everything in it
/// that looks like an absolute path counts as a log.
bool parse_logrotate(std::string_view text, LogrotatePatterns& into, std::vector<std::string>& includes);

/// /etc/logrotate.conf, /etc/logrotate.d and what they include. A file that is there and cannot be read is an
/// error: what logrotate owns is unknown.
Result<LogrotatePatterns> load_logrotate(const HostPaths& paths);

}  // namespace chiron::remediation
