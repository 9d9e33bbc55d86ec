#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sys/types.h>

namespace chiron {

/// What /proc/PID/stat says of a process or thread (proc_pid_stat(5)).
struct TaskStat {
  char state = 0;
  std::uint64_t threads = 0;
};

/// Nothing when the text does not follow its format. A name may hold any byte: the last bracket ends it.
std::optional<TaskStat> parse_task_stat(std::string_view text);

/// The stat files of tasks, by number, kept open from pass to pass: opening and closing one costs more than
/// reading it. A descriptor of a task that has ended reads as such, whoever has its number now. At most an
/// eighth of the descriptors that this process may have, and kMost: the kernel holds 4 KiB for each.
class TaskStatFiles {
 public:
  TaskStatFiles();
  void begin_pass() { ++pass_; }
  /// Closes those that were not asked for in this pass.
  void end_pass();
  /// The descriptor kept for a task; -1: none.
  int find(std::uint32_t number);
  /// Keeps it when there is room; else it is closed.
  void keep(std::uint32_t number, FileDescriptor file);
  void drop(std::uint32_t number) { kept_.erase(number); }
  std::size_t size() const { return kept_.size(); }
  static constexpr std::size_t kMost = 256;

 private:
  struct Kept {
    FileDescriptor file;
    std::uint64_t pass = 0;
  };
  std::unordered_map<std::uint32_t, Kept> kept_;
  std::size_t most_ = 0;
  std::uint64_t pass_ = 0;
};

/// A directory with one directory for each process or thread, named by its number: /proc, /proc/PID/task.
/// Holds a descriptor only between open() and the next; the buffers stay.
class TaskDirectory {
 public:
  /// `files` outlives the object.
  explicit TaskDirectory(TaskStatFiles& files) : files_(files) {}
  /// `path` is relative to the directory `at` when that is given.
  Status open(const std::string& path, const TaskDirectory* at = nullptr);
  /// The number of the next one; nothing at the end. Those that end meanwhile may be given out.
  Result<std::optional<std::string_view>> next();
  /// ErrorCode::not_found when the task has ended.
  Result<TaskStat> stat(std::string_view number);

 private:
  Error failed(int errnum) const;  ///< for the file that stat() looked at
  /// Bytes read into `buffer`, or the negated errno.
  ssize_t read_stat(std::uint32_t number, std::span<char> buffer);

  TaskStatFiles& files_;
  std::string path_;
  FileDescriptor fd_;
  std::vector<char> entries_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::string name_;
};

}  // namespace chiron
