#include "exporter/collectors/rapl.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/device_collector.h"

#include <map>

#include <spdlog/fmt/fmt.h>

namespace chiron {
namespace {

/// The kernel counts in millionths.
constexpr double kMicro = -1e6;

class RaplCollector final : public DeviceCollector {
 public:
  explicit RaplCollector(const CollectorContext& context)
      : DeviceCollector(context, "class/powercap", {}),
        zone_label_(context.options.flag("enable-zone-label")) {}

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& /*problems*/) override {
    // Zones of several packages may share a name ("dram"): the index tells them apart.
    std::map<std::string, unsigned, std::less<>> used;
    for (const std::string& name : names) {
      const std::string path = directory + '/' + name;
      std::string zone = read_attribute(path + "/name");
      if (zone.empty()) continue;
      unsigned index = 0;
      const std::size_t dash = zone.find('-');
      const auto number = dash == zone.rfind('-') && dash != std::string::npos
                              ? parse_int<unsigned>(std::string_view(zone).substr(dash + 1))
                              : std::nullopt;
      if (number) {
        index = *number;
        zone.resize(dash);
      } else {
        index = used[zone];
      }
      used[zone] = index + 1;
      add(path, zone, Labels{{"index", std::to_string(index)}, {"path", path}}, series);
    }
  }

  void add(const std::string& path, const std::string& zone, Labels labels, AttributeSeries& series) const {
    std::string family = "node_rapl_joules_total";
    std::string help = "Energy that a part of the processor used, in joules.";
    if (zone_label_) {
      labels.set("rapl_zone", zone);
    } else {
      std::string name = zone;
      for (char& c : name) {
        if ((c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_') c = '_';
      }
      family = fmt::format("node_rapl_{}_joules_total", name);
      help = fmt::format("Energy that {} used, in joules.", name);
    }
    series.add_number(path, {"energy_uj", family, help, kMicro, MetricType::counter}, std::move(labels));
  }

  const bool zone_label_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_rapl_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new RaplCollector(context));
}

}  // namespace chiron
