#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/deletion/path_glob.h"
#include "remediation/actions/deletion/tmpfiles.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// What stays, whoever asks: the protect list, tmpfiles.d's exclusions, what services with PrivateTmp= of
/// this boot hold, and names by which others lock or keep house. Paths are the host's. Immutable.
class Guard {
 public:
  /// Fails when an exclusion cannot be read or understood: then nothing may be deleted.
  static Result<Guard> load(const HostPaths& paths, const DeletionPolicy& policy, std::string_view boot_id);

  /// Whether a directory and everything in it stays.
  bool keeps_tree(std::string_view directory) const;
  /// Whether a file stays; directories above it count.
  bool keeps(std::string_view path) const;

 private:
  std::vector<PathGlob> protect_;
  TmpfilesExclusions tmpfiles_;
};

/// deletion.roots, checked: absolute, clean, none of them "/".
Result<std::vector<std::string>> clean_roots(const DeletionPolicy& policy);
/// The innermost root that holds `path`, or nothing.
const std::string* root_of(const std::vector<std::string>& roots, std::string_view path);

}  // namespace chiron::remediation
