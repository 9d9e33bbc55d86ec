#include "exporter/collectors/thermal_zone.h"

#include "exporter/collectors/device_collector.h"

namespace chiron {
namespace {

constexpr TextAttribute kType[] = {{"type", "type"}};
constexpr NumberAttribute kZone[] = {
    {"temp", "node_thermal_zone_temp", "Temperature of a thermal zone in degrees Celsius.", -1000},
};
constexpr NumberAttribute kCooling[] = {
    {"cur_state", "node_cooling_device_cur_state", "How far a cooling device is throttled now."},
    {"max_state", "node_cooling_device_max_state", "How far a cooling device can be throttled."},
};
constexpr DeviceTable kTables[] = {
    {.prefix = "thermal_zone",
     .label = "zone",
     .texts = kType,
     .numbers = kZone,
     .info = {},
     .info_help = {},
     .info_texts = {}},
    {.prefix = "cooling_device",
     .label = "name",
     .texts = kType,
     .numbers = kCooling,
     .info = {},
     .info_help = {},
     .info_texts = {}},
};

}  // namespace

Result<std::unique_ptr<Collector>> make_thermal_zone_collector(CollectorContext context) {
  // A zone may be a method of the firmware (ACPI _TMP).
  return make_device_collector(context, "class/thermal", kTables, {.slow = true});
}

}  // namespace chiron
