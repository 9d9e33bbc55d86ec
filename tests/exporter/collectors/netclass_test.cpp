// netclass in a network namespace of the test's own: what rtnetlink tells and what sysfs has is one thing.
#include "exporter/collectors/link_list.h"
#include "tests/exporter/collectors/host_fixture.h"
#include "tests/support/private_mounts.h"

#include <cstdlib>

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/mount.h>

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

/// Whether a shell does what `commands` say.
bool shell(const std::string& commands) { return std::system(("set -e; " + commands).c_str()) == 0; }

class Netclass : public HostFixture {
 protected:
  /// The collector over the running kernel, and over sysfs alone: another name for it is no live root.
  void make_both() {
    paths_ = HostPaths();
    make("netclass");
    told_ = std::move(collector_);
    paths_ = HostPaths({.procfs = "/proc", .sysfs = "/sys/.", .rootfs = "/"});
    make("netclass");
  }

  Lines told() {
    std::swap(told_, collector_);
    EXPECT_TRUE(collect().ok());
    std::swap(told_, collector_);
    return lines();
  }
  Lines read() {
    EXPECT_TRUE(collect().ok());
    return lines();
  }
  /// A link takes its time to settle, so the two look at it until they see the same.
  void expect_agreement(const std::string& after) {
    Lines one, other;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    do {
      one = told();
      other = read();
    } while (one != other && std::chrono::steady_clock::now() < deadline);
    EXPECT_EQ(one, other) << after;
  }

  static bool own_network() { return ::unshare(CLONE_NEWNET) == 0; }
  static bool own_sysfs() { return ::mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0; }

  std::unique_ptr<Collector> told_;
};

TEST_F(Netclass, BothWaysAgreeOnEverySeriesOfEveryKindOfDevice) {
  if (!testing::is_root()) GTEST_SKIP() << "needs root for a network namespace";
  testing::in_private_mounts([this] {
    ASSERT_TRUE(own_network() && own_sysfs());
    make_both();
    expect_agreement("in the beginning");
    for (const char* commands :
         {"ip link set lo up",
          "ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v0 alias ' to the \"other\" "
          "'",
          "ip link set v0 promisc on; ip link set v1 allmulticast on", "ip link set v1 up",
          "ip link set v1 mtu 9000 txqueuelen 77 group 5 address 02:00:00:00:00:07",
          "ip link set v1 mode dormant; ip link set v0 down",
          "ip link set v0 up; ip link set v1 mode default",
          "ip link set v1 down; ip link set v1 name renamed", "ip link del v0",
          "ip link add v0 type veth peer name v1; ip link set v0 up"}) {
      ASSERT_TRUE(shell(commands)) << commands;
      expect_agreement(commands);
      expect_agreement(commands);
    }
    EXPECT_TRUE(mentions(R"(node_network_up{device="v0"})"));
    // Kinds that not every kernel has.
    for (const char* commands :
         {"ip link add br0 type bridge; ip link set v1 master br0; ip link set br0 up; ip link set v1 up",
          "ip link set v1 nomaster; ip link set v1 down; ip link add bond0 type bond mode active-backup; "
          "ip link set v1 master bond0; ip link set bond0 up; ip link set v0 down",
          "ip link add link v0 name v0.7 type vlan id 7; ip link set v0.7 up",
          "ip link add link v0 name m0 type macvlan; ip link set m0 up", "ip link add d0 type dummy",
          "ip tuntap add t0 mode tun; ip link set t0 up", "ip link add ip0 type ipip remote 192.0.2.1",
          "ip link add g0 type ip6gre remote 2001:db8::1", "ip link add i0 type ifb"}) {
      shell("( " + std::string(commands) + " ) 2>/dev/null");
      expect_agreement(commands);
    }
  });
}

TEST_F(Netclass, OnlyTheDevicesAskedFor) {
  if (!testing::is_root()) GTEST_SKIP() << "needs root for a network namespace";
  testing::in_private_mounts([this] {
    ASSERT_TRUE(own_network() && own_sysfs() && shell("ip link add v0 type veth peer name v1"));
    option("ignored-devices", {"^v|^lo|0$"});
    option("ignore-invalid-speed", {"true"});
    make_both();
    std::swap(told_, collector_);
    expect_no_data();
    std::swap(told_, collector_);
    ASSERT_TRUE(shell("ip link set v1 name wanted; ip link set wanted up"));
    expect_agreement("with one that is wanted");
    EXPECT_TRUE(mentions(R"(device="wanted")"));
    EXPECT_FALSE(mentions(R"(device="v0")"));
  });
}

TEST_F(Netclass, SysfsOfAnotherNetworkNamespaceIsNotMixedWithThisOne) {
  if (!testing::is_root()) GTEST_SKIP() << "needs root for a network namespace";
  testing::in_private_mounts([this] {
    ASSERT_TRUE(own_network() && own_sysfs());
    // The kernel takes a namespace down that nothing refers to; a mounted sysfs is no such reference.
    const FileDescriptor kept(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(kept);
    // The namespace after this one has a lo of its own and nothing else; /sys still shows this one.
    ASSERT_TRUE(shell("ip link add v0 type veth peer name v1; ip link set v0 mtu 1234") && own_network());
    make_both();
    EXPECT_EQ(told(), read());
    EXPECT_TRUE(has(R"(node_network_mtu_bytes{device="v0"} 1234)"));
  });
}

/// Bodies of the messages about the devices of this host.
std::vector<std::string> messages() {
  NetlinkList devices(NETLINK_ROUTE, "devices");
  const ifinfomsg header{};
  std::vector<std::string> bodies;
  const Status asked = devices.ask({.type = RTM_GETLINK,
                                    .answers = RTM_NEWLINK,
                                    .body = {reinterpret_cast<const char*>(&header), sizeof header}},
                                   [&](std::string_view body) {
                                     bodies.emplace_back(body);
                                     return true;
                                   });
  EXPECT_TRUE(asked.ok());
  return bodies;
}

TEST(LinkMessage, CutAnywhereItIsRefusedOrShorter) {
  for (const std::string& body : messages()) {
    const std::optional<Link> whole = parse_link(body);
    ASSERT_TRUE(whole);
    EXPECT_GT(whole->index, 0);
    EXPECT_FALSE(whole->name.empty());
    for (std::size_t size = 0; size < body.size(); ++size) {
      // A copy of just that size, so that a read behind its end is seen.
      const std::string cut(body, 0, size);
      const std::optional<Link> link = parse_link(cut);
      EXPECT_TRUE(!link || link->name == whole->name) << size;
    }
  }
}

TEST(LinkAddress, IsWrittenAsSysfsDoes) {
  EXPECT_EQ(LinkAddress{}.to_string(), "");
  LinkAddress address;
  address.bytes = {0x02, 0xfc, 0x00, 0xaB};
  address.size = 4;
  EXPECT_EQ(address.to_string(), "02:fc:00:ab");
}

}  // namespace
}  // namespace chiron
