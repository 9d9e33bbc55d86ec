// What reading the kernel files of another process costs by itself: those below /proc and /sys that PID keeps
// open, each through a descriptor of its own, with as few pread(2) calls as give the whole content. One pass
// every INTERVAL_MS, so that caches are as cold as for a program that does the same. Prints the number of
// files and the CPU of a pass in us.
//
// Usage: chiron_kernel_files PID INTERVAL_MS SECONDS

#include "exporter/base/file.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace {

struct File {
  chiron::FileDescriptor fd;
  std::vector<off_t> offsets;  // where each read that gives something begins
};

std::array<char, 16 << 10> buffer;

std::vector<File> files_of(const std::string& pid) {
  std::vector<File> files;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + pid + "/fd")) {
    std::error_code gone;
    const std::string path = std::filesystem::read_symlink(entry.path(), gone).native();
    if (!path.starts_with("/proc/") && !path.starts_with("/sys/")) continue;
    File file{chiron::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), {}};
    if (!file.fd) continue;
    off_t at = 0;
    for (ssize_t size = 0; (size = ::pread(file.fd.get(), buffer.data(), buffer.size(), at)) > 0; at += size)
      file.offsets.push_back(at);
    if (!file.offsets.empty()) files.push_back(std::move(file));
  }
  return files;
}

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void read_all(const std::vector<File>& files) {
  for (const File& file : files) {
    for (const off_t at : file.offsets)
      static_cast<void>(!::pread(file.fd.get(), buffer.data(), buffer.size(), at));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s PID INTERVAL_MS SECONDS\n", argv[0]);
    return 2;
  }
  const std::vector<File> files = files_of(argv[1]);
  const long interval_ms = std::atol(argv[2]);
  const long passes = std::atol(argv[3]) * 1000 / interval_ms;
  const timespec interval{interval_ms / 1000, interval_ms % 1000 * 1'000'000};
  const double begin = cpu_us();
  for (long pass = 0; pass < passes; ++pass) {
    ::nanosleep(&interval, nullptr);
    read_all(files);
  }
  std::printf("%zu %.1f\n", files.size(), (cpu_us() - begin) / static_cast<double>(passes));
  return 0;
}
