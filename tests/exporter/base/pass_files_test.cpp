#include "exporter/base/pass_files.h"

#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>

namespace chiron {
namespace {

TEST(PassFiles, ReadsOnceAPassForAllWhoAsk) {
  const testing::TempDir dir;
  const std::string path = dir.write("stat", "one");
  PassFiles files(system_clock());
  PassFiles::File& first = files.open(path, KernelFile::Records::one);
  PassFiles::File& second = files.open(path, KernelFile::Records::one);
  EXPECT_EQ(first.read().value_or(""), "one");
  dir.write("stat", "another");
  EXPECT_EQ(second.read().value_or(""), "one");
  files.begin_pass();
  EXPECT_EQ(second.read().value_or(""), "another");
  EXPECT_EQ(first.read().value_or(""), "another");
}

TEST(PassFiles, AFileThatCannotBeReadIsTriedAgainInTheNextPass) {
  const testing::TempDir dir;
  PassFiles files(system_clock());
  PassFiles::File& file = files.open(dir / "stat", KernelFile::Records::one);
  EXPECT_EQ(file.read().error().code(), ErrorCode::not_found);
  dir.write("stat", "here");
  EXPECT_EQ(file.read().error().code(), ErrorCode::not_found);
  files.begin_pass();
  EXPECT_EQ(file.read().value_or(""), "here");
}

}  // namespace
}  // namespace chiron
