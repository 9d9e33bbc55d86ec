#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/file.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace chiron {

/// Messages that the kernel sends to whoever listens, over netlink(7). What they say is not looked at: only
/// that there were some. Not thread-safe.
class NetlinkEvents {
 public:
  /// `protocol` is a NETLINK_*, `groups` the mask of its multicast groups.
  NetlinkEvents(int protocol, std::uint32_t groups);
  /// Whether one listens: a sandbox may forbid it.
  bool listening() const { return static_cast<bool>(socket_); }
  /// Whether any came since the last call, lost ones included. Waits for nothing.
  bool any();

 private:
  FileDescriptor socket_;
};

/// Says when it is time to look again for what the kernel does not announce: at first, and a minute after
/// each look, however many passes that is. Not thread-safe.
class RareLook {
 public:
  explicit RareLook(const Clock& clock) : clock_(clock) {}
  bool due() const { return !looked_ || clock_.boot() - *looked_ >= kEvery; }
  void done() { looked_ = clock_.boot(); }

 private:
  static constexpr Duration kEvery = std::chrono::minutes(1);

  const Clock& clock_;
  std::optional<BootTime> looked_;
};

/// Tells in which passes a look at what rarely changes is worth its while: the names in a directory of
/// devices, a file that was not there. The kernel announces devices and modules that come, change or go
/// (NETLINK_KOBJECT_UEVENT), and what it does not announce is looked for once a minute.
/// begin_pass() on the sampling thread, generation() on any.
class HostChanges {
 public:
  /// `live`: the roots of the collectors are this host's own /proc and /sys. Where nothing is announced, of
  /// other roots or in a sandbox, every pass is another generation.
  HostChanges(bool live, const Clock& clock);
  void begin_pass();
  /// What was found in an earlier pass of the same generation stands.
  std::uint64_t generation() const { return generation_.load(std::memory_order_relaxed); }

 private:
  std::optional<NetlinkEvents> events_;
  std::atomic<std::uint64_t> generation_{1};
  RareLook unannounced_;
  bool changed_ = false;
};

/// A kernel file that many hosts do not have: one that was not there is looked for again in the next
/// generation. Not thread-safe.
class OptionalKernelFile {
 public:
  OptionalKernelFile(std::string path, const HostChanges& changes,
                     KernelFile::Records records = KernelFile::Records::many)
      : file_(std::move(path), records), changes_(changes) {}
  /// As KernelFile::read(). While it is known to be absent, the error is ErrorCode::not_found.
  Result<std::string_view> read();
  const std::string& path() const { return file_.path(); }

 private:
  KernelFile file_;
  const HostChanges& changes_;
  std::optional<Error> absent_;
  std::uint64_t looked_in_ = 0;
};

}  // namespace chiron
