#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

namespace chiron {

/// Which file it is and when it last changed: equal stamps mean that it need not be read again, which costs
/// ten times what stat(2) does. ctime, because programs set mtime at will.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  long long changed_ns = 0;
  double modified_seconds = 0;
  bool operator==(const FileStamp&) const = default;
};

/// Follows symbolic links. Nothing when the file cannot be looked at.
inline std::optional<FileStamp> file_stamp(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return std::nullopt;
  return FileStamp{.device = facts.st_dev,
                   .inode = facts.st_ino,
                   .size = facts.st_size,
                   .changed_ns = facts.st_ctim.tv_sec * 1'000'000'000LL + facts.st_ctim.tv_nsec,
                   .modified_seconds = static_cast<double>(facts.st_mtim.tv_sec) +
                                       static_cast<double>(facts.st_mtim.tv_nsec) / 1e9};
}

}  // namespace chiron
