#include "remediation/actions/deletion/candidate.h"
#include "remediation/actions/deletion/lease.h"
#include "remediation/actions/deletion/remove.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/swapper.h"
#include "tests/support/temp_dir.h"

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::ShiftedClock;
using chiron::testing::Swapper;
using chiron::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

/// A host in a temporary directory with one root, /data, and a day gone by since its files were made.
struct DeletionTest : ::testing::Test {
  DeletionTest() { fs::create_directory(host.path() / "data"); }

  SafeTree tree(const std::string& root = "/data") { return *SafeTree::open(paths, root); }
  Selection everything(Duration minimum = std::chrono::hours(1)) {
    Selection selection{.globs = {}, .age = {.minimum = minimum}};
    selection.globs.push_back(*PathGlob::compile("/data/**", PathGlob::Hidden::matched));
    return selection;
  }
  FoundFiles find(const SafeTree& in, const Selection& selection, std::string_view start = "") {
    WalkBudget budget;
    Result<FoundFiles> found =
        find_files(in, start, selection, *Guard::load(paths, policy, "b"), clock, budget);
    EXPECT_TRUE(found.ok()) << found.error().to_string();
    return found.ok() ? *std::move(found) : FoundFiles{};
  }
  std::vector<std::string> names(const FoundFiles& found) {
    std::vector<std::string> all;
    for (const Candidate& file : found.files) {
      const std::string& directory = found.directories[file.directory];
      all.push_back(directory.empty() ? file.name : directory + "/" + file.name);
    }
    return all;
  }
  Removal::Outcome remove(const SafeTree& in, const FoundFiles& found, bool only_look = false) {
    return remove_file(in, found, found.files.at(0), everything().age, clock, only_look, kept).outcome;
  }
  void make_old(const std::string& path, int hours) {
    timespec times[2] = {{.tv_sec = ::time(nullptr) - hours * 3600, .tv_nsec = 0}, {}};
    times[1] = times[0];
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }

  TempDir host;
  HostPaths paths{{.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()}};
  DeletionPolicy policy;
  ShiftedClock clock{std::chrono::hours(24)};
  Kept kept;
};

TEST_F(DeletionTest, ARootIsNoLinkAndNotEverything) {
  fs::create_directory_symlink(host.path() / "data", host.path() / "link");
  fs::create_directory(host.path() / "data/sub");
  const auto refused = [this](const std::string& root, ErrorCode code) {
    const Result<SafeTree> opened = SafeTree::open(paths, root);
    return !opened && opened.error().code() == code;
  };
  EXPECT_TRUE(refused("/link", ErrorCode::failed_precondition));
  EXPECT_TRUE(refused("/link/sub", ErrorCode::failed_precondition));
  EXPECT_TRUE(refused("/missing", ErrorCode::not_found));
  EXPECT_TRUE(refused("/", ErrorCode::invalid_argument));
  EXPECT_TRUE(SafeTree::open(paths, "/data/sub").ok());
}

TEST_F(DeletionTest, NothingOutsideIsOpened) {
  host.write("outside/file", "x");
  fs::create_directory_symlink("../outside", host.path() / "data/relative");
  fs::create_directory_symlink(host.path() / "outside", host.path() / "data/absolute");
  fs::create_directory_symlink("/proc/self/root", host.path() / "data/magic");
  const SafeTree data = tree();
  for (const char* path : {"relative", "absolute", "magic", "../outside", "/etc", "..", "magic/etc"}) {
    EXPECT_FALSE(data.open_directory(path).ok()) << path;
  }
  EXPECT_TRUE(data.open_directory("").ok());
}

TEST_F(DeletionTest, FindsTheOldestFirstAndOnlyPlainOldFiles) {
  make_old(host.write("data/b", "2"), 20);
  make_old(host.write("data/deep/er/a", "1"), 30);
  host.write("data/linked", "x");
  fs::create_hard_link(host / "data/linked", host / "elsewhere");
  fs::create_symlink("b", host / "data/symlink");
  ASSERT_EQ(::mkfifo((host / "data/fifo").c_str(), 0600), 0);
  const std::string sticky = host.write("data/sticky", "x");
  ASSERT_EQ(::chmod(sticky.c_str(), 01600), 0);
  Selection selection = everything();
  selection.age.changed = false;
  const FoundFiles found = find(tree(), selection);
  EXPECT_THAT(names(found), ElementsAre("deep/er/a", "b"));
  EXPECT_EQ(found.kept.linked, 1U);
  EXPECT_EQ(found.kept.is_protected, 1U);
}

