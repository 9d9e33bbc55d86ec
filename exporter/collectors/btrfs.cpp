#include "exporter/collectors/btrfs.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/device_collector.h"

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
constexpr NumberAttribute kDevice[] = {
    {"size", "node_btrfs_device_size_bytes", "Size of a device of the file system.", kSector},
};

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
  explicit BtrfsCollector(const CollectorContext& context) : DeviceCollector(context, "fs/btrfs", {}) {}

 private:
  FamilyId gauge(std::string_view name, std::string_view help) const {
    return catalogue().declare(name, help, MetricType::gauge);
  }

  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& problems) override {
    for (const std::string& name : names) {
      // Beside the file systems there is "features".
      if (name.find('-') != std::string::npos) add(directory + '/' + name, name, series, problems);
    }
  }

  void add(const std::string& path, const std::string& name, AttributeSeries& series,
           Problems& problems) const {
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
    for (const std::string& device : *devices) {
      Labels of_device = labels;
      of_device.set("device", device);
      for (const NumberAttribute& number : kDevice)
        series.add_number(path + "/devices/" + device, number, of_device);
    }
    series.add_fields(path + "/commit_stats", kCommits, labels);
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
};

}  // namespace

Result<std::unique_ptr<Collector>> make_btrfs_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new BtrfsCollector(context));
}

}  // namespace chiron
