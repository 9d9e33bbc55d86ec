// A real mount that never answers: a FUSE file system whose server reads no request.
#include "exporter/base/file.h"
#include "exporter/collectors/filesystem.h"
#include "exporter/sampling/sampler.h"
#include "tests/exporter/collectors/host_fixture.h"

#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

namespace chiron {
namespace {

using testing::HostFixture;

class FilesystemFuse : public HostFixture {
 protected:
  /// Mounts at `path`, in a mount namespace of the calling thread alone (and of the threads it starts).
  static bool mount_dead(const std::string& path, FileDescriptor& server) {
    if (::unshare(CLONE_NEWNS) != 0) return false;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    server.reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    const std::string options = "fd=" + std::to_string(server.get()) + ",rootmode=40000,user_id=0,group_id=0";
    return server && ::mount("dead", path.c_str(), "fuse", 0, options.c_str()) == 0;
  }
  bool collects_at_last(std::string_view line) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      if (collect().ok() && has(line)) return true;
    }
    return false;
  }
  static std::size_t count(const char* directory) { return list_directory(directory).value_or({}).size(); }

  void hang_for_a_thousand_passes() {
    root("dead/.keep", "");
    FileDescriptor server;
    if (!mount_dead(paths_.root("/dead"), server)) {
      skipped_ = true;
      return;
    }
    proc("1/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:99 / /dead rw - fuse.dead dead rw\n");
    make("filesystem");
    ASSERT_TRUE(collect().ok());
    clock_.advance(std::chrono::seconds(5));
    ASSERT_TRUE(collect().ok());
    const std::string failed = R"(node_filesystem_device_error{device="dead",device_error=")";
    const std::string of_dead = R"(",fstype="fuse.dead",mountpoint="/dead"} 1)";
    EXPECT_TRUE(has(failed + "mountpoint timeout" + of_dead)) << ::testing::PrintToString(lines());
    const std::size_t threads = count("/proc/self/task");
    const std::size_t descriptors = count("/proc/self/fd");
    for (int pass = 0; pass < 1000; ++pass) {
      ASSERT_TRUE(collect().ok());
      ASSERT_EQ(frame_.entries().size(), 10u);
      clock_.advance(std::chrono::seconds(5));
    }
    EXPECT_EQ(count("/proc/self/task"), threads);
    EXPECT_EQ(count("/proc/self/fd"), descriptors);

    server.reset();  // the kernel answers for the server that is gone
    EXPECT_TRUE(collects_at_last(failed + "transport endpoint is not connected" + of_dead));
    ::umount2(paths_.root("/dead").c_str(), MNT_DETACH);
    EXPECT_TRUE(collects_at_last(
        R"(node_filesystem_device_error{device="dead",fstype="fuse.dead",mountpoint="/dead"} 0)"));
  }

  void sample_with_a_dead_textfile_directory() {
    root("dead/.keep", "");
    FileDescriptor server;
    if (!mount_dead(paths_.root("/dead"), server)) {
      skipped_ = true;
      return;
    }
    option("directory", {paths_.root("/dead")});
    make("textfile");
    Store store(catalogue_, {});
    SelfMetrics metrics(catalogue_);
    Sampler sampler(catalogue_, store, metrics, clock_, log_, {.grace = std::chrono::milliseconds(10)});
    sampler.add("textfile", std::move(collector_));
    for (int pass = 0; pass < 3; ++pass) {
      sampler.sample();
      clock_.advance(std::chrono::seconds(10));
    }
    EXPECT_EQ(log_.count("collector hangs collector=textfile"), 1u);
    server.reset();
    // The directory answers with an error now, which ends the wait of the thread that this object owns.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!(sampler.page()->body(PageFormat::text).find("node_textfile_scrape_error 1\n") !=
             std::string::npos) &&
           std::chrono::steady_clock::now() < deadline) {
      sampler.sample();
    }
    EXPECT_TRUE(
        (sampler.page()->body(PageFormat::text).find("node_textfile_scrape_error 1\n") != std::string::npos));
    ::umount2(paths_.root("/dead").c_str(), MNT_DETACH);
  }

  bool skipped_ = false;
};

TEST_F(FilesystemFuse, ATextfileDirectoryThatHangsHoldsUpNoPass) {
  std::thread([this] { sample_with_a_dead_textfile_directory(); }).join();
  if (skipped_) GTEST_SKIP() << "needs root, a mount namespace and FUSE";
}

TEST_F(FilesystemFuse, AMountThatHangsInTheKernelCostsOneThreadAndNothingElse) {
  std::thread([this] { hang_for_a_thousand_passes(); }).join();
  if (skipped_) GTEST_SKIP() << "needs root, a mount namespace and FUSE";
}

}  // namespace
}  // namespace chiron