TEST_F(DeletionTest, AgeIsOfTheYoungestTimeThatCounts) {
  const std::string file = host.write("data/file", "x");
  make_old(file, 1000);
  EXPECT_EQ(find(tree(), everything(std::chrono::hours(25))).kept.young, 1U) << "ctime is now";
  Selection by_mtime = everything(std::chrono::hours(25));
  by_mtime.age.changed = false;
  EXPECT_EQ(find(tree(), by_mtime).files.size(), 1U);
  timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW}, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  by_mtime.age.accessed = true;
  EXPECT_EQ(find(tree(), by_mtime).kept.young, 1U) << "atime is now";
  times[1] = {.tv_sec = ::time(nullptr) + 1'000'000, .tv_nsec = 0};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_EQ(find(tree(), everything(Duration::zero())).kept.young, 1U) << "from the future";
}

TEST_F(DeletionTest, ProtectedAndExcludedAreNotFound) {
  host.write("data/audit/x/y", "1");
  host.write("data/kept.log", "1");
  host.write("data/by-tmpfiles/a", "1");
  host.write("data/free", "1");
  host.write("etc/tmpfiles.d/x.conf", "x /data/by-tmp*\n");
  policy.protect = {"/data/audit/**", "/data/*.log"};
  const FoundFiles found = find(tree(), everything());
  EXPECT_THAT(names(found), ElementsAre("free"));
  EXPECT_EQ(found.kept.is_protected, 3U);
}

TEST_F(DeletionTest, ALockedDirectoryIsLeftAlone) {
  host.write("data/locked/a/b", "1");
  host.write("data/free", "1");
  const FileDescriptor lock(::open((host / "data/locked").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_SH), 0);
  EXPECT_THAT(names(find(tree(), everything())), ElementsAre("free"));
}

TEST_F(DeletionTest, HoldsTheOldestWhenThereAreTooMany) {
  for (int i = 0; i < 100; ++i)
    make_old(host.write("data/" + std::to_string(i % 7) + "/" + std::to_string(i), ""), i);
  Selection selection = everything(std::chrono::hours(0));
  selection.age.changed = false;
  WalkBudget budget;
  budget.most_files = 5;
  const auto found = find_files(tree(), "", selection, *Guard::load(paths, policy, "b"), clock, budget);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->complete);
  std::vector<std::string> last;
  for (const std::string& name : names(*found)) last.push_back(name.substr(name.find('/') + 1));
  EXPECT_THAT(last, ElementsAre("99", "98", "97", "96", "95"));
}

TEST_F(DeletionTest, BudgetsEndAWalk) {
  for (int i = 0; i < 600; ++i) host.write("data/" + std::to_string(i), "");
  const Guard guard = *Guard::load(paths, policy, "b");
  WalkBudget few;
  few.entries_left = 10;
  const auto part = find_files(tree(), "", everything(), guard, clock, few);
  ASSERT_TRUE(part.ok());
  EXPECT_TRUE(part->exhausted);
  EXPECT_LE(part->files.size(), 10U);
  WalkBudget stopped;
  stopped.should_stop = [] { return true; };
  EXPECT_EQ(find_files(tree(), "", everything(), guard, clock, stopped).error().code(), ErrorCode::cancelled);
}

