#pragma once

#include "exporter/collectors/attribute_series.h"
#include "exporter/collectors/link_list.h"

#include <iterator>
#include <optional>
#include <string_view>

namespace chiron {

/// A figure of a network device: the file of class/net/DEVICE that has it, and how it follows from what
/// rtnetlink tells of the device; where that does not have it, the file is read there too.
struct NetclassRow {
  NumberAttribute number;
  std::optional<double> (*told)(const Link& link) = nullptr;
};

namespace netclass_detail {
constexpr NumberAttribute number(std::string_view file, std::string_view family, std::string_view help) {
  return {file, family, help};
}
constexpr NumberAttribute counter(std::string_view file, std::string_view family, std::string_view help) {
  return {file, family, help, 1, MetricType::counter};
}
template <auto member>
std::optional<double> of(const Link& link) {
  return static_cast<std::optional<double>>(link.*member);
}
/// sysfs tells nothing of the state of a device that is not up.
template <auto member>
std::optional<double> while_up(const Link& link) {
  return link.up() ? of<member>(link) : std::nullopt;
}
/// The kernel tells megabits per second.
inline constexpr double kMegabits = 125'000;
}  // namespace netclass_detail

inline constexpr NetclassRow kNetclassRows[] = {
    {netclass_detail::number("addr_assign_type", "node_network_address_assign_type",
                             "Where the address is from; 0 the hardware.")},
    {netclass_detail::number("carrier", "node_network_carrier", "Whether the device has a link."),
     netclass_detail::while_up<&Link::carrier>},
    {netclass_detail::counter("carrier_changes", "node_network_carrier_changes_total",
                              "Times that the link came or went."),
     netclass_detail::of<&Link::carrier_changes>},
    {netclass_detail::counter("carrier_up_count", "node_network_carrier_up_changes_total",
                              "Times that the link came."),
     netclass_detail::of<&Link::carrier_ups>},
    {netclass_detail::counter("carrier_down_count", "node_network_carrier_down_changes_total",
                              "Times that the link went."),
     netclass_detail::of<&Link::carrier_downs>},
    {netclass_detail::number("dev_id", "node_network_device_id", "Tells devices with one address apart.")},
    {netclass_detail::number("dormant", "node_network_dormant",
                             "Whether the device waits for something outside."),
     netclass_detail::while_up<&Link::dormant>},
    {netclass_detail::number("flags", "node_network_flags", "Flags of the device, IFF_* of netdevice(7)."),
     netclass_detail::of<&Link::flags>},
    {netclass_detail::number("ifindex", "node_network_iface_id", "The kernel's number of the device."),
     netclass_detail::of<&Link::index>},
    {netclass_detail::number("iflink", "node_network_iface_link",
                             "Number of the device that this one is on top of."),
     netclass_detail::of<&Link::below>},
    {netclass_detail::number("link_mode", "node_network_iface_link_mode", "Whether the link may be dormant."),
     netclass_detail::of<&Link::mode>},
    {netclass_detail::number("mtu", "node_network_mtu_bytes", "Bytes that a packet may have."),
     netclass_detail::of<&Link::mtu>},
    {netclass_detail::number("name_assign_type", "node_network_name_assign_type", "Where the name is from.")},
    {netclass_detail::number("netdev_group", "node_network_net_dev_group", "The group of the device."),
     netclass_detail::of<&Link::group>},
    {netclass_detail::number("tx_queue_len", "node_network_transmit_queue_length",
                             "Packets that its queue may hold."),
     netclass_detail::of<&Link::queue_length>},
    {netclass_detail::number("type", "node_network_protocol_type",
                             "Kind of the device, ARPHRD_* of if_arp.h."),
     netclass_detail::of<&Link::type>},
    {{"speed", "node_network_speed_bytes", "Speed of the link in bytes per second.",
      netclass_detail::kMegabits}},
};
inline constexpr std::size_t kNetclassSpeed = std::size(kNetclassRows) - 1;
static_assert(kNetclassRows[kNetclassSpeed].number.file == "speed");

inline constexpr std::string_view kNetclassUp = "node_network_up";
inline constexpr std::string_view kNetclassUpHelp = "Whether the device is up and has a link.";
inline constexpr std::string_view kNetclassInfo = "node_network_info";
inline constexpr std::string_view kNetclassInfoHelp = "Addresses and state of a network device; always 1.";

}  // namespace chiron
