#include "exporter/collectors/dmi.h"

#include "exporter/collectors/device_collector.h"

namespace chiron {
namespace {

/// As class/dmi/id has them; only the vendor of the system has a label of another name.
constexpr TextAttribute kTexts[] = {
    {"bios_date", "bios_date"},
    {"bios_release", "bios_release"},
    {"bios_vendor", "bios_vendor"},
    {"bios_version", "bios_version"},
    {"board_asset_tag", "board_asset_tag"},
    {"board_name", "board_name"},
    {"board_serial", "board_serial"},
    {"board_vendor", "board_vendor"},
    {"board_version", "board_version"},
    {"chassis_asset_tag", "chassis_asset_tag"},
    {"chassis_serial", "chassis_serial"},
    {"chassis_vendor", "chassis_vendor"},
    {"chassis_version", "chassis_version"},
    {"product_family", "product_family"},
    {"product_name", "product_name"},
    {"product_serial", "product_serial"},
    {"product_sku", "product_sku"},
    {"product_uuid", "product_uuid"},
    {"product_version", "product_version"},
    {"sys_vendor", "system_vendor"},
};

class DmiCollector final : public DeviceCollector {
 public:
  explicit DmiCollector(const CollectorContext& context) : DeviceCollector(context, "class/dmi/id", {}) {}

 private:
  void find(const std::string& directory, std::span<const std::string> /*names*/, AttributeSeries& series,
            Problems& /*problems*/) override {
    Labels labels;
    for (const TextAttribute& text : kTexts)
      labels.set(text.label, read_attribute(directory + '/' + std::string(text.file)));
    if (labels.empty()) return;
    const FamilyId family =
        catalogue().declare("node_dmi_info", "Identity of the machine's parts; always 1.", MetricType::gauge);
    series.add_constant(family, labels, 1);
  }
};

}  // namespace

Result<std::unique_ptr<Collector>> make_dmi_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new DmiCollector(context));
}

}  // namespace chiron
