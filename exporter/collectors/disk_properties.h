#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron {

/// The lines E:NAME=VALUE of udev's database of a device, /run/udev/data/bMAJOR:MINOR, as udevadm info prints
/// them.
class UdevProperties {
 public:
  static UdevProperties parse(std::string_view text);
  /// "" when absent.
  std::string_view get(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// A block device as its series name it.
struct DiskName {
  std::string device, major, minor;
};

/// What does not change from read to read of a block device: node_disk_info, node_disk_filesystem_info,
/// node_disk_device_mapper_info and node_disk_ata_*, from udev's database and sysfs. Without udev only
/// node_disk_info.
class DiskProperties {
 public:
  explicit DiskProperties(Catalogue& catalogue);
  /// The series and values of one device now.
  std::vector<FrameEntry> read(const HostPaths& paths, const DiskName& disk) const;

 private:
  void add_ata(const UdevProperties& udev, const Labels& device, std::vector<FrameEntry>& out) const;

  Catalogue& catalogue_;
  FamilyId info_, filesystem_, device_mapper_, ata_write_cache_, ata_write_cache_enabled_, ata_rotation_rate_;
};

}  // namespace chiron
