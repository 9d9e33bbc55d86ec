#include "exporter/collectors/btrfs.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/btrfs_devices.h"
#include "exporter/collectors/device_collector.h"
#include "exporter/collectors/mountinfo.h"

#include <algorithm>
#include <array>
#include <filesystem>

namespace chiron {
namespace {

constexpr double kSector = 512;
constexpr NumberAttribute kReserve[] = {
    {"global_rsv_size", "node_btrfs_global_rsv_size_bytes", "Bytes of the reserve for all."},
};
constexpr NumberAttribute kGroup[] = {
    {"bytes_reserved", "node_btrfs_reserved_bytes", "Bytes reserved for a kind of data."},
};
constexpr NumberAttribute kLayout[] = {
    {"used_bytes", "node_btrfs_used_bytes", "Bytes in use, per kind of data and layout."},
    {"total_bytes", "node_btrfs_size_bytes", "Bytes allocated, per kind of data and layout."},
};
constexpr NumberAttribute kDeviceSize{"size", "node_btrfs_device_size_bytes",
                                      "Size of a device of the file system.", kSector};

constexpr TextAttribute kLabel[] = {{"label", "label"}};
/// Since Linux 6.0; in milliseconds.
constexpr FieldAttribute kCommits[] = {
    {"commits", 0, {"", "node_btrfs_commits_total", "Commits.", 1, MetricType::counter}},
    {"last_commit_ms", 0, {"", "node_btrfs_last_commit_seconds", "How long the last commit took.", -1000}},
    {"max_commit_ms", 0, {"", "node_btrfs_max_commit_seconds", "How long the slowest commit took.", -1000}},
    {"total_commit_ms",
     0,
     {"", "node_btrfs_commit_seconds_total", "How long all commits took, added up.", -1000,
      MetricType::counter}},
};

/// Bytes on the devices for each byte of data (btrfs(5), PROFILES).
double allocation_ratio(std::string_view layout, std::size_t devices) {
  const auto n = static_cast<double>(devices);
  if (layout == "single" || layout == "raid0") return 1;
  if (layout == "dup" || layout == "raid1" || layout == "raid10") return 2;
  if (layout == "raid1c3") return 3;
  if (layout == "raid1c4") return 4;
  if (layout == "raid5" && devices > 1) return n / (n - 1);
  if (layout == "raid6" && devices > 2) return n / (n - 2);
  return 0;
}

class BtrfsCollector final : public DeviceCollector {
 public:
  // The file systems are asked for their devices, and a disk may hang.
  explicit BtrfsCollector(const CollectorContext& context)
      : DeviceCollector(context, "fs/btrfs", {.slow = true}), paths_(context.paths) {}

 private:
  /// What is known of a device by asking the file system.
  struct Device {
    BtrfsDevice found;
    SeriesId size, unused;
    std::array<SeriesId, kBtrfsErrors.size()> errors;
  };
  struct Mounted {
    std::string uuid, mountpoint;
    std::vector<Device> devices;
  };

  FamilyId gauge(std::string_view name, std::string_view help) const {
    return catalogue().declare(name, help, MetricType::gauge);
  }

  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& problems) override {
    mounted_.clear();
    const std::vector<std::string> mountpoints = find_mountpoints();
    for (const std::string& name : names) {
      // Beside the file systems there is "features".
      if (name.find('-') != std::string::npos)
        add(directory + '/' + name, name, mountpoints, series, problems);
    }
  }

  std::vector<std::string> find_mountpoints() const {
    std::vector<std::string> found;
    for (const char* file : {"1/mountinfo", "self/mountinfo"}) {
      const std::string path = paths_.proc(file);
      const Result<std::string> text = read_file(path);
      if (!text) continue;
      Problems ignored;  // the collector filesystem tells of them
      for (const Mount& mount : parse_mounts(MountTable::mountinfo, *text, path, ignored)) {
        if (mount.fstype == "btrfs") found.push_back(paths_.root(paths_.strip_root(mount.mountpoint)));
      }
      break;
    }
    return found;
  }

