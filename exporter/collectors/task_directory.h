#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// What /proc/PID/stat says of a process or thread (proc_pid_stat(5)).
struct TaskStat {
  char state = 0;
  std::uint64_t threads = 0;
};

/// Nothing when the text does not follow its format. A name may hold any byte: the last bracket ends it.
std::optional<TaskStat> parse_task_stat(std::string_view text);

/// A directory with one directory for each process or thread, named by its number: /proc, /proc/PID/task.
/// Holds a descriptor only between open() and the next; the buffers stay.
class TaskDirectory {
 public:
  /// `path` is relative to the directory `at` when that is given.
  Status open(const std::string& path, const TaskDirectory* at = nullptr);
  /// The number of the next one; nothing at the end. Those that end meanwhile may be given out.
  Result<std::optional<std::string_view>> next();
  /// ErrorCode::not_found when the task has ended.
  Result<TaskStat> stat(std::string_view number);

 private:
  Error failed(int errnum) const;  ///< for the file that stat() looked at

  std::string path_;
  FileDescriptor fd_;
  std::vector<char> entries_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::string name_;
};

}  // namespace chiron
