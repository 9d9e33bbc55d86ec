#include "agent/state_dir.h"

#include "tests/support/temp_dir.h"

#include <sys/stat.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

TEST(StateDir, IsMadeAndLockedAgainstASecondAgent) {
  const testing::TempDir dir;
  const std::string path = dir / "a/b/state";
  {
    const auto first = StateDir::open(path);
    ASSERT_TRUE(first.ok());
    const auto second = StateDir::open(path);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code(), ErrorCode::failed_precondition);
    EXPECT_THAT(second.error().message(), ::testing::HasSubstr("process " + std::to_string(::getpid())));
  }
  EXPECT_TRUE(StateDir::open(path).ok());
}

TEST(StateDir, IsKnownByItsRealPath) {
  const testing::TempDir dir;
  ASSERT_EQ(::mkdir((dir / "real").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("real", (dir / "link").c_str()), 0);
  const auto opened = StateDir::open(dir / "link/state");
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->path(), dir / "real/state");
}

TEST(StateDir, BelongsToTheGroupThatMayAsk) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const testing::TempDir dir;
  dir.write("state/ledger.db", "x");
  dir.write("outside", "x");
  ASSERT_EQ(::symlink((dir / "outside").c_str(), (dir / "state/link").c_str()), 0);
  ASSERT_TRUE(StateDir::open(dir / "state", 12345).ok());
  struct stat found {};
  ASSERT_EQ(::stat((dir / "state").c_str(), &found), 0);
  EXPECT_EQ(found.st_gid, 12345u);
  EXPECT_EQ(found.st_mode & (S_ISGID | S_IRGRP | S_IXGRP | S_IWGRP),
            static_cast<mode_t>(S_ISGID | S_IRGRP | S_IXGRP));
  ASSERT_EQ(::stat((dir / "state/ledger.db").c_str(), &found), 0);
  EXPECT_EQ(found.st_gid, 12345u);
  ASSERT_EQ(::stat((dir / "outside").c_str(), &found), 0);
  EXPECT_NE(found.st_gid, 12345u);
}

TEST(StateDir, SaysWhereItCannotBeMade) {
  const testing::TempDir dir;
  dir.write("file", "");
  const auto opened = StateDir::open(dir / "file/state");
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().to_string(), ::testing::HasSubstr("file/state"));
  // The first that could not be made, and why: of those below it the kernel only says that the way is not
  // there.
  const auto deep = StateDir::open("/proc/no/such/state");
  ASSERT_FALSE(deep.ok());
  EXPECT_THAT(deep.error().to_string(), ::testing::EndsWith("/proc/no: No such file or directory"));
}

}  // namespace
}  // namespace chiron::agent
