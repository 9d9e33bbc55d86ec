#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"
#include "remediation/actions/deletion/path_glob.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// What tmpfiles.d(5) says must survive cleaning: the lines of type x (a path and all below it) and X (the
/// path alone).
struct TmpfilesExclusions {
  std::vector<PathGlob> trees;
  std::vector<PathGlob> paths;

  bool excludes(std::string_view path) const;
};

/// Adds what one file says. `boot_id` stands for %b; specifiers whose value is not known here become *, so
/// that rather too much is excluded than too little. Lines of other types and lines that make no sense are
/// passed over.
void parse_tmpfiles(std::string_view text, std::string_view boot_id, TmpfilesExclusions& into);

/// Everything in /etc, /run, /usr/local/lib and /usr/lib; a file of the same name in an earlier one replaces
/// the later one's. A file that is there and cannot be read is an error: what it protects is unknown.
Result<TmpfilesExclusions> load_tmpfiles(const HostPaths& paths, std::string_view boot_id);

}  // namespace chiron::remediation
