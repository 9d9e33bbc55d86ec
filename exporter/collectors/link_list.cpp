#include "exporter/collectors/link_list.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <spdlog/fmt/fmt.h>

namespace chiron {
namespace {

/// What the kernel derives from the state of a link, and sysfs does not show (dev_get_flags() of
/// net/core/dev.c). IFF_LOWER_UP and IFF_DORMANT are not in net/if.h.
constexpr std::uint32_t kLowerUp = 1U << 16;
constexpr std::uint32_t kDormant = 1U << 17;
constexpr std::uint32_t kDerived = IFF_RUNNING | kLowerUp | kDormant;
/// Whose answer has what a Link needs; a bit each.
enum Seen : unsigned { kName = 1, kMtu = 2, kAllmulti = 4, kPromiscuous = 8, kEverything = 15 };

template <class T>
bool take(std::string_view payload, T& value) {
  static_assert(std::is_integral_v<T>);
  if (payload.size() < sizeof value) return false;
  std::memcpy(&value, payload.data(), sizeof value);
  return true;
}

template <class T>
bool take(std::string_view payload, std::optional<T>& value) {
  return take(payload, value.emplace());
}

bool take(std::string_view payload, std::string& text) {
  text = payload.substr(0, payload.find('\0'));
  return true;
}

bool take(std::string_view payload, LinkAddress& address) {
  if (payload.size() > address.bytes.size()) return false;
  std::copy(payload.begin(), payload.end(), address.bytes.begin());
  address.size = static_cast<std::uint8_t>(payload.size());
  return true;
}

/// A flag that is set while anybody, the kernel itself included, asks for it. What RTM_NEWLINK has among its
/// flags is only whether a person does.
bool take_count(std::string_view payload, std::uint32_t flag, Link& link) {
  std::uint32_t count = 0;
  if (!take(payload, count)) return false;
  if (count > 0) link.flags |= flag;
  return true;
}

bool take_attribute(const NetlinkAttribute& attribute, Link& link, unsigned& seen) {
  const std::string_view payload = attribute.payload;
  std::uint8_t byte = 0;
  switch (attribute.type) {
    case IFLA_IFNAME:
      seen |= kName;
      return take(payload, link.name);
    case IFLA_IFALIAS:
      return take(payload, link.alias);
    case IFLA_ADDRESS:
      return take(payload, link.address);
    case IFLA_BROADCAST:
      return take(payload, link.broadcast);
    case IFLA_MTU:
      seen |= kMtu;
      return take(payload, link.mtu);
    case IFLA_LINK:
      return take(payload, link.below);
    case IFLA_MASTER:
      return take(payload, link.master);
    case IFLA_TXQLEN:
      return take(payload, link.queue_length);
    case IFLA_GROUP:
      return take(payload, link.group);
    case IFLA_OPERSTATE:
      return take(payload, link.operational_state);
    case IFLA_LINKMODE:
      return take(payload, link.mode);
    case IFLA_CARRIER_CHANGES:
      return take(payload, link.carrier_changes);
    case IFLA_CARRIER_UP_COUNT:
      return take(payload, link.carrier_ups);
    case IFLA_CARRIER_DOWN_COUNT:
      return take(payload, link.carrier_downs);
    case IFLA_PROMISCUITY:
      seen |= kPromiscuous;
      return take_count(payload, IFF_PROMISC, link);
    case IFLA_ALLMULTI:
      seen |= kAllmulti;
      return take_count(payload, IFF_ALLMULTI, link);
    case IFLA_CARRIER:
      if (!take(payload, byte)) return false;
      link.carrier = byte != 0;
      return true;
    default:
      return true;
  }
}

}  // namespace

std::string LinkAddress::to_string() const {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += fmt::format("{}{:02x}", i == 0 ? "" : ":", bytes[i]);
  return text;
}

bool Link::up() const { return (flags & IFF_UP) != 0; }

std::optional<Link> parse_link(std::string_view body) {
  ifinfomsg header;
  if (body.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, body.data(), sizeof header);
  body.remove_prefix(sizeof header);
  Link link;
  link.index = header.ifi_index;
  link.type = header.ifi_type;
  link.below = static_cast<std::uint32_t>(header.ifi_index);
  link.flags = header.ifi_flags & ~(kDerived | IFF_PROMISC | IFF_ALLMULTI);
  link.dormant = (header.ifi_flags & kDormant) != 0;
  unsigned seen = 0;
  NetlinkAttribute attribute;
  while (next_attribute(body, attribute)) {
    if (!take_attribute(attribute, link, seen)) return std::nullopt;
  }
  if (!body.empty() || seen != kEverything) return std::nullopt;
  return link;
}

LinkList::LinkList() : list_(NETLINK_ROUTE, "network devices over rtnetlink") {}

Status LinkList::read(std::vector<Link>& links) {
  struct {
    ifinfomsg header;
    rtattr attribute;
    std::uint32_t filter;
  } request{};
  request.header.ifi_family = AF_UNSPEC;
  request.attribute.rta_type = IFLA_EXT_MASK;
  request.attribute.rta_len = RTA_LENGTH(sizeof request.filter);
  request.filter = RTEXT_FILTER_SKIP_STATS;
  const std::string_view body(reinterpret_cast<const char*>(&request), sizeof request);
  constexpr int kAttempts = 3;
  Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    links.clear();
    status = list_.ask({.type = RTM_GETLINK, .answers = RTM_NEWLINK, .body = body},
                       [&links](std::string_view message) {
                         std::optional<Link> link = parse_link(message);
                         if (link) links.push_back(std::move(*link));
                         return link.has_value();
                       });
    if (status || status.error().code() != ErrorCode::unavailable) return status;
  }
  return status;
}

}  // namespace chiron
