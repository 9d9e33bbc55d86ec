#include "exporter/collectors/disk_properties.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

namespace chiron {
namespace {

constexpr std::size_t kMostUdevBytes = 256 << 10;

std::string text_of(const UdevProperties& udev, std::string_view name) { return std::string(udev.get(name)); }

/// Printed on the disk, as SCSI tells it; else what udev made of it (virtio has only that).
std::string serial_of(const UdevProperties& udev) {
  for (const std::string_view name : {"SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"}) {
    if (!udev.get(name).empty()) return text_of(udev, name);
  }
  return {};
}

}  // namespace

UdevProperties UdevProperties::parse(std::string_view text) {
  UdevProperties properties;
  std::string_view line;
  while (next_line(text, line)) {
    const std::size_t equals = line.find('=');
    if (!line.starts_with("E:") || equals == std::string_view::npos) continue;
    properties.values_.emplace_back(line.substr(2, equals - 2), line.substr(equals + 1));
  }
  return properties;
}

std::string_view UdevProperties::get(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return {};
}

DiskProperties::DiskProperties(Catalogue& catalogue)
    : catalogue_(catalogue),
      info_(catalogue.declare("node_disk_info", "Identity of a block device; always 1.", MetricType::gauge)),
      filesystem_(catalogue.declare("node_disk_filesystem_info", "File system on a block device; always 1.",
                                    MetricType::gauge)),
      device_mapper_(catalogue.declare("node_disk_device_mapper_info",
                                       "Device mapper's name for a block device; always 1.",
                                       MetricType::gauge)),
      ata_write_cache_(catalogue.declare("node_disk_ata_write_cache",
                                         "1 when the ATA disk has a write cache.", MetricType::gauge)),
      ata_write_cache_enabled_(catalogue.declare("node_disk_ata_write_cache_enabled",
                                                 "1 when the ATA disk's write cache is on.",
                                                 MetricType::gauge)),
      ata_rotation_rate_(catalogue.declare("node_disk_ata_rotation_rate_rpm",
                                           "Turns per minute of an ATA disk; 0 when it does not turn.",
                                           MetricType::gauge)) {}

std::vector<FrameEntry> DiskProperties::read(const HostPaths& paths, const DiskName& disk) const {
  const Result<std::string> data =
      read_file(paths.udev_data("b" + disk.major + ":" + disk.minor), kMostUdevBytes);
  const UdevProperties udev = UdevProperties::parse(data ? *data : std::string());
  const Result<std::string> rotational =
      read_file(paths.sys("block/" + disk.device + "/queue/rotational"), 64);
  const Labels device{{"device", disk.device}};

  std::vector<FrameEntry> out;
  const Labels info{{"device", disk.device},
                    {"major", disk.major},
                    {"minor", disk.minor},
                    {"path", text_of(udev, "ID_PATH")},
                    {"model", text_of(udev, "ID_MODEL")},
                    {"serial", serial_of(udev)},
                    {"revision", text_of(udev, "ID_REVISION")},
                    {"wwn", text_of(udev, "ID_WWN")},
                    {"rotational", rotational ? std::string(trim(*rotational)) : std::string()}};
  out.push_back({catalogue_.series(info_, info), 1});
  if (!udev.get("ID_FS_TYPE").empty()) {
    const Labels labels{{"device", disk.device},
                        {"type", text_of(udev, "ID_FS_TYPE")},
                        {"usage", text_of(udev, "ID_FS_USAGE")},
                        {"uuid", text_of(udev, "ID_FS_UUID")},
                        {"version", text_of(udev, "ID_FS_VERSION")}};
    out.push_back({catalogue_.series(filesystem_, labels), 1});
  }
  if (!udev.get("DM_NAME").empty()) {
    const Labels labels{{"device", disk.device},
                        {"name", text_of(udev, "DM_NAME")},
                        {"uuid", text_of(udev, "DM_UUID")},
                        {"vg_name", text_of(udev, "DM_VG_NAME")},
                        {"lv_name", text_of(udev, "DM_LV_NAME")},
                        {"lv_layer", text_of(udev, "DM_LV_LAYER")}};
    out.push_back({catalogue_.series(device_mapper_, labels), 1});
  }
  if (!udev.get("ID_ATA").empty()) add_ata(udev, device, out);
  return out;
}

void DiskProperties::add_ata(const UdevProperties& udev, const Labels& device,
                             std::vector<FrameEntry>& out) const {
  struct Attribute {
    std::string_view name;
    FamilyId family;
  };
  const Attribute attributes[] = {{"ID_ATA_WRITE_CACHE", ata_write_cache_},
                                  {"ID_ATA_WRITE_CACHE_ENABLED", ata_write_cache_enabled_},
                                  {"ID_ATA_ROTATION_RATE_RPM", ata_rotation_rate_}};
  for (const Attribute& attribute : attributes) {
    const std::optional<double> value = parse_double(udev.get(attribute.name));
    if (value) out.push_back({catalogue_.series(attribute.family, device), *value});
  }
}

}  // namespace chiron
