#include "exporter/collectors/btrfs_devices.h"

#include "exporter/base/file.h"

#include <algorithm>
#include <cerrno>
#include <span>

#include <fcntl.h>
#include <linux/btrfs.h>
#include <spdlog/fmt/fmt.h>
#include <sys/ioctl.h>

namespace chiron {
namespace {

static_assert(kBtrfsErrors.size() == BTRFS_DEV_STAT_VALUES_MAX);

/// Numbers of devices are not used again, so that they have gaps; nobody adds a device so often.
constexpr std::uint64_t kMostNumbers = 65'536;

std::string to_uuid(std::span<const __u8, BTRFS_UUID_SIZE> bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
  return text;
}

std::string file_name(std::span<const __u8> path) {
  const std::string text(path.begin(), std::find(path.begin(), path.end(), 0));
  return text.substr(text.rfind('/') + 1);
}

/// 0, or the errno.
int read_device(int fd, BtrfsDevice& device) {
  btrfs_ioctl_dev_info_args info{};
  info.devid = device.id;
  if (::ioctl(fd, BTRFS_IOC_DEV_INFO, &info) != 0) return errno;
  device.uuid = to_uuid(info.uuid);
  device.name = file_name(info.path);
  device.size = info.total_bytes;
  device.used = info.bytes_used;
  btrfs_ioctl_get_dev_stats stats{};
  stats.devid = device.id;
  stats.nr_items = BTRFS_DEV_STAT_VALUES_MAX;
  if (::ioctl(fd, BTRFS_IOC_GET_DEV_STATS, &stats) != 0) return errno;
  std::copy_n(std::begin(stats.values), device.errors.size(), device.errors.begin());
  return 0;
}

}  // namespace

Result<std::vector<BtrfsDevice>> btrfs_devices(const std::string& mountpoint, std::string_view uuid) {
  // Not kept open: that would keep the file system from being unmounted.
  const FileDescriptor fd(::open(mountpoint.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME));
  if (!fd) return Error::from_errno(errno, mountpoint);
  btrfs_ioctl_fs_info_args info{};
  if (::ioctl(fd.get(), BTRFS_IOC_FS_INFO, &info) != 0 || to_uuid(info.fsid) != uuid)
    return Error(ErrorCode::not_found, fmt::format("{}: not the Btrfs {}", mountpoint, uuid));
  std::vector<BtrfsDevice> devices;
  for (std::uint64_t id = 0; id <= std::min<std::uint64_t>(info.max_id, kMostNumbers); ++id) {
    if (devices.size() == info.num_devices) break;
    BtrfsDevice device{.id = id, .uuid = {}, .name = {}};
    const int error = read_device(fd.get(), device);
    if (error == 0) devices.push_back(std::move(device));
    if (error != 0 && error != ENODEV) return Error::from_errno(error, mountpoint);
  }
  return devices;
}

}  // namespace chiron
