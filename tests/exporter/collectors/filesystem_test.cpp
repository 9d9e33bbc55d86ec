#include "exporter/collectors/filesystem.h"

#include "exporter/collectors/mountinfo.h"
#include "tests/exporter/collectors/host_fixture.h"
#include "tests/support/private_mounts.h"

#include <cerrno>

namespace chiron {
namespace {

using testing::HostFixture;

/// A mount server under the test's hand: paths in `hanging` keep the asker until released, others answer at
/// once.
struct Server {
  int ask(const std::string& path, MountUsage& usage) {
    std::unique_lock lock(mutex);
    ++asked[path];
    changed.wait(lock, [&] { return !hanging.contains(path); });
    if (const auto error = errors.find(path); error != errors.end()) return error->second;
    usage = {.size = 1000,
             .free = 500,
             .available = 400,
             .files = 10,
             .files_free = 9,
             .read_only = read_only.contains(path)};
    return 0;
  }
  void hang(const std::string& path) {
    const std::lock_guard lock(mutex);
    hanging[path] = true;
  }
  void release(const std::string& path) {
    const std::lock_guard lock(mutex);
    hanging.erase(path);
    changed.notify_all();
  }
  int count(const std::string& path) {
    const std::lock_guard lock(mutex);
    return asked[path];
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, bool> hanging;
  std::map<std::string, int> errors;
  std::set<std::string> read_only;
  std::map<std::string, int> asked;
};

constexpr std::string_view kMounts =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
    "28 27 0:25 / /srv/my\\040files ro,nosuid - xfs /dev/vdb rw\n"
    "29 27 0:40 / /nfs rw - nfs4 server:/export rw,addr=10.0.0.1\n";

/// Waited for each mount that hangs; enough for the others on a loaded machine.
constexpr Duration kShortPatience = std::chrono::seconds(1);

class Filesystem : public HostFixture {
 protected:
  ~Filesystem() override {
    for (const auto* path : {"/", "/nfs", "/srv/my files"}) server_->release(paths_.root(path));
  }
  /// `patience` is what a pass waits for mounts: long where all of them answer.
  void make_with_server(Duration patience = std::chrono::seconds(20)) {
    auto made = make_filesystem_collector(
        context(*find_collector("filesystem")),
        [server = server_](const std::string& path, MountUsage& usage) { return server->ask(path, usage); },
        patience);
    ASSERT_TRUE(made.ok()) << made.error().to_string();
    collector_ = std::move(*made);
  }
  /// Collects again and again until `line` is there: a worker on another thread has to get somewhere first.
  bool collects_at_last(std::string_view line) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      if (collect().ok() && has(line)) return true;
    }
    return false;
  }

  std::shared_ptr<Server> server_ = std::make_shared<Server>();
};

TEST_F(Filesystem, ReportsEachMountWithItsLabels) {
  proc("1/mountinfo", kMounts);
  make_with_server();
  ASSERT_TRUE(collect().ok());
  const std::string root = R"({device="/dev/vda",fstype="ext4",mountpoint="/"} )";
  EXPECT_TRUE(has("node_filesystem_size_bytes" + root + "1000"));
  EXPECT_TRUE(has("node_filesystem_free_bytes" + root + "500"));
  EXPECT_TRUE(has("node_filesystem_avail_bytes" + root + "400"));
  EXPECT_TRUE(has("node_filesystem_files" + root + "10"));
  EXPECT_TRUE(has("node_filesystem_files_free" + root + "9"));
  EXPECT_TRUE(has("node_filesystem_readonly" + root + "0"));
  EXPECT_TRUE(has("node_filesystem_device_error" + root + "0"));
  EXPECT_TRUE(has(R"(node_filesystem_mount_info{device="/dev/vda",major="254",minor="0",mountpoint="/"} 1)"));
  EXPECT_TRUE(
      has(R"(node_filesystem_readonly{device="/dev/vdb",fstype="xfs",mountpoint="/srv/my files"} 1)"));
  EXPECT_FALSE(mentions("proc"));
  EXPECT_EQ(frame_.entries().size(), 24u);
  EXPECT_EQ(server_->count(paths_.root("/srv/my files")), 1);
}

TEST_F(Filesystem, TakesItsOwnMountsWhenThoseOfTheFirstProcessAreHidden) {
  proc("self/mountinfo", kMounts);
  make_with_server();
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 24u);
}

