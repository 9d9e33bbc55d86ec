#pragma once

#include "exporter/base/file.h"
#include "remediation/actions/action.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// The directory that reports are written to, held by a descriptor and, while this lives, by flock(2): of two
/// that write there at once the second waits, until its deadline.
class ReportDirectory {
 public:
  /// `directory` "": reports/ in the agent's state, made (0750) when absent. Else it has to be there, inside
  /// deletion.roots since older reports are removed from it, and not protected; no component below the root
  /// may be a symbolic link.
  static Result<ReportDirectory> open(const ActionContext& context, const std::string& directory);
  /// Where it would be, after the same checks; makes and locks nothing.
  static Result<std::string> find(const ActionContext& context, const std::string& directory);

  /// Under a hidden name, mode 0640, flushed, then renamed.
  Status write(const std::string& name, std::string_view content) const;
  /// Removes all but the newest `keep` of PREFIX-STAMP.SUFFIX; how many.
  Result<std::uint64_t> prune(std::string_view prefix, std::string_view suffix, std::size_t keep) const;
  const std::string& path() const { return path_; }

 private:
  ReportDirectory(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  FileDescriptor fd_;
};

/// 20260131T090000Z, UTC: sorts by time.
std::string report_stamp(WallTime time);
bool is_report_stamp(std::string_view text);

}  // namespace chiron::remediation
