#pragma once

#include "exporter/base/result.h"

#include <cstddef>
#include <string>

namespace chiron::remediation {

/// Blocks of the disk held by a file of zeros, to be given up piece by piece when the disk has none left for
/// the ledger, and taken again when it has. One thread at a time.
class Reserve {
 public:
  Reserve(std::string path, std::size_t size);
  ~Reserve();
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  /// Bytes held now; `size` when full.
  std::size_t held() const { return held_; }
  std::size_t size() const { return size_; }
  /// Below this no new run begins: what is left is for the ends of those that have begun.
  std::size_t floor() const { return size_ / 4; }
  bool low() const { return held_ < floor(); }

  /// Takes what is missing, as far as the disk has it. Without effect when nothing is missing.
  Status fill();
  /// Gives up to `bytes` back to the disk; how many that were. 0 when the reserve is used up.
  std::size_t release(std::size_t bytes);

 private:
  const std::string path_;
  const std::size_t size_;
  int fd_ = -1;
  std::size_t held_ = 0;
};

/// Has the file at `path` own blocks for its first `bytes` bytes without changing its length, where the file
/// system can (fallocate(2), FALLOC_FL_KEEP_SIZE).
void preallocate(const std::string& path, std::size_t bytes);
/// Length of a file, 0 when there is none.
std::size_t file_length(const std::string& path);

}  // namespace chiron::remediation
