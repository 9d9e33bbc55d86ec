// disk.rescue on a real ext4: nearly full, without one free byte, without one free inode, and under an
// adversary.
#include "exporter/base/subprocess.h"
#include "remediation/actions/disk_rescue.h"
#include "tests/support/action_fixture.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/swapper.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <numeric>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::ShiftedClock;
using chiron::testing::Swapper;
using chiron::testing::TempDir;
using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = 1 << 20;

void must_run(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  command.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  const Result<CommandOutcome> outcome = run_command(command, CancelToken());
  ASSERT_TRUE(outcome.ok()) << outcome.error().to_string();
  ASSERT_EQ(outcome->exit_code, 0) << command.argv[0] << ": " << outcome->err;
}

/// A small ext4 on a loop device, mounted as the root of a host.
class SmallDisk {
 public:
  SmallDisk(std::uint64_t size, int inodes) {
    const std::string image = dir_ / "image";
    mount_ = dir_ / "host";
    fs::create_directory(mount_);
    std::ofstream(image).close();
    fs::resize_file(image, size);
    must_run(
        {"/usr/sbin/mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "5", "-N", std::to_string(inodes), image});
    must_run({"/usr/bin/mount", "-o", "loop", image, mount_});
  }
  ~SmallDisk() { ::umount2(mount_.c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;

  const std::string& root() const { return mount_; }
  std::string path(std::string_view host) const { return mount_ + std::string(host); }
  struct statvfs space() const {
    ::sync();
    struct statvfs info {};
    EXPECT_EQ(::statvfs(mount_.c_str(), &info), 0);
    return info;
  }
  std::uint64_t free_bytes() const { return space().f_bfree * space().f_frsize; }
  double used() const {
    const struct statvfs info = space();
    return 1.0 - static_cast<double>(info.f_bavail) / static_cast<double>(info.f_blocks);
  }
  void write(std::string_view host, std::uint64_t size) const {
    fs::create_directories(fs::path(path(host)).parent_path());
    std::ofstream(path(host), std::ios::binary) << std::string(size, 'x');
  }
  /// Takes space until `used` of it is.
  void fill_to(double share) const {
    const struct statvfs info = space();
    const double wanted = (share - used()) * static_cast<double>(info.f_blocks);
    ASSERT_GT(wanted, 0) << "there was less room than the test takes";
    const int fd = ::open(path("/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    EXPECT_EQ(::posix_fallocate(fd, 0, static_cast<off_t>(wanted) * static_cast<off_t>(info.f_frsize)), 0);
    ::close(fd);
  }
  /// Takes every block there is, those kept for root as well.
  void fill_completely() const {
    const int fd = ::open(path("/filler2").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    for (std::uint64_t size : {kMiB, std::uint64_t{4096}}) {
      const std::string data(size, 'x');
      while (::write(fd, data.data(), data.size()) > 0) {
      }
      EXPECT_EQ(errno, ENOSPC);
    }
    ::close(fd);
  }

 private:
  TempDir dir_;
  std::string mount_;
};

struct DiskRescueLab : ::testing::Test {
  void use(const SmallDisk& disk) {
    fixture.paths = HostPaths({.procfs = "/proc", .sysfs = "/sys", .rootfs = disk.root()});
    fixture.deletion.protect = {"/var/log/audit/**"};
  }
  Status run(const ArgumentBuilder& arguments) {
    DiskRescue action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context(std::chrono::seconds(60));
    report = {};
    return action.run(context, report);
  }

  ShiftedClock clock{std::chrono::hours(24 * 30)};
  ActionFixture fixture{clock};
  Report report;
};

/// Everything that looks like prey to a careless hunter and must survive, and the adversary that stirs it.
class Bystanders {
 public:
  explicit Bystanders(const SmallDisk& disk) : disk_(disk) {
    for (const char* file :
         {"/var/log/young.gz", "/var/log/open.gz", "/var/log/audit/audit.log.1", "/var/log/linked.gz",
          "/srv/outside.gz", "/srv/dir/f.gz", "/srv/dir/deep/f.gz", "/var/log/current.log", "/opt/file.gz"}) {
      add(file);
    }
    timespec times[2] = {{.tv_sec = ::time(nullptr) + 30 * 86400 - 3600, .tv_nsec = 0}, {}};
    times[1] = times[0];
    EXPECT_EQ(::utimensat(AT_FDCWD, disk.path("/var/log/young.gz").c_str(), times, 0), 0);
    open_ = ::open(disk.path("/var/log/open.gz").c_str(), O_WRONLY | O_CLOEXEC);
    fs::create_hard_link(disk.path("/var/log/linked.gz"), disk.path("/srv/linked-elsewhere"));
    fs::create_symlink(disk.path("/srv/outside.gz"), disk.path("/var/log/symlink.gz"));
    fs::create_directory_symlink(disk.path("/srv"), disk.path("/var/log/srv"));
    fs::create_directories(disk.path("/var/log/swapped/dir/deep"));
    fs::create_directory_symlink(disk.path("/srv"), disk.path("/var/log/link"));
    fs::create_directory_symlink(disk.path("/srv/dir"), disk.path("/var/log/swapped/link"));
    swapper_ = std::make_unique<Swapper>(std::vector<std::pair<std::string, std::string>>{
        {disk.path("/var/log/swapped"), disk.path("/var/log/link")},
        {disk.path("/var/log/swapped/dir"), disk.path("/var/log/swapped/link")}});
  }
  ~Bystanders() { ::close(open_); }
  Bystanders(const Bystanders&) = delete;

  void expect_all_there() const {
    for (const auto& [file, inode] : files_) {
      struct stat info {};
      ASSERT_EQ(::stat(disk_.path(file).c_str(), &info), 0) << file;
      EXPECT_EQ(info.st_ino, inode) << file;
      EXPECT_EQ(info.st_size, 8192) << file;
    }
    EXPECT_TRUE(fs::is_symlink(disk_.path("/var/log/symlink.gz")));
  }

 private:
  void add(const std::string& file) {
    disk_.write(file, 8192);
    struct stat info {};
    ASSERT_EQ(::stat(disk_.path(file).c_str(), &info), 0);
    files_.emplace_back(file, info.st_ino);
  }

  const SmallDisk& disk_;
  std::vector<std::pair<std::string, ino_t>> files_;
  int open_ = -1;
  std::unique_ptr<Swapper> swapper_;
};

/// 10 MiB of packages, 20 MiB of logs, 10 MiB of temporary files.
void clutter(const SmallDisk& disk) {
  for (int i = 0; i < 10; ++i) disk.write(fmt::format("/var/cache/apt/archives/p{}.deb", i), kMiB);
  for (int i = 0; i < 40; ++i) disk.write(fmt::format("/var/log/app/app.log.{}.gz", i), kMiB / 2);
  for (int i = 0; i < 10; ++i) disk.write(fmt::format("/tmp/t{}", i), kMiB);
}

TEST_F(DiskRescueLab, AlmostFullIsRescuedToItsTargetAndNoFurther) {
  const SmallDisk disk(128 * kMiB, 8192);
  use(disk);
  clutter(disk);
  const Bystanders bystanders(disk);
  disk.fill_to(0.97);
  EXPECT_NEAR(disk.used(), 0.97, 0.005);
  const std::uint64_t before = disk.free_bytes();
  const Status status = run(ArgumentBuilder().text("path", "/").text("target_free", "15%"));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_LE(disk.used(), 0.85);
  EXPECT_GT(disk.used(), 0.84) << "went on although enough was free";
  EXPECT_EQ(report.freed_bytes, disk.free_bytes() - before) << "as statvfs sees it";
  EXPECT_FALSE(fs::exists(disk.path("/var/cache/apt/archives/p0.deb")));
  EXPECT_TRUE(fs::exists(disk.path("/tmp/t0"))) << "a later stage was not needed";
  bystanders.expect_all_there();
}

TEST_F(DiskRescueLab, WithoutOneFreeByteItIsRescued) {
  const SmallDisk disk(128 * kMiB, 8192);
  use(disk);
  clutter(disk);
  const Bystanders bystanders(disk);
  disk.fill_to(0.99);
  disk.fill_completely();
  // ext4 keeps a few blocks for its own needs; nobody can write one more byte.
  ASSERT_EQ(disk.space().f_bavail, 0U);
  const std::uint64_t before = disk.free_bytes();
  const Status status = run(ArgumentBuilder().text("path", "/var/log").text("target_free", "10%"));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_LE(disk.used(), 0.90);
  EXPECT_EQ(report.freed_bytes, disk.free_bytes() - before);
  bystanders.expect_all_there();
}

TEST_F(DiskRescueLab, WithoutOneFreeInodeItIsRescued) {
  const SmallDisk disk(64 * kMiB, 2048);
  use(disk);
  fs::create_directories(disk.path("/tmp"));
  fs::create_directories(disk.path("/var/log"));
  const Bystanders bystanders(disk);
  for (int i = 0;; ++i) {
    const int fd = ::open(disk.path(fmt::format("/tmp/{}", i)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) break;
    ::close(fd);
  }
  ASSERT_EQ(disk.space().f_favail, 0U);
  const Status status =
      run(ArgumentBuilder().text("path", "/").text("target_free", "1%").text("target_free_inodes", "20%"));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  const struct statvfs after = disk.space();
  EXPECT_EQ(after.f_favail, report.removed_objects);
  EXPECT_EQ(after.f_favail, (after.f_files + 4) / 5) << "exactly what was asked for";
  bystanders.expect_all_there();
}

TEST_F(DiskRescueLab, WhatIsNotEnoughFailsAndSaysWhy) {
  const SmallDisk disk(64 * kMiB, 2048);
  use(disk);
  const Bystanders bystanders(disk);
  for (int i = 0; i < 4; ++i) disk.write(fmt::format("/var/log/app.log.{}.gz", i), kMiB);
  disk.fill_to(0.97);
  const std::uint64_t before = disk.free_bytes();
  const Status status = run(ArgumentBuilder().text("path", "/").text("target_free", "50%"));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(status.error().message(), HasSubstr("freed 4.0 MiB of "));
  EXPECT_THAT(status.error().message(), HasSubstr("1 too young"));
  EXPECT_EQ(report.freed_bytes, disk.free_bytes() - before);
  EXPECT_EQ(report.removed_objects, 4U);
  bystanders.expect_all_there();
}

TEST_F(DiskRescueLab, OtherMountsAreLeftAlone) {
  const SmallDisk disk(64 * kMiB, 2048);
  use(disk);
  fs::create_directories(disk.path("/var/log/mounted"));
  fs::create_directories(disk.path("/var/log/bound"));
  fs::create_directories(disk.path("/tmp"));
  disk.write("/srv/a.gz", 4096);
  ASSERT_EQ(::mount("none", disk.path("/var/log/mounted").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(::mount("none", disk.path("/tmp").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(
      ::mount(disk.path("/srv").c_str(), disk.path("/var/log/bound").c_str(), nullptr, MS_BIND, nullptr), 0);
  disk.write("/var/log/mounted/a.gz", 4096);
  disk.write("/tmp/file", 4096);
  disk.write("/var/log/a.gz", 4096);
  const Status status = run(ArgumentBuilder().text("path", "/").text("target_free", "100%"));
  EXPECT_TRUE(fs::exists(disk.path("/var/log/mounted/a.gz")));
  EXPECT_TRUE(fs::exists(disk.path("/var/log/bound/a.gz")));
  EXPECT_TRUE(fs::exists(disk.path("/tmp/file")));
  EXPECT_FALSE(fs::exists(disk.path("/var/log/a.gz")));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), HasSubstr("/tmp is on another file system"));
  EXPECT_THAT(status.error().message(), HasSubstr("2 on another mount"));
  for (const char* mount : {"/var/log/mounted", "/var/log/bound", "/tmp"}) ::umount(disk.path(mount).c_str());
}

// A tmpfs has statvfs, leases and inodes of its own kind.
TEST_F(DiskRescueLab, ATmpfsIsRescuedToo) {
  const TempDir dir;
  const std::string host = dir / "host";
  fs::create_directory(host);
  ASSERT_EQ(::mount("none", host.c_str(), "tmpfs", 0, "size=16m"), 0);
  fs::create_directories(host + "/tmp");
  for (int i = 0; i < 15; ++i) std::ofstream(host + "/tmp/" + std::to_string(i)) << std::string(kMiB, 'x');
  fixture.paths = HostPaths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host});
  const Status status =
      run(ArgumentBuilder().text("path", "/tmp").text("target_free", "8MiB").text("target_free_inodes", "0"));
  EXPECT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(report.removed_objects, 7U);
  EXPECT_EQ(report.freed_bytes, 7 * kMiB);
  ::umount(host.c_str());
}

TEST_F(DiskRescueLab, AThousandRescuesUnderAnAdversaryTouchNothingOutside) {
  const SmallDisk disk(64 * kMiB, 4096);
  use(disk);
  const Bystanders bystanders(disk);
  std::uint64_t removed = 0;
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < 5; ++i) disk.write(fmt::format("/var/log/app/{}.gz", i), 4096);
    ASSERT_FALSE(run(ArgumentBuilder().text("path", "/").text("target_free", "100%")).ok());
    removed += report.removed_objects;
  }
  EXPECT_EQ(removed, 5000U);
  bystanders.expect_all_there();
}

}  // namespace
}  // namespace chiron::remediation