  void add(const std::string& path, const std::string& name, const std::vector<std::string>& mountpoints,
           AttributeSeries& series, Problems& problems) {
    const Result<std::vector<std::string>> devices = list_directory(path + "/devices");
    if (!devices) return problems.add(devices.error());
    const std::string metadata_uuid = read_attribute(path + "/metadata_uuid");
    const Labels labels{{"uuid", metadata_uuid.empty() ? name : metadata_uuid}};
    series.add_info(gauge("node_btrfs_info", "Label of a Btrfs file system; always 1."), path, kLabel,
                    labels);
    for (const NumberAttribute& number : kReserve) series.add_number(path + "/allocation", number, labels);
    for (const char* group : {"data", "metadata", "system"}) {
      Labels of_group = labels;
      of_group.set("block_group_type", group);
      add_group(path + "/allocation/" + group, of_group, devices->size(), series, problems);
    }
    if (!add_mounted(name, mountpoints, labels)) {
      for (const std::string& device : *devices) {
        Labels of_device = labels;
        of_device.set("device", device);
        series.add_number(path + "/devices/" + device, kDeviceSize, of_device);
      }
    }
    series.add_fields(path + "/commit_stats", kCommits, labels);
  }

  /// False where the file system cannot be asked: it is mounted nowhere that this process may look.
  bool add_mounted(const std::string& uuid, const std::vector<std::string>& mountpoints,
                   const Labels& labels) {
    for (const std::string& mountpoint : mountpoints) {
      const Result<std::vector<BtrfsDevice>> devices = btrfs_devices(mountpoint, uuid);
      if (!devices) continue;
      Mounted& mounted = mounted_.emplace_back(Mounted{uuid, mountpoint, {}});
      for (const BtrfsDevice& device : *devices) mounted.devices.push_back(make_device(device, labels));
      return true;
    }
    return false;
  }

  Device make_device(const BtrfsDevice& device, Labels labels) const {
    labels.set("device", device.name);
    labels.set("btrfs_dev_uuid", device.uuid);
    const FamilyId unused =
        gauge("node_btrfs_device_unused_bytes", "Bytes of a device that no block group has yet.");
    const FamilyId errors = catalogue().declare("node_btrfs_device_errors_total",
                                                "Errors of a device, by what failed.", MetricType::counter);
    Device made{.found = device,
                .size = catalogue().series(gauge(kDeviceSize.family, kDeviceSize.help), labels),
                .unused = catalogue().series(unused, labels),
                .errors = {}};
    for (std::size_t i = 0; i < kBtrfsErrors.size(); ++i) {
      labels.set("type", kBtrfsErrors[i]);
      made.errors[i] = catalogue().series(errors, labels);
    }
    return made;
  }

  bool collect_more(Frame& frame, Problems& /*problems*/) override {
    bool as_before = true;
    for (const Mounted& mounted : mounted_) as_before = collect_mounted(mounted, frame) && as_before;
    return as_before;
  }

  /// False when the file system or its devices are not what they were. They are then looked for again.
  static bool collect_mounted(const Mounted& mounted, Frame& frame) {
    const Result<std::vector<BtrfsDevice>> devices = btrfs_devices(mounted.mountpoint, mounted.uuid);
    const auto same = [](const BtrfsDevice& now, const Device& known) {
      return now.id == known.found.id && now.uuid == known.found.uuid && now.name == known.found.name;
    };
    if (!devices ||
        !std::equal(devices->begin(), devices->end(), mounted.devices.begin(), mounted.devices.end(), same))
      return false;
    for (std::size_t i = 0; i < devices->size(); ++i) {
      const BtrfsDevice& now = (*devices)[i];
      const Device& known = mounted.devices[i];
      frame.add(known.size, static_cast<double>(now.size));
      frame.add(known.unused, static_cast<double>(now.size - std::min(now.size, now.used)));
      for (std::size_t error = 0; error < now.errors.size(); ++error)
        frame.add(known.errors[error], static_cast<double>(now.errors[error]));
    }
    return true;
  }

  void add_group(const std::string& path, const Labels& labels, std::size_t devices, AttributeSeries& series,
                 Problems& problems) const {
    for (const NumberAttribute& number : kGroup) series.add_number(path, number, labels);
    const Result<std::vector<std::string>> layouts = list_directory(path);
    if (!layouts) return problems.add(layouts.error());
    const FamilyId ratio =
        gauge("node_btrfs_allocation_ratio", "Bytes on the devices for each byte of data, per layout.");
    for (const std::string& layout : *layouts) {
      const std::string below = path + '/' + layout;
      std::error_code ignored;
      if (!std::filesystem::is_directory(below, ignored)) continue;
      Labels of_layout = labels;
      of_layout.set("mode", layout);
      for (const NumberAttribute& number : kLayout) series.add_number(below, number, of_layout);
      series.add_constant(ratio, of_layout, allocation_ratio(layout, devices));
    }
  }

  const HostPaths& paths_;
  std::vector<Mounted> mounted_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_btrfs_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new BtrfsCollector(context));
}

}  // namespace chiron
