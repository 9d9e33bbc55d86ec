#include "exporter/collectors/hwmon.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/device_collector.h"
#include "exporter/collectors/hwmon_names.h"

#include <filesystem>
#include <map>
#include <set>

namespace chiron {
namespace {

/// A chip, with the files of its sensors by sensor and property.
struct Chip {
  std::string directory;
  std::string name;  ///< of its device
  std::string own_name;
  std::map<std::string, std::map<std::string, std::string>> sensors;  // sensor, property -> directory/file
};

class HwmonCollector final : public DeviceCollector {
 public:
  // Chips hang on slow buses, and a driver may ask firmware or, of an NVMe disk, the disk. Broken ones answer
  // with all sorts of errors, which node_exporter does not mind either.
  HwmonCollector(const CollectorContext& context, NameFilter chips, NameFilter sensors)
      : DeviceCollector(context, "class/hwmon",
                        {.slow = true, .unreadable = AttributeSeries::Unreadable::silent}),
        chips_(std::move(chips)),
        sensors_(std::move(sensors)) {}

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& /*problems*/) override {
    std::vector<Chip> chips;
    std::map<std::string, unsigned> same_device, same_name;
    for (const std::string& name : names) {
      Chip chip;
      chip.directory = directory + '/' + name;
      std::error_code failed;
      if (!std::filesystem::is_directory(chip.directory, failed)) continue;
      chip.own_name = read_attribute(chip.directory + "/name");
      chip.name = hwmon_chip(chip.directory, chip.own_name, name);
      if (chip.name.empty()) continue;
      ++same_device[chip.name];
      ++same_name[chip.name + '\n' + chip.own_name];
      chips.push_back(std::move(chip));
    }
    std::set<std::string> taken;
    for (Chip& chip : chips) {
      // Several chips of one device are told apart by their own names, where those differ.
      if (same_device[chip.name] > 1) {
        std::string suffix = hwmon_clean(chip.own_name);
        if (suffix.empty() || same_name[chip.name + '\n' + chip.own_name] > 1)
          suffix = hwmon_clean(std::filesystem::path(chip.directory).filename().string());
        chip.name += '_' + suffix;
      }
      if (chips_.accepts(chip.name)) add(chip, series, taken);
    }
  }

  void add(Chip& chip, AttributeSeries& series, std::set<std::string>& taken) const {
    find_sensors(chip.directory, chip);
    find_sensors(chip.directory + "/device", chip);
    if (const std::string name = hwmon_clean(chip.own_name); !name.empty()) {
      const FamilyId names = catalogue().declare("node_hwmon_chip_names",
                                                 "The driver's name of a chip; always 1.", MetricType::gauge);
      series.add_constant(names, {{"chip", chip.name}, {"chip_name", name}}, 1);
    }
    for (const auto& [sensor, files] : chip.sensors) {
      if (!sensors_.accepts(chip.name + ';' + sensor)) continue;
      const auto label_file = files.find("label");
      const std::string label = label_file == files.end() ? "" : read_attribute(label_file->second);
      if (!label.empty()) {
        const FamilyId labels = catalogue().declare(
            "node_hwmon_sensor_label", "The board's name of a sensor; always 1.", MetricType::gauge);
        series.add_constant(labels, {{"chip", chip.name}, {"sensor", sensor}, {"label", label}}, 1);
      }
      for (const auto& [property, path] : files) {
        const bool has_plain = files.contains("");
        const std::optional<HwmonSeries> found = hwmon_series(sensor, property, has_plain, label);
        if (!found || !taken.insert(found->family + ' ' + chip.name + ' ' + found->sensor).second) continue;
        const std::size_t slash = path.rfind('/');
        const std::string file = path.substr(slash + 1);
        series.add_number(path.substr(0, slash), {file, found->family, found->help, found->unit, found->type},
                          {{"chip", chip.name}, {"sensor", found->sensor}});
      }
    }
  }

  static void find_sensors(const std::string& directory, Chip& chip) {
    const Result<std::vector<std::string>> names = list_directory(directory);
    if (!names) return;
    for (const std::string& name : *names) {
      if (const std::optional<HwmonFile> file = parse_hwmon_file(name))
        chip.sensors[file->sensor][file->property] = directory + '/' + name;
    }
  }

  const NameFilter chips_;
  const NameFilter sensors_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_hwmon_collector(CollectorContext context) {
  Result<NameFilter> chips = NameFilter::make(context.options, "chip-include", "chip-exclude", "");
  if (!chips) return std::move(chips).error();
  Result<NameFilter> sensors = NameFilter::make(context.options, "sensor-include", "sensor-exclude", "");
  if (!sensors) return std::move(sensors).error();
  return std::unique_ptr<Collector>(new HwmonCollector(context, std::move(*chips), std::move(*sensors)));
}

}  // namespace chiron
