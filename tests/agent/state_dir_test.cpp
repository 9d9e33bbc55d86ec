#include "agent/state_dir.h"

#include "tests/support/temp_dir.h"

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

TEST(StateDir, SaysWhereItCannotBeMade) {
  const testing::TempDir dir;
  dir.write("file", "");
  const auto opened = StateDir::open(dir / "file/state");
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().to_string(), ::testing::HasSubstr("file/state"));
}

}  // namespace
}  // namespace chiron::agent
