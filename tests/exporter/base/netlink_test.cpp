#include "exporter/base/netlink.h"

#include <cstring>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace chiron {
namespace {

std::string attribute(std::uint16_t type, std::string_view payload, std::uint16_t length) {
  const nlattr header{length, type};
  std::string text(reinterpret_cast<const char*>(&header), sizeof header);
  text.append(payload);
  while (text.size() % 4 != 0) text.push_back('\0');
  return text;
}

TEST(NetlinkAttribute, EachIsPaddedAndFlagsOfTheTypeAreLeftOut) {
  const std::string text =
      attribute(3, "eth0", 8) + attribute(NLA_F_NESTED | 9, "x", 5) + attribute(7, "", 4);
  std::string_view rest = text;
  NetlinkAttribute found;
  ASSERT_TRUE(next_attribute(rest, found));
  EXPECT_EQ(found.type, 3);
  EXPECT_EQ(found.payload, "eth0");
  ASSERT_TRUE(next_attribute(rest, found));
  EXPECT_EQ(found.type, 9);
  EXPECT_EQ(found.payload, "x");
  ASSERT_TRUE(next_attribute(rest, found));
  EXPECT_EQ(found.payload, "");
  EXPECT_FALSE(next_attribute(rest, found));
  EXPECT_TRUE(rest.empty());
}

TEST(NetlinkAttribute, ALengthThatCannotBeEndsThem) {
  for (const std::string& bad : {attribute(3, "eth0", 9), attribute(3, "eth0", 3), std::string("\1\2\3")}) {
    std::string_view rest = bad;
    NetlinkAttribute found;
    EXPECT_FALSE(next_attribute(rest, found));
    EXPECT_FALSE(rest.empty());
  }
}

class NetlinkDevices : public ::testing::Test {
 protected:
  NetlinkList::Question question() const {
    return {.type = RTM_GETLINK,
            .answers = RTM_NEWLINK,
            .body = {reinterpret_cast<const char*>(&header_), sizeof header_}};
  }
  ifinfomsg header_{};
  NetlinkList devices_{NETLINK_ROUTE, "devices"};
};

TEST_F(NetlinkDevices, EveryNamespaceHasOne) {
  for (int again = 0; again < 2; ++again) {
    int count = 0;
    const auto counted = [&](std::string_view body) {
      ++count;
      return body.size() > sizeof(ifinfomsg);
    };
    ASSERT_TRUE(devices_.ask(question(), counted).ok());
    EXPECT_GE(count, 1);
  }
}

TEST_F(NetlinkDevices, AnAnswerNotUnderstoodIsNotTakenForTheNextOne) {
  const Status refused = devices_.ask(question(), [](std::string_view) { return false; });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::corrupt);
  EXPECT_EQ(refused.error().to_string(), "devices: the kernel's answer cannot be read");
  EXPECT_TRUE(devices_.ask(question(), [](std::string_view) { return true; }).ok());
}

TEST_F(NetlinkDevices, TheKernelSaysWhatItDoesNotKnow) {
  NetlinkList::Question unheard_of = question();
  unheard_of.type = RTM_MAX + 3;  // of the questions, every fourth is one for a list
  const Status refused = devices_.ask(unheard_of, [](std::string_view) { return true; });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().to_string(), "devices: Operation not supported");
}

}  // namespace
}  // namespace chiron
