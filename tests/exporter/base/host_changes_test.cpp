#include "exporter/base/host_changes.h"

#include "tests/support/fake_clock.h"
#include "tests/support/private_mounts.h"
#include "tests/support/temp_dir.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace chiron {
namespace {

TEST(HostChanges, OfRootsThatAnnounceNothingEveryPassIsAnother) {
  HostChanges changes(false, system_clock());
  for (int pass = 0; pass < 3; ++pass) {
    const std::uint64_t before = changes.generation();
    changes.begin_pass();
    EXPECT_NE(changes.generation(), before);
  }
}

TEST(HostChanges, AMinuteMakesAnotherWhateverIsAnnounced) {
  testing::FakeClock clock;
  HostChanges changes(true, clock);
  const auto stays = [&] {
    const std::uint64_t before = changes.generation();
    changes.begin_pass();
    return changes.generation() == before;
  };
  if (NetlinkEvents(NETLINK_KOBJECT_UEVENT, 1).listening()) {
    // Other tests may make devices meanwhile.
    bool stayed = false;
    for (int pass = 0; pass < 1000 && !stayed; ++pass) stayed = stays();
    EXPECT_TRUE(stayed);
  }
  const std::uint64_t before = changes.generation();
  clock.advance(std::chrono::minutes(1));
  changes.begin_pass();
  EXPECT_NE(changes.generation(), before);
}

TEST(HostChanges, ADeviceThatComesMakesAnotherInThisPassAndTheNext) {
  if (!testing::is_root()) GTEST_SKIP() << "needs root for a network namespace";
  testing::in_private_mounts([] {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    HostChanges changes(true, system_clock());
    ASSERT_EQ(std::system("ip link add v0 type veth peer name v1"), 0);
    for (int pass = 0; pass < 2; ++pass) {
      const std::uint64_t before = changes.generation();
      changes.begin_pass();
      EXPECT_NE(changes.generation(), before) << pass;
    }
  });
}

TEST(RareLook, IsDueAtFirstAndAMinuteAfterEach) {
  testing::FakeClock clock;
  RareLook look(clock);
  EXPECT_TRUE(look.due());
  EXPECT_TRUE(look.due()) << "until it is done";
  look.done();
  EXPECT_FALSE(look.due());
  clock.advance(std::chrono::seconds(59));
  EXPECT_FALSE(look.due());
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(look.due());
}

TEST(NetlinkEvents, TellsOfEachChangeOnce) {
  if (!testing::is_root()) GTEST_SKIP() << "needs root for a network namespace";
  testing::in_private_mounts([] {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    NetlinkEvents events(NETLINK_ROUTE, RTMGRP_LINK);
    ASSERT_TRUE(events.listening());
    EXPECT_FALSE(events.any());
    ASSERT_EQ(std::system("ip link set lo mtu 9000"), 0);
    EXPECT_TRUE(events.any());
    EXPECT_FALSE(events.any());
    // More than its buffer holds: what is lost counts, too.
    for (int turn = 0; turn < 40; ++turn) {
      ASSERT_EQ(std::system("for mtu in 1 2 3 4 5 6 7 8 9; do ip link set lo mtu 900$mtu; done"), 0);
    }
    EXPECT_TRUE(events.any());
    EXPECT_FALSE(events.any());
  });
}

TEST(NetlinkEvents, OfAFamilyThatIsNotThereNobodyListens) {
  constexpr int kNoProtocol = MAX_LINKS - 1;
  EXPECT_FALSE(NetlinkEvents(kNoProtocol, 1).listening());
}

TEST(OptionalKernelFile, ThatIsAbsentIsLookedForInTheNextGeneration) {
  const testing::TempDir dir;
  HostChanges changes(false, system_clock());
  OptionalKernelFile file(dir / "mdstat", changes);
  EXPECT_EQ(file.read().error().code(), ErrorCode::not_found);
  dir.write("mdstat", "here");
  EXPECT_EQ(file.read().error().code(), ErrorCode::not_found);
  changes.begin_pass();
  EXPECT_EQ(file.read().value_or(""), "here");
  dir.write("mdstat", "other");
  EXPECT_EQ(file.read().value_or(""), "other") << "one that is there is read each time";
}

}  // namespace
}  // namespace chiron
