#pragma once

#include "exporter/base/file.h"
#include "exporter/base/host_changes.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace chiron {

/// Kernel files that several collectors look at, each read once a pass: what the text of /proc/stat costs the
/// kernel grows with the CPUs and the interrupts; and what else is the same for all of them in a pass.
/// Sampling thread only.
class PassFiles {
 public:
  class File {
   public:
    File(std::string path, KernelFile::Records records, const std::uint64_t& pass)
        : file_(std::move(path), records), pass_(pass) {}
    /// What the first reader of this pass read. The view is valid until the next pass.
    const Result<std::string_view>& read();
    const std::string& path() const { return file_.path(); }

   private:
    KernelFile file_;
    const std::uint64_t& pass_;
    std::uint64_t read_in_ = 0;
    std::optional<Result<std::string_view>> text_;
  };

  /// `live`: as HostChanges has it.
  explicit PassFiles(const Clock& clock, bool live = false) : changes_(live, clock) {}
  PassFiles(const PassFiles&) = delete;
  PassFiles& operator=(const PassFiles&) = delete;

  /// The one object for that path, which lives as long as this one.
  File& open(const std::string& path, KernelFile::Records records);
  /// From now on a file is read again.
  void begin_pass() {
    ++pass_;
    changes_.begin_pass();
  }
  /// Of the pass that began last.
  const HostChanges& changes() const { return changes_; }

 private:
  std::uint64_t pass_ = 1;
  HostChanges changes_;
  std::deque<File> files_;
};

}  // namespace chiron
