#pragma once

#include "remediation/actions/logs_rotate.h"
#include "tests/support/action_fixture.h"
#include "tests/support/shifted_clock.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

namespace chiron::remediation {

using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::ShiftedClock;
using chiron::testing::TempDir;

inline std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string unpack(const std::string& path) {
  const gzFile file = ::gzopen(path.c_str(), "rb");
  std::string text, piece(1 << 16, '\0');
  int count = 0;
  while (file != nullptr && (count = ::gzread(file, piece.data(), static_cast<unsigned>(piece.size()))) > 0)
    text.append(piece, 0, static_cast<std::size_t>(count));
  if (file != nullptr) ::gzclose(file);
  return text;
}

/// A host in a temporary directory, thirty days after its files were made.
struct LogsRotateTest : ::testing::Test {
  LogsRotateTest() {
    fixture.paths = HostPaths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()});
  }
  static ArgumentBuilder logs() {
    return ArgumentBuilder()
        .list("globs", {"/var/log/**/*.log"})
        .text("max_size", "1KB")
        .text("delete_after", "60d");
  }
  Status run(const ArgumentBuilder& arguments) {
    LogsRotate action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context();
    report = {};
    return action.run(context, report);
  }
  std::vector<std::string> names(std::string_view directory = "var/log") const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(host / directory))
      found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  }
  void age(std::string_view path, int days) const {
    const auto then = clock.wall().time_since_epoch() - std::chrono::hours(24 * days);
    const timespec times[2] = {{std::chrono::duration_cast<std::chrono::seconds>(then).count(), 0},
                               {std::chrono::duration_cast<std::chrono::seconds>(then).count(), 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (host / path).c_str(), times, 0), 0);
  }
  bool exists(std::string_view path) const { return std::filesystem::exists(host / path); }
  std::string fact(std::string_view key) const {
    for (const auto& [name, value] : report.facts) {
      if (name == key) return value;
    }
    return "";
  }

  TempDir host;
  ShiftedClock clock{std::chrono::hours(24 * 30)};
  ActionFixture fixture{clock};
  Report report;
};

}  // namespace chiron::remediation