TEST_F(Filesystem, TakesTheShorterTableWhereThereIsNoOther) {
  proc("mounts", "/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\n");
  make_with_server();
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_filesystem_size_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 1000)"));
  EXPECT_FALSE(mentions("node_filesystem_mount_info{"));
  EXPECT_EQ(frame_.entries().size(), 7u);
}

TEST_F(Filesystem, SaysWhichFileIsMissing) {
  make_with_server();
  const Status status = collect();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().to_string().find("proc/self/mountinfo"), std::string::npos);
  EXPECT_TRUE(frame_.entries().empty());
}

TEST_F(Filesystem, GoesOnAfterABadLineAndNamesIt) {
  proc("1/mountinfo",
       std::string(kMounts) + "30 27 nonsense\n31 27 0:41 / /data rw - ext4 /dev/vdc rw\n32 27 0:4");
  make_with_server();
  for (int pass = 0; pass < 2; ++pass) {
    const Status status = collect();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), ErrorCode::corrupt);
    EXPECT_NE(status.error().to_string().find("mountinfo:5: "), std::string::npos)
        << status.error().to_string();
    EXPECT_TRUE(mentions(R"(mountpoint="/data")"));
    EXPECT_EQ(frame_.entries().size(), 32u);
  }
}

TEST_F(Filesystem, FollowsTheMountTable) {
  proc("1/mountinfo", kMounts);
  make_with_server();
  ASSERT_TRUE(collect().ok());
  proc("1/mountinfo", "27 1 254:0 / / ro,relatime shared:1 - ext4 /dev/vda rw,discard\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 8u);
  EXPECT_TRUE(has(R"(node_filesystem_readonly{device="/dev/vda",fstype="ext4",mountpoint="/"} 1)"));
}

TEST_F(Filesystem, HearsOfRealMounts) {
  if (!testing::is_root()) GTEST_SKIP() << "mounting needs root";
  testing::in_private_mounts([this] {
    const testing::TempDir dir;
    // Without the first process, whose mounts are another namespace's.
    std::filesystem::create_directories(dir / "proc/self");
    std::filesystem::create_symlink("/proc/self/mountinfo", dir / "proc/self/mountinfo");
    std::filesystem::create_directory(dir / "fresh");
    const std::string place = dir / "fresh";
    const std::string of_mount = "mountpoint=\"" + place + '"';
    const HostPaths live({.procfs = dir / "proc"});
    auto made = make_filesystem_collector(default_context(live, *find_collector("filesystem")));
    ASSERT_TRUE(made.ok()) << made.error().to_string();
    collector_ = std::move(*made);
    ASSERT_TRUE(collect().ok());
    EXPECT_FALSE(mentions(of_mount));
    ASSERT_EQ(::mount("none", place.c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_TRUE(collect().ok());
    EXPECT_TRUE(mentions(of_mount)) << ::testing::PrintToString(lines());
    ASSERT_TRUE(collect().ok());
    EXPECT_TRUE(mentions(of_mount));
    ASSERT_EQ(::umount(place.c_str()), 0);
    ASSERT_TRUE(collect().ok());
    EXPECT_FALSE(mentions(of_mount));
  });
}

TEST_F(Filesystem, AFileSystemThatAnErrorMadeReadOnlyIsSaidToBe) {
  proc("1/mountinfo", kMounts);
  make_with_server();
  ASSERT_TRUE(collect().ok());
  const std::string root = R"(node_filesystem_readonly{device="/dev/vda",fstype="ext4",mountpoint="/"} )";
  EXPECT_TRUE(has(root + '0'));
  server_->read_only.insert(paths_.root("/"));
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(root + '1'));
}

TEST_F(Filesystem, AnErrorOfOneMountIsThatMountsAlone) {
  proc("1/mountinfo", kMounts);
  server_->errors[paths_.root("/nfs")] = ESTALE;
  make_with_server();
  ASSERT_TRUE(collect().ok());
  const std::string nfs =
      R"({device="server:/export",device_error="stale file handle",fstype="nfs4",mountpoint="/nfs"} )";
  EXPECT_TRUE(has("node_filesystem_device_error" + nfs + "1"));
  EXPECT_TRUE(has("node_filesystem_readonly" + nfs + "0"));
  EXPECT_EQ(frame_.entries().size(), 18u);
}

TEST_F(Filesystem, AMountThatHangsIsMarkedAskedNoMoreAndLeavesTheRestFresh) {
  proc("1/mountinfo", kMounts);
  option("mount-timeout", {"5s"});
  make_with_server(kShortPatience);
  ASSERT_TRUE(collect().ok());
  const std::string nfs = paths_.root("/nfs");
  server_->hang(nfs);

  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(
      has(R"(node_filesystem_size_bytes{device="server:/export",fstype="nfs4",mountpoint="/nfs"} 1000)"));
  clock_.advance(std::chrono::seconds(5));
  const int root_asked = server_->count(paths_.root("/"));
  for (int pass = 0; pass < 20; ++pass) ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_filesystem_device_error{device="server:/export",device_error="mountpoint timeout",)"
                  R"(fstype="nfs4",mountpoint="/nfs"} 1)"));
  EXPECT_FALSE(mentions(R"(node_filesystem_size_bytes{device="server:/export")"));
  EXPECT_TRUE(has(R"(node_filesystem_size_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 1000)"));
  EXPECT_EQ(server_->count(nfs), 2);
  EXPECT_EQ(server_->count(paths_.root("/")), root_asked + 20);
  EXPECT_EQ(log_.count("mount does not answer"), 1u);

  server_->release(nfs);
  EXPECT_TRUE(collects_at_last(
      R"(node_filesystem_device_error{device="server:/export",fstype="nfs4",mountpoint="/nfs"} 0)"));
  EXPECT_FALSE(mentions("mountpoint timeout"));
  EXPECT_EQ(log_.count("mount answers again"), 1u);
}

