#pragma once

#include <string>
#include <string_view>

namespace chiron {

/// Where the host's kernel file systems and root are mounted: --path.procfs, --path.sysfs, --path.rootfs;
/// and where udev keeps what it knows of devices: --path.udev.data.
/// The only place that knows "/proc" and "/sys".
class HostPaths {
 public:
  struct Roots {
    std::string procfs = "/proc";
    std::string sysfs = "/sys";
    std::string rootfs = "/";
    std::string udev_data = {};  ///< empty: run/udev/data below rootfs
  };
  HostPaths() : HostPaths(Roots()) {}
  explicit HostPaths(Roots roots);

  /// proc("net/dev") -> "/proc/net/dev".
  std::string proc(std::string_view relative) const;
  std::string sys(std::string_view relative) const;
  std::string udev_data(std::string_view relative) const;
  /// The path by which this process reaches a path of the host: root("/var/log") -> "/host/var/log".
  std::string root(std::string_view absolute) const;
  /// The host's own name for a path seen through rootfs; the inverse of root().
  std::string strip_root(std::string_view path) const;

  const Roots& roots() const { return roots_; }
  /// Whether all three are the running kernel's own, so that netlink and syscalls speak of the same host.
  bool live() const;

 private:
  Roots roots_;
};

}  // namespace chiron
