#include "remediation/actions/deletion/bounded.h"

#include "remediation/actions/disk_rescue.h"
#include "tests/support/action_fixture.h"
#include "tests/support/private_mounts.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <future>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using testing::ActionFixture;
using testing::ArgumentBuilder;
using ::testing::HasSubstr;
using testing::TempDir;
using namespace std::chrono_literals;

struct BoundedTest : ::testing::Test {
  ActionFixture fixture;
  std::promise<void> answers;
  std::shared_future<void> released = answers.get_future().share();
  Result<int> ask(const ActionContext& context, const std::string& path, bool hangs) {
    return ask_file_system<int>(context, path, [released = released, hangs]() -> Result<int> {
      if (hangs) released.wait();
      return 7;
    });
  }
};

TEST_F(BoundedTest, WhatAnswersIsHeard) { EXPECT_EQ(*ask(fixture.context(), "/data", false), 7); }

TEST_F(BoundedTest, WhatHangsIsLeftAtTheDeadlineAndNotAskedAgain) {
  EXPECT_EQ(ask(fixture.context(60ms), "/data", true).error().code(), ErrorCode::timed_out);
  const Result<int> again = ask(fixture.context(), "/data", false);
  EXPECT_EQ(again.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(again.error().to_string(), HasSubstr("hangs"));
  EXPECT_EQ(*ask(fixture.context(), "/other", false), 7) << "the others are heard all the same";
  answers.set_value();
  EXPECT_EQ(*ask(fixture.context(), "/data", false), 7) << "once it came back";
}

TEST_F(BoundedTest, ACancelledWaitEnds) {
  std::thread person([this] {
    while (!fixture.isolation.busy("/data")) std::this_thread::yield();
    fixture.cancel.cancel();
  });
  EXPECT_EQ(ask(fixture.context(), "/data", true).error().code(), ErrorCode::cancelled);
  person.join();
  answers.set_value();
}

/// A FUSE file system whose server never answers: the kernel waits for its FUSE_INIT, and statfs with it.
class HungMount {
 public:
  explicit HungMount(std::string path)
      : path_(std::move(path)), fuse_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    EXPECT_TRUE(fuse_);
    const std::string options = fmt::format("fd={},rootmode=40000,user_id=0,group_id=0", fuse_.get());
    EXPECT_EQ(::mount("hung", path_.c_str(), "fuse.hung", 0, options.c_str()), 0);
  }
  /// The server is gone: what waits gets ENOTCONN.
  ~HungMount() {
    fuse_.reset();
    ::umount2(path_.c_str(), MNT_DETACH);
  }
  HungMount(const HungMount&) = delete;
  HungMount& operator=(const HungMount&) = delete;

 private:
  const std::string path_;
  FileDescriptor fuse_;
};

bool has_fuse() { return testing::is_root() && ::access("/dev/fuse", R_OK | W_OK) == 0; }

TEST(HungFileSystemTest, DoesNotHoldUpARescueOfIt) {
  if (!has_fuse()) GTEST_SKIP() << "needs root and /dev/fuse";
  testing::in_private_mounts([] {
    const TempDir dir;
    std::filesystem::create_directory(dir / "hung");
    const HungMount hung(dir / "hung");
    ActionFixture fixture;
    DiskRescue rescue;
    ASSERT_TRUE(ArgumentBuilder().text("path", dir / "hung").fill(rescue));
    ActionContext context = fixture.context(300ms);
    Report report;
    EXPECT_EQ(rescue.run(context, report).error().code(), ErrorCode::timed_out);
    EXPECT_LT(context.remaining(), 0s);
    EXPECT_GT(context.remaining(), -5s);
  });
}

TEST(HungFileSystemTest, AsARootDoesNotHoldUpARescueOfAnother) {
  if (!has_fuse()) GTEST_SKIP() << "needs root and /dev/fuse";
  testing::in_private_mounts([] {
    const TempDir dir;
    for (const char* name : {"disk", "hung"}) std::filesystem::create_directory(dir / name);
    const HungMount hung(dir / "hung");
    ASSERT_EQ(::mount("none", (dir / "disk").c_str(), "tmpfs", 0, "size=1m"), 0);
    ActionFixture fixture;
    fixture.deletion.roots = {dir / "hung"};
    DiskRescue rescue;
    ASSERT_TRUE(ArgumentBuilder()
                    .text("path", dir / "disk")
                    .text("target_free", "2MiB")
                    .list("stages", {"globs"})
                    .list("globs", {dir / "hung" + "/*.log"})
                    .fill(rescue));
    ActionContext context = fixture.context(5s);
    Report report;
    std::ofstream(dir / "disk" + "/file") << std::string(8192, 'x');
    EXPECT_THAT(rescue.run(context, report).error().to_string(), HasSubstr("is on another file system"));
    EXPECT_GT(context.remaining(), 0s);
  });
}

}  // namespace
}  // namespace chiron::remediation