TEST_F(Filesystem, SeveralMountsThatHangFromTheStartDoNotHideTheOthers) {
  proc("1/mountinfo", kMounts);
  server_->hang(paths_.root("/"));
  server_->hang(paths_.root("/nfs"));
  make_with_server(kShortPatience);
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 8u);
  EXPECT_TRUE(mentions(R"(mountpoint="/srv/my files")"));
  clock_.advance(std::chrono::seconds(6));
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 12u);
}

TEST_F(Filesystem, IncludeReplacesTheDefaultExclude) {
  proc("1/mountinfo", kMounts);
  option("mount-points-include", {"^/(proc|nfs)$"});
  option("fs-types-include", {"^(proc|nfs4)$"});
  make_with_server();
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions(R"(mountpoint="/proc")"));
  EXPECT_TRUE(mentions(R"(mountpoint="/nfs")"));
  EXPECT_EQ(frame_.entries().size(), 16u);
}

TEST_F(Filesystem, RefusesContradictingAndBrokenOptions) {
  const CollectorInfo& info = *find_collector("filesystem");
  option("mount-points-include", {"/data"});
  option("mount-points-exclude", {"/proc"});
  EXPECT_FALSE(info.make(context(info)).ok());
  options_ = {{"fs-types-exclude", {"("}}};
  const auto broken = info.make(context(info));
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().to_string().find("fs-types-exclude"), std::string::npos);
  for (const char* timeout : {"soon", "0s"}) {
    options_ = {{"mount-timeout", {timeout}}};
    EXPECT_FALSE(info.make(context(info)).ok()) << timeout;
  }
}

TEST_F(Filesystem, StripsTheRootPrefixFromItsOwnMounts) {
  proc("self/mountinfo", "27 1 254:0 / " + paths_.root("/") + "/srv rw - ext4 /dev/vda rw\n");
  make_with_server();
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions(R"(mountpoint="/srv")")) << lines().front();
  EXPECT_EQ(server_->count(paths_.root("/srv")), 1);
}

TEST_F(Filesystem, AsksTheKernel) {
  proc("1/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 254:1 / /gone rw - ext4 /dev/vdb rw\n");
  root("etc/hostname", "host\n");
  make("filesystem");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions(R"(node_filesystem_size_bytes{device="/dev/vda")"));
  EXPECT_TRUE(mentions(R"(device_error="no such file or directory")"));
}

