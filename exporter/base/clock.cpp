#include "exporter/base/clock.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

namespace chiron {
namespace {

std::string read_boot_id() {
  const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "unknown";
  std::array<char, 64> buffer{};
  const ssize_t size = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  std::string_view text(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text.empty() ? "unknown" : std::string(text);
}

class SystemClock final : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  BootTime boot() const override {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return BootTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
  }
  const std::string& boot_id() const override { return boot_id_; }

 private:
  const std::string boot_id_ = read_boot_id();
};

}  // namespace

const Clock& system_clock() {
  // Never destroyed: a thread left behind in a hung call may look at it while the process exits.
  static const SystemClock& clock = *new SystemClock;
  return clock;
}

BootTime deadline_after(Duration timeout) { return system_clock().boot() + std::min(timeout, kLongestWait); }

std::string to_rfc3339(WallTime time) {
  const TimestampMs ms = to_ms(time);
  const std::int64_t sub = ((ms % 1000) + 1000) % 1000;
  const time_t seconds = static_cast<time_t>((ms - sub) / 1000);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, sub);
}

}  // namespace chiron
