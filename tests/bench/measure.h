#pragma once

#include "exporter/base/file.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace chiron {

/// Of this thread.
inline double cpu_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// Microseconds of CPU of each of `passes` calls; the median.
template <class Work>
double median(int passes, Work work) {
  std::vector<double> each;
  for (int i = 0; i < passes; ++i) {
    const double begin = cpu_microseconds();
    work();
    each.push_back(cpu_microseconds() - begin);
  }
  std::ranges::nth_element(each, each.begin() + passes / 2);
  return each[static_cast<std::size_t>(passes) / 2];
}

/// The same of preads of the files through kept descriptors: what no reader of them can go below. Ends the
/// program when one cannot be read.
inline double bare_reads(int passes, const std::vector<std::string>& files) {
  std::vector<FileDescriptor> open;
  for (const std::string& file : files) open.emplace_back(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 16384> buffer{};
  return median(passes, [&] {
    for (const FileDescriptor& file : open) {
      if (::pread(file.get(), buffer.data(), buffer.size(), 0) < 0) std::abort();
    }
  });
}

}  // namespace chiron