TEST(Mountinfo, UndoesOctalEscapesOnlyWhereTheyAreWhole) {
  EXPECT_EQ(unescape_mount_path(R"(/a\040b\011c\134d)"), "/a b\tc\\d");
  EXPECT_EQ(unescape_mount_path(R"(/a\04)"), R"(/a\04)");
  EXPECT_EQ(unescape_mount_path(R"(/a\999)"), R"(/a\999)");
}

TEST(Mountinfo, KnowsWhichMountsNothingCanKeepWaiting) {
  Problems problems;
  std::vector<Mount> mounts =
      parse_mounts(MountTable::mountinfo,
                   "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /dev rw - devtmpfs udev rw\n"
                   "3 1 8:2 / /home rw - ext4 /dev/sda2 rw,prjquota\n4 1 0:9 / /srv rw - nfs4 server:/ rw\n"
                   "5 4 0:6 / /srv/cache/x rw - tmpfs none rw\n6 1 0:7 / /srvtmp rw - tmpfs none rw\n"
                   "7 3 0:8 / /home/a rw - tmpfs none rw\n8 2 0:10 / /dev/a/b rw - tmpfs none rw\n"
                   "9 1 8:3 / /data rw - xfs /dev/sda3 rw\n",
                   "mountinfo", problems);
  exclude_slow_ways(mounts);
  std::vector<std::string> quick;
  for (const Mount& mount : mounts) {
    if (mount.in_memory) quick.push_back(mount.mountpoint);
  }
  EXPECT_EQ(quick, (std::vector<std::string>{"/", "/dev", "/srvtmp", "/dev/a/b"}));
  mounts[0].in_memory = false;
  exclude_slow_ways(mounts);
  EXPECT_TRUE(std::none_of(mounts.begin(), mounts.end(), [](const Mount& mount) { return mount.in_memory; }));
}

TEST(MountProber, AsksThoseInMemoryOnTheSpotAndOthersElsewhere) {
  testing::FakeClock clock;
  std::map<std::string, std::thread::id> asked;
  std::mutex mutex;
  MountProber prober(clock, {.patience = std::chrono::seconds(20)},
                     [&](const std::string& path, MountUsage& usage) {
                       const std::lock_guard lock(mutex);
                       asked[path] = std::this_thread::get_id();
                       usage.size = 7;
                       return path == "/gone" ? ENOENT : 0;
                     });
  prober.set_mounts({{"/", true}, {"/nfs", false}, {"/gone", true}});
  prober.probe();
  EXPECT_EQ(asked.at("/"), std::this_thread::get_id());
  EXPECT_NE(asked.at("/nfs"), std::this_thread::get_id());
  ASSERT_EQ(prober.answers().size(), 3U);
  EXPECT_EQ(prober.answers()[0].usage.size, 7);
  EXPECT_EQ(prober.answers()[1].state, MountAnswer::State::fresh);
  EXPECT_EQ(prober.answers()[2].error, ENOENT);
}

TEST(Mountinfo, ACapturedHostMayHaveTheShorterTable) {
  Problems problems;
  const std::vector<Mount> mounts =
      parse_mounts(MountTable::mounts,
                   "/dev/sda1 / ext4 rw,relatime 0 0\n/dev/sdb /srv/my\\040files xfs ro,nosuid 0 0\nbroken\n",
                   "mounts", problems);
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].device, "/dev/sda1");
  EXPECT_FALSE(mounts[0].read_only);
  EXPECT_EQ(mounts[1].mountpoint, "/srv/my files");
  EXPECT_EQ(mounts[1].fstype, "xfs");
  EXPECT_TRUE(mounts[1].read_only);
  EXPECT_TRUE(mounts[1].major.empty());
  EXPECT_FALSE(problems.empty());
}

TEST(Mountinfo, TheNewestMountHidesTheOthersOnItsMountPoint) {
  Problems problems;
  const std::vector<Mount> mounts =
      parse_mounts(MountTable::mountinfo,
                   "1 0 0:1 / / rw - rootfs rootfs rw\n2 0 8:1 / / rw master:1 shared:2 - ext4 /dev/sda1 rw\n"
                   "3 2 0:5 / /t rw -  tmpfs  rw\n",
                   "mountinfo", problems);
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].device, "/dev/sda1");
  EXPECT_EQ(mounts[1].device, "");
  EXPECT_TRUE(problems.empty());
}

}  // namespace
}  // namespace chiron
