#include "exporter/collectors/netclass.h"

#include "exporter/collectors/device_collector.h"
#include "exporter/collectors/netclass_links.h"
#include "exporter/collectors/netclass_rows.h"

#include <filesystem>

#include <net/if.h>

namespace chiron {
namespace {

std::string_view admin_state(std::string_view flags) {
  const std::optional<double> value = parse_attribute(flags);
  if (!value || *value < 0) return "unknown";
  return (static_cast<std::uint64_t>(*value) & IFF_UP) != 0 ? "up" : "down";
}

constexpr TextAttribute kTexts[] = {
    {"address", "address"},     {"broadcast", "broadcast"}, {"duplex", "duplex"},
    {"operstate", "operstate"}, {"ifalias", "ifalias"},     {"flags", "adminstate", admin_state},
};

class NetclassFiles final : public DeviceCollector {
 public:
  // Whoever configures a device holds the lock that some of the files need.
  NetclassFiles(const CollectorContext& context, std::optional<Pattern> ignored)
      : DeviceCollector(context, "class/net", {.slow = true}),
        ignored_(std::move(ignored)),
        speed_(kNetclassRows[kNetclassSpeed].number) {
    speed_.not_negative = context.options.flag("ignore-invalid-speed");
  }

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& /*problems*/) override {
    const FamilyId up = catalogue().declare(kNetclassUp, kNetclassUpHelp, MetricType::gauge);
    const FamilyId info = catalogue().declare(kNetclassInfo, kNetclassInfoHelp, MetricType::gauge);
    const std::string states[] = {"up"};
    for (const std::string& name : names) {
      const std::string path = directory + '/' + name;
      // Beside the devices there is bonding_masters, a file.
      std::error_code failed;
      if ((ignored_ && ignored_->search(name)) || !std::filesystem::is_directory(path, failed)) continue;
      const Labels labels{{"device", name}};
      series.add_states(up, path + "/operstate", "", states, labels);
      series.add_info(info, path, kTexts, labels);
      for (std::size_t row = 0; row < kNetclassSpeed; ++row)
        series.add_number(path, kNetclassRows[row].number, labels);
      series.add_number(path, speed_, labels);
    }
  }

  const std::optional<Pattern> ignored_;
  NumberAttribute speed_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_netclass_collector(CollectorContext context) {
  Result<std::optional<Pattern>> ignored = ignored_devices(context, "ignored-devices");
  if (!ignored) return std::move(ignored).error();
  std::unique_ptr<Collector> files(new NetclassFiles(context, *ignored));
  if (!context.paths.live()) return files;
  return make_netclass_links(context, std::move(*ignored), std::move(files));
}

}  // namespace chiron