TEST_F(DeletionTest, DeepTreesCostNoDescriptorsAndHaveAnEnd) {
  const std::size_t before = open_descriptors();
  FileDescriptor at(::open((host / "data").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string name(100, 'd');
  for (int depth = 0; depth < 300; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at);
    if (depth == 200) FileDescriptor(::openat(at.get(), "far", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    if (depth == 299) FileDescriptor(::openat(at.get(), "too-far", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  }
  at.reset();
  {
    const SafeTree data = tree();
    const FoundFiles found = find(data, everything());
    ASSERT_EQ(found.files.size(), 1U) << "201 levels of 101 bytes are far beyond PATH_MAX";
    EXPECT_EQ(found.files[0].name, "far");
    EXPECT_EQ(found.kept.unvisited, 1U);
    EXPECT_EQ(remove(data, found), Removal::Outcome::removed);
    EXPECT_THAT(find(data, everything()).files, IsEmpty());
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(DeletionTest, RemovesAndCountsAllocatedBytes) {
  const std::string path = host.write("data/file", std::string(100'000, 'x'));
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  const SafeTree data = tree();
  const FoundFiles found = find(data, everything());
  ASSERT_EQ(found.files.size(), 1U);
  EXPECT_EQ(remove(data, found, true), Removal::Outcome::removed);
  EXPECT_TRUE(fs::exists(path)) << "only looked";
  const Removal removal = remove_file(data, found, found.files[0], everything().age, clock, false, kept);
  EXPECT_EQ(removal.outcome, Removal::Outcome::removed);
  EXPECT_EQ(removal.bytes, static_cast<std::uint64_t>(info.st_blocks) * 512);
  EXPECT_TRUE(removal.last_link);
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(remove(data, found), Removal::Outcome::gone);
}

TEST_F(DeletionTest, WhatChangedSinceItWasFoundStays) {
  const SafeTree data = tree();
  const auto after = [&](const std::function<void(const std::string&)>& change) {
    const std::string path = host.write("data/dir/file", "12345678");
    const FoundFiles found = find(data, everything());
    EXPECT_EQ(found.files.size(), 1U);
    change(path);
    kept = {};
    const Removal::Outcome outcome = remove(data, found);
    fs::remove_all(host / "data/dir");
    return outcome;
  };
  const auto changed = [this] { return kept.changed == 1; };
  EXPECT_EQ(after([](const std::string&) {}), Removal::Outcome::removed);
  EXPECT_EQ(after([](const std::string& p) { std::ofstream(p, std::ios::app) << "more"; }),
            Removal::Outcome::kept);
  EXPECT_TRUE(changed());
  EXPECT_EQ(after([](const std::string& p) { ::chmod(p.c_str(), 0640); }), Removal::Outcome::kept) << "ctime";
  EXPECT_EQ(after([](const std::string& p) { fs::copy(p, p + "2"), fs::rename(p + "2", p); }),
            Removal::Outcome::kept)
      << "another inode of the same content";
  EXPECT_EQ(after([](const std::string& p) { fs::create_hard_link(p, p + "2"); }), Removal::Outcome::kept);
  EXPECT_EQ(after([](const std::string& p) { fs::rename(p, p + "2"), fs::create_symlink(p + "2", p); }),
            Removal::Outcome::kept);
  EXPECT_EQ(after([](const std::string& p) { fs::remove(p), ::mkfifo(p.c_str(), 0600); }),
            Removal::Outcome::kept);
  const auto move_away = [](const std::string& p) {
    fs::rename(fs::path(p).parent_path(), fs::path(p).parent_path() += "-moved");
  };
  EXPECT_EQ(after(move_away), Removal::Outcome::gone);
  EXPECT_TRUE(fs::exists(host / "data/dir-moved/file"));
  fs::remove_all(host / "data/dir-moved");
  const std::string outside = host.write("outside/file", "12345678");
  const auto link_instead = [this](const std::string& p) {
    fs::remove_all(fs::path(p).parent_path());
    fs::create_directory_symlink(host.path() / "outside", fs::path(p).parent_path());
  };
  EXPECT_EQ(after(link_instead), Removal::Outcome::kept);
  EXPECT_TRUE(fs::exists(outside));
}

TEST_F(DeletionTest, WhatAProcessHasOpenStays) {
  const std::string path = host.write("data/file", "12345678");
  const SafeTree data = tree();
  const FoundFiles found = find(data, everything());
  for (const int mode : {O_WRONLY, O_RDWR, O_RDONLY}) {
    const FileDescriptor user(::open(path.c_str(), mode | O_CLOEXEC));
    kept = {};
    EXPECT_EQ(remove(data, found), Removal::Outcome::kept) << mode;
    EXPECT_EQ(kept.in_use, 1U);
  }
  FileDescriptor user(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  void* const map = ::mmap(nullptr, 8, PROT_READ | PROT_WRITE, MAP_SHARED, user.get(), 0);
  ASSERT_NE(map, MAP_FAILED);
  user.reset();
  EXPECT_EQ(remove(data, found), Removal::Outcome::kept) << "mapped, though closed";
  ::munmap(map, 8);
  EXPECT_EQ(remove(data, found), Removal::Outcome::removed);
}

TEST_F(DeletionTest, LeasesTellWhoHasAFileOpen) {
  const std::string path = host.write("data/file", "x");
  const FileDescriptor own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(file_use(own.get()), FileUse::nobody);
  FileDescriptor other(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(file_use(own.get()), FileUse::reading);
  other.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(file_use(own.get()), FileUse::writing);
  const FileDescriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(file_use(null.get()), FileUse::unknown);
}

// A process that opens a file just while we hold the lease makes the kernel send us a signal; SIGIO would end
// us.
TEST_F(DeletionTest, BreakingOurLeaseDoesNotEndUs) {
  const std::string path = host.write("data/file", "x");
  std::atomic<bool> done = false;
  std::thread opener([&] {
    while (!done) FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  });
  std::size_t nobody = 0;
  for (int i = 0; i < 200'000 && (i < 20'000 || nobody == 0); ++i) {
    const FileDescriptor own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    nobody += file_use(own.get()) == FileUse::nobody;
  }
  done = true;
  opener.join();
  EXPECT_GT(nobody, 0U);
}

// The adversary exchanges directories, at several depths, and files for links that lead outside.
TEST_F(DeletionTest, NoSwapLeadsOutside) {
  constexpr int kRounds = 3000;
  const std::vector<std::string> outside = {"outside/f", "outside/b/f", "outside/b/c/f", "outside/only"};
  std::set<ino_t> outside_inodes;
  for (const std::string& file : outside) {
    struct stat info {};
    ASSERT_EQ(::stat(host.write(file, "precious").c_str(), &info), 0);
    outside_inodes.insert(info.st_ino);
  }
  host.write("data/a/b/c/f", "x");
  host.write("data/d/f", "x");
  const std::string top = host.path().string();
  fs::create_directory_symlink(top + "/outside", top + "/data/link-a");
  fs::create_directory_symlink(top + "/outside/b", top + "/data/a/link-b");
  fs::create_directory_symlink("../../outside", top + "/data/d/link-d");
  fs::create_directory(top + "/data/d/dir-d");
  fs::create_symlink(top + "/outside/f", top + "/data/d/link-f");
  fs::create_hard_link(top + "/outside/only", top + "/data/d/hard");
  // What is listed before it is opened gives the adversary time.
  for (int i = 0; i < 100; ++i) host.write("data/decoy" + std::to_string(i), "");
  Selection selection{.globs = {}, .age = everything().age};
  selection.globs.push_back(*PathGlob::compile("/data/**/f", PathGlob::Hidden::matched));
  std::uint64_t removed = 0;
  {
    const Swapper swapper({{top + "/data/a", top + "/data/link-a"},
                           {top + "/data/a/b", top + "/data/a/link-b"},
                           {top + "/data/d/dir-d", top + "/data/d/link-d"},
                           {top + "/data/d/f", top + "/data/d/link-f"},
                           {top + "/data/d/f", top + "/data/d/hard"}});
    const SafeTree data = tree();
    const FileDescriptor real(::open((top + "/data").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int round = 0; round < kRounds; ++round) {
      for (const char* path : {"a/b/c/f", "a/b/f", "a/f", "d/dir-d/f", "d/f"}) {
        // Beneath, so that the test itself does not write outside; fails while a link is in the way.
        const std::string parent = fs::path(path).parent_path().string();
        const Result<FileDescriptor> directory = data.open_directory(parent);
        if (!directory) continue;
        FileDescriptor(::openat(directory->get(), "f", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
      }
      const FoundFiles found = find(data, selection);
      for (const Candidate& file : found.files) {
        ASSERT_FALSE(outside_inodes.contains(file.inode)) << "found " << file.name << " by way of a link";
        removed += remove_file(data, found, file, everything().age, clock, false, kept).outcome ==
                   Removal::Outcome::removed;
      }
    }
  }
  for (const std::string& file : outside) EXPECT_TRUE(fs::exists(host / file)) << file;
  // How often depends on who wins; never would mean that nothing was tried.
  EXPECT_GT(removed, 0U);
  RecordProperty("removed", std::to_string(removed));
  RecordProperty("changed", std::to_string(kept.changed));
}

}  // namespace
}  // namespace chiron::remediation
