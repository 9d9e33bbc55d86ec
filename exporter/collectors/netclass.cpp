#include "exporter/collectors/netclass.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/device_collector.h"

#include <filesystem>

#include <net/if.h>

namespace chiron {
namespace {

constexpr NumberAttribute number(std::string_view file, std::string_view family, std::string_view help) {
  return {file, family, help};
}
constexpr NumberAttribute counter(std::string_view file, std::string_view family, std::string_view help) {
  return {file, family, help, 1, MetricType::counter};
}

constexpr NumberAttribute kNumbers[] = {
    number("addr_assign_type", "node_network_address_assign_type",
           "Where the address is from; 0 the hardware."),
    number("carrier", "node_network_carrier", "Whether the device has a link."),
    counter("carrier_changes", "node_network_carrier_changes_total", "Times that the link came or went."),
    counter("carrier_up_count", "node_network_carrier_up_changes_total", "Times that the link came."),
    counter("carrier_down_count", "node_network_carrier_down_changes_total", "Times that the link went."),
    number("dev_id", "node_network_device_id", "Tells devices with one address apart."),
    number("dormant", "node_network_dormant", "Whether the device waits for something outside."),
    number("flags", "node_network_flags", "Flags of the device, IFF_* of netdevice(7)."),
    number("ifindex", "node_network_iface_id", "The kernel's number of the device."),
    number("iflink", "node_network_iface_link", "Number of the device that this one is on top of."),
    number("link_mode", "node_network_iface_link_mode", "Whether the link may be dormant."),
    number("mtu", "node_network_mtu_bytes", "Bytes that a packet may have."),
    number("name_assign_type", "node_network_name_assign_type", "Where the name is from."),
    number("netdev_group", "node_network_net_dev_group", "The group of the device."),
    number("tx_queue_len", "node_network_transmit_queue_length", "Packets that its queue may hold."),
    number("type", "node_network_protocol_type", "Kind of the device, ARPHRD_* of if_arp.h."),
};
/// The kernel tells megabits per second.
constexpr double kMegabits = 125'000;
constexpr NumberAttribute kSpeed{"speed", "node_network_speed_bytes",
                                 "Speed of the link in bytes per second.", kMegabits};

std::string_view admin_state(std::string_view flags) {
  const std::optional<double> value = parse_attribute(flags);
  if (!value || *value < 0) return "unknown";
  return (static_cast<std::uint64_t>(*value) & IFF_UP) != 0 ? "up" : "down";
}

constexpr TextAttribute kTexts[] = {
    {"address", "address"},     {"broadcast", "broadcast"}, {"duplex", "duplex"},
    {"operstate", "operstate"}, {"ifalias", "ifalias"},     {"flags", "adminstate", admin_state},
};

class NetclassCollector final : public DeviceCollector {
 public:
  // Whoever configures a device holds the lock that some of the files need.
  NetclassCollector(const CollectorContext& context, std::optional<Pattern> ignored)
      : DeviceCollector(context, "class/net", {.slow = true}), ignored_(std::move(ignored)), speed_(kSpeed) {
    speed_.not_negative = context.options.flag("ignore-invalid-speed");
  }

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& /*problems*/) override {
    const FamilyId up =
        catalogue().declare("node_network_up", "Whether the device is up and has a link.", MetricType::gauge);
    const FamilyId info = catalogue().declare(
        "node_network_info", "Addresses and state of a network device; always 1.", MetricType::gauge);
    const std::string states[] = {"up"};
    for (const std::string& name : names) {
      const std::string path = directory + '/' + name;
      // Beside the devices there is bonding_masters, a file.
      std::error_code failed;
      if ((ignored_ && ignored_->search(name)) || !std::filesystem::is_directory(path, failed)) continue;
      const Labels labels{{"device", name}};
      series.add_states(up, path + "/operstate", "", states, labels);
      series.add_info(info, path, kTexts, labels);
      for (const NumberAttribute& one : kNumbers) series.add_number(path, one, labels);
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
  return std::unique_ptr<Collector>(new NetclassCollector(context, std::move(*ignored)));
}

}  // namespace chiron
