#pragma once

#include "exporter/base/netlink.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chiron {

/// An address of the link layer. The kernel's are 32 bytes at most (MAX_ADDR_LEN).
struct LinkAddress {
  std::array<unsigned char, 32> bytes{};
  std::uint8_t size = 0;
  /// "02:fc:00:00:00:01".
  std::string to_string() const;
  bool operator==(const LinkAddress&) const = default;
};

/// A network device as the kernel tells of it over rtnetlink(7), its figures as sysfs has them.
struct Link {
  int index = 0;
  std::uint16_t type = 0;   ///< ARPHRD_* of if_arp.h
  std::uint32_t flags = 0;  ///< IFF_* of netdevice(7) without what the state of the link adds
  bool dormant = false;
  bool carrier = false;
  std::string name, alias;
  LinkAddress address, broadcast;
  std::uint32_t mtu = 0;
  std::uint32_t below = 0;  ///< index of the device that this one is on top of, its own when there is none
  std::uint32_t queue_length = 0;
  std::uint32_t group = 0;
  std::uint32_t master = 0;            ///< index of the bond, bridge, ... that it is part of; 0: none
  std::uint8_t operational_state = 0;  ///< IF_OPER_* of linux/if.h
  std::uint8_t mode = 0;
  std::uint32_t carrier_changes = 0;
  std::optional<std::uint32_t> carrier_ups, carrier_downs;  ///< since Linux 4.16

  bool up() const;  ///< as a person or program wants it, whatever the link does
  bool operator==(const Link&) const = default;
};

/// The devices of the network namespace that this process is in. The kernel may take the lock of whoever
/// configures a device before it answers. Not thread-safe.
class LinkList {
 public:
  LinkList();
  /// Replaces `links`. Any error: the kernel (before Linux 6.0), a sandbox, or a host whose devices come and
  /// go all the time, cannot tell.
  Status read(std::vector<Link>& links);

 private:
  NetlinkList list_;
};

/// The body of an RTM_NEWLINK message; nothing when it does not follow its format or lacks what a Link needs.
std::optional<Link> parse_link(std::string_view body);

}  // namespace chiron
