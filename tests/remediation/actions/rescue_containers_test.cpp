#include "remediation/actions/disk_rescue.h"
#include "tests/support/action_fixture.h"
#include "tests/support/fake_store.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

#include <gmock/gmock.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::ArgumentBuilder;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

std::string image_id(char digit) { return "sha256:" + std::string(64, digit); }

/// A host in a temporary directory whose Docker has an unused image. The target is never reached.
class RescueContainersTest : public ::testing::Test {
 protected:
  RescueContainersTest() {
    fixture_.paths = HostPaths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host_.path().string()});
    fs::create_directories(host_ / "var/lib/docker");
    store_.root = "/var/lib/docker";
    store_.images[image_id('a')] = {.tags = {"old:1"}, .size = 5 << 20};
    store_.records[std::string(25, 'p')] = {};
  }
  void connect() {
    fs::create_directories(host_ / "run");
    fs::create_symlink(server_.path(), host_ / "run/docker.sock");
  }
  static ArgumentBuilder all() { return ArgumentBuilder().text("path", "/").text("target_free", "100%"); }
  Status run(const ArgumentBuilder& arguments, Duration within = seconds(20)) {
    DiskRescue action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture_.context(within);
    report_ = {};
    return action.run(context, report_);
  }
  std::string fact(std::string_view key) const {
    for (const auto& [name, value] : report_.facts) {
      if (name == key) return value;
    }
    return "";
  }

  chiron::testing::TempDir host_;
  chiron::testing::FakeStore store_;
  chiron::testing::EngineServer server_{[this](std::string_view request) { return store_(request); }};
  chiron::testing::ActionFixture fixture_;
  Report report_;
};

TEST_F(RescueContainersTest, UnusedImagesAndBuildCacheGo) {
  connect();
  store_.images[image_id('b')] = {.tags = {"base:1"}};
  store_.volumes[std::string(64, 'e')] = {};
  const auto arguments = all().list("keep_images", {"base:*"});
  DiskRescue action;
  ASSERT_TRUE(arguments.fill(action).ok());
  ActionContext context = fixture_.context();
  const Result<Plan> plan = action.plan(context);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  ASSERT_EQ(plan->objects, 2);
  EXPECT_EQ(plan->items.front().what, "image old:1");
  EXPECT_EQ(plan->items.front().note, "containers");
  EXPECT_EQ(store_.images.size(), 2);
  EXPECT_FALSE(run(arguments).ok());
  EXPECT_EQ(store_.images.size(), 1);
  EXPECT_TRUE(store_.records.empty());
  EXPECT_EQ(store_.volumes.size(), 1);
  EXPECT_EQ(report_.removed_objects, 2);
  EXPECT_EQ(report_.freed_bytes, (5 << 20) + 5);
  EXPECT_THAT(fact("stage_containers"), HasSubstr("2 objects"));
  EXPECT_EQ(fixture_.log.count("container engine's object removed"), 2);
}

TEST_F(RescueContainersTest, NothingGoesWhenEnoughIsFree) {
  connect();
  ASSERT_TRUE(
      run(ArgumentBuilder().text("path", "/").text("target_free", "1").text("target_free_inodes", "1")).ok());
  EXPECT_EQ(server_.requests(), 0);
}

TEST_F(RescueContainersTest, SkippedWithOneEntryWithoutAnEngine) {
  EXPECT_FALSE(run(all()).ok());
  EXPECT_EQ(fact("stage_containers"),
            "skipped: no container engine on this host: neither Docker's nor Podman's socket is there");
  EXPECT_EQ(fixture_.log.count("disk rescue stage skipped"), 1);
}

TEST_F(RescueContainersTest, SkippedWithOneEntryWhenTheDataIsOnAnotherFileSystem) {
  connect();
  fs::create_symlink("/proc", host_ / "elsewhere");
  store_.root = "/elsewhere";
  EXPECT_FALSE(run(all().list("stages", {"containers"})).ok());
  EXPECT_THAT(fact("stage_containers"), HasSubstr("its data root /elsewhere is on another file system"));
  EXPECT_EQ(fixture_.log.count("disk rescue stage skipped"), 1);
  EXPECT_EQ(store_.images.size(), 1);
}

TEST_F(RescueContainersTest, SkippedWhenTheImagesAreInContainerdsStore) {
  connect();
  store_.driver_status = R"([["driver-type","io.containerd.snapshotter.v1"]])";
  EXPECT_FALSE(run(all()).ok());
  EXPECT_THAT(fact("stage_containers"), HasSubstr("containerd's store"));
  EXPECT_EQ(store_.images.size(), 1);
}

TEST_F(RescueContainersTest, AnEngineThatHangsLeavesTimeForTheStagesAfterIt) {
  connect();
  host_.write("tmp/own", "x");
  store_.interfere = [](std::string_view line) -> std::string {
    if (line == "GET /system/df") std::this_thread::sleep_for(seconds(2));
    return "";
  };
  const auto arguments = all().list("stages", {"containers", "globs"}).list("globs", {"/tmp/own"});
  const Status done = run(ArgumentBuilder(arguments).text("min_age", "0s"), seconds(2));
  EXPECT_EQ(done.error().code(), ErrorCode::failed_precondition) << done.error().to_string();
  EXPECT_FALSE(fs::exists(host_ / "tmp/own"));
  EXPECT_THAT(fact("stage_containers"), HasSubstr("system/df"));
}

}  // namespace
}  // namespace chiron::remediation
