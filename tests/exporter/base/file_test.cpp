#include "exporter/base/file.h"

#include "exporter/base/host_paths.h"
#include "tests/support/private_mounts.h"
#include "tests/support/temp_dir.h"

#include <algorithm>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron {
namespace {

using testing::TempDir;

TEST(KernelFile, ReadsAgainThroughOneDescriptor) {
  const TempDir dir;
  const std::string path = dir.write("f", "one");
  KernelFile file(path);
  EXPECT_EQ(file.read().value_or(""), "one");
  dir.write("f", "longer than before");
  EXPECT_EQ(file.read().value_or(""), "longer than before");
  dir.write("f", "");
  EXPECT_EQ(file.read().value_or("x"), "");
  // A regular file that was unlinked is still read: the descriptor is the same.
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_TRUE(file.read().ok());
}

TEST(KernelFile, GrowsToWhatTheFileNeeds) {
  const TempDir dir;
  for (const std::size_t size : {1023U, 1024U, 1025U, 100'000U}) {
    const std::string content(size, 'x');
    const std::string path = dir.write("f", content);
    for (const auto records :
         {KernelFile::Records::many, KernelFile::Records::brief, KernelFile::Records::one}) {
      KernelFile file(path, records);
      EXPECT_EQ(file.read().value_or("").size(), size);
      EXPECT_EQ(file.read().value_or(""), content);
    }
  }
}

TEST(KernelFile, TakesTheMountTableOfAMachineWithThousandsOfMounts) {
  const TempDir dir;
  KernelFile file(dir.write("f", std::string(3 << 20, 'x')));
  EXPECT_EQ(file.read().value_or("").size(), 3U << 20);
}

TEST(KernelFile, RefusesMoreThanItsLimit) {
  const TempDir dir;
  KernelFile exact(dir.write("exact", std::string(100, 'x')), KernelFile::Records::many, 100);
  EXPECT_TRUE(exact.read().ok());
  KernelFile large(dir.write("large", std::string(101, 'x')), KernelFile::Records::many, 100);
  const auto result = large.read();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), ErrorCode::exhausted);
}

TEST(KernelFile, NothingThatCouldWaitIsRead) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  KernelFile fifo(dir / "fifo");
  EXPECT_EQ(fifo.read().error().to_string(), (dir / "fifo") + ": is not a regular file");
  KernelFile directory(dir / ".");
  EXPECT_EQ(directory.read().error().to_string(), (dir / ".") + ": is a directory, not a file");
  KernelFile device("/dev/zero");
  EXPECT_EQ(device.read().error().to_string(), "/dev/zero: is not a regular file");
}

TEST(KernelFile, AppearsLater) {
  const TempDir dir;
  KernelFile file(dir / "f");
  const auto missing = file.read();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  EXPECT_THAT(missing.error().message(), ::testing::HasSubstr((dir / "f") + ": No such file"));
  dir.write("f", "here");
  EXPECT_EQ(file.read().value_or(""), "here");
}

