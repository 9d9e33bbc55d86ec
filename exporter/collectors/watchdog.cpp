#include "exporter/collectors/watchdog.h"

#include "exporter/collectors/device_collector.h"

namespace chiron {
namespace {

constexpr NumberAttribute kNumbers[] = {
    {"bootstatus", "node_watchdog_bootstatus",
     "Why the watchdog booted the machine, as bits; 0 when it did not."},
    {"fw_version", "node_watchdog_fw_version", "Version of the watchdog's firmware."},
    {"nowayout", "node_watchdog_nowayout", "1 when the watchdog cannot be stopped once it runs."},
    {"timeleft", "node_watchdog_timeleft_seconds", "Seconds until the watchdog reboots the machine."},
    {"timeout", "node_watchdog_timeout_seconds",
     "Seconds without a sign of life until the watchdog reboots."},
    {"pretimeout", "node_watchdog_pretimeout_seconds",
     "Seconds between the watchdog's notice and the reboot."},
    {"access_cs0", "node_watchdog_access_cs0", "Whether the first boot source is accessed after a reboot."},
};
constexpr TextAttribute kTexts[] = {
    {"options", "options"},
    {"identity", "identity"},
    {"state", "state"},
    {"status", "status"},
    {"pretimeout_governor", "pretimeout_governor"},
};
constexpr DeviceTable kTables[] = {
    {.prefix = {},
     .label = "name",
     .texts = {},
     .numbers = kNumbers,
     .info = "node_watchdog_info",
     .info_help = "Identity and state of a watchdog; always 1.",
     .info_texts = kTexts},
};

}  // namespace

Result<std::unique_ptr<Collector>> make_watchdog_collector(CollectorContext context) {
  return make_device_collector(context, "class/watchdog", kTables, {});
}

}  // namespace chiron