TEST(KernelFile, ReadsKernelFilesThatComeInPieces) {
  const HostPaths paths;
  // Several pages long, delivered a page at a time.
  KernelFile file(paths.proc("kallsyms"), KernelFile::Records::many, 64 << 20);
  const auto first = file.read();
  if (!first.ok()) GTEST_SKIP() << first.error().message();
  EXPECT_GT(first->size(), 5000U);
  EXPECT_EQ(first->back(), '\n');
  KernelFile stat(paths.proc("stat"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stat.read().value_or("").substr(0, 4), "cpu ");
}

TEST(KernelFile, ReadsAFileOfOneRecordToItsEnd) {
  const HostPaths paths;
  const auto lines = [](std::string_view text) { return std::count(text.begin(), text.end(), '\n'); };
  for (const char* name : {"stat", "meminfo", "loadavg", "pressure/io", "self/stat"}) {
    KernelFile in_pieces(paths.proc(name));
    const auto whole = in_pieces.read();
    if (!whole.ok()) continue;  // no PSI
    KernelFile file(paths.proc(name), KernelFile::Records::one);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(lines(file.read().value_or("")), lines(*whole)) << name;
  }
}

TEST(KernelFile, ReadsAFileOfBriefRecordsToItsEnd) {
  const HostPaths paths;
  const auto lines = [](std::string_view text) { return std::count(text.begin(), text.end(), '\n'); };
  // From a few bytes to several pages.
  for (const char* name : {"net/arp", "net/dev", "net/softnet_stat", "diskstats", "filesystems", "vmstat",
                           "iomem", "ioports", "slabinfo", "modules"}) {
    KernelFile in_pieces(paths.proc(name));
    const auto whole = in_pieces.read();
    if (!whole.ok()) continue;  // not of every kernel, nor for everybody
    KernelFile file(paths.proc(name), KernelFile::Records::brief);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(lines(file.read().value_or("")), lines(*whole)) << name;
  }
}

TEST(KernelFile, HearsOfMountsAndOfNothingElse) {
  const TempDir dir;
  KernelFile stat(HostPaths().proc("stat"));
  EXPECT_TRUE(stat.read().ok());
  EXPECT_TRUE(stat.may_have_changed());
  KernelFile regular(dir.write("f", "27 1 254:0 / / rw - ext4 /dev/vda rw\n"));
  EXPECT_TRUE(regular.read().ok());
  EXPECT_TRUE(regular.may_have_changed());
  if (!testing::is_root()) GTEST_SKIP() << "mounting needs root";
  testing::in_private_mounts([&dir] {
    KernelFile mounts(HostPaths().proc("self/mountinfo"));
    EXPECT_TRUE(mounts.may_have_changed());
    EXPECT_TRUE(mounts.read().ok());
    EXPECT_FALSE(mounts.may_have_changed());
    const std::string place = dir / "";
    ASSERT_EQ(::mount("none", place.c_str(), "tmpfs", 0, nullptr), 0);
    EXPECT_TRUE(mounts.may_have_changed());
    EXPECT_FALSE(mounts.may_have_changed());
    ASSERT_EQ(::mount(nullptr, place.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
    EXPECT_TRUE(mounts.may_have_changed());
    ASSERT_EQ(::umount(place.c_str()), 0);
    EXPECT_TRUE(mounts.may_have_changed());
  });
}

TEST(KernelFile, OpensAgainWhenTheProcessBehindItIsAnother) {
  // A process's directory answers ESRCH through a descriptor kept from before the process ended.
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  KernelFile file(HostPaths().proc(std::to_string(child) + "/stat"));
  EXPECT_TRUE(file.read().ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto gone = file.read();
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), ErrorCode::not_found);
  EXPECT_THAT(gone.error().message(), ::testing::HasSubstr("No such file"));
}

TEST(ReadFile, ReadsRegularAndKernelFiles) {
  const TempDir dir;
  EXPECT_EQ(read_file(dir.write("f", std::string("a\0b", 3))).value_or(""), std::string("a\0b", 3));
  EXPECT_EQ(read_file(dir.write("empty", "")).value_or("x"), "");
  EXPECT_GT(read_file(HostPaths().proc("meminfo")).value_or("").size(), 100U);
  EXPECT_EQ(read_file(dir.write("big", "12345"), 5).value_or(""), "12345");
  const auto large = read_file(dir / "big", 4);
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code(), ErrorCode::exhausted);
}

TEST(ReadFile, RefusesWhatCouldBlock) {
  const TempDir dir;
  const std::string fifo = dir / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(read_file(fifo).error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(read_file(dir.path()).error().message(), ::testing::HasSubstr("is a directory"));
  EXPECT_EQ(read_file(dir / "none").error().code(), ErrorCode::not_found);
}

TEST(ListDirectory, IsSortedWithoutDots) {
  const TempDir dir;
  dir.write("b", "");
  dir.write("a/x", "");
  dir.write(".hidden", "");
  EXPECT_EQ(list_directory(dir.path()).value_or({}), (std::vector<std::string>{".hidden", "a", "b"}));
  EXPECT_EQ(list_directory(dir / "none").error().code(), ErrorCode::not_found);
  EXPECT_FALSE(list_directory(dir / "b").ok());
}

TEST(WriteFileAtomically, ReplacesAndLeavesNothingBehind) {
  const TempDir dir;
  const std::string path = dir.write("f", "old");
  ASSERT_TRUE(write_file_atomically(path, "new", 0600).ok());
  EXPECT_EQ(read_file(path).value_or(""), "new");
  struct stat facts {};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600U);
  EXPECT_EQ(list_directory(dir.path()).value_or({}), std::vector<std::string>{"f"});
}

TEST(WriteFileAtomically, KeepsTheOldFileWhenItFails) {
  const TempDir dir;
  dir.write("d/inside", "x");  // rename(2) onto a directory that is not empty fails
  const Status status = write_file_atomically(dir / "d", "new");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(list_directory(dir.path()).value_or({}), std::vector<std::string>{"d"});
  EXPECT_EQ(write_file_atomically(dir / "none/f", "x").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace chiron
