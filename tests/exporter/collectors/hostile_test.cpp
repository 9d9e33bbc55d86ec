// Every collector over a captured machine each of whose files was damaged in one way. What each says of it is
// in tests/fixtures/hostile/faults.txt; CHIRON_UPDATE_GOLDEN=1 writes that file anew: read the difference
// before committing it.
#include "exporter/collectors/text_format.h"
#include "exporter/sampling/sampler.h"
#include "tests/support/collector_world.h"
#include "tests/support/temp_dir.h"

#include <fstream>
#include <set>
#include <sstream>

#include <re2/re2.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

namespace chiron {
namespace {

namespace fs = std::filesystem;
const fs::path kFixtures = CHIRON_SOURCE_DIR "/tests/fixtures";

/// Not of a captured machine: they ask servers, this process or the running kernel.
const std::set<std::string_view> kElsewhere = {"containers", "probes", "self", "systemd", "timex"};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// In place, as the kernel's files change: the collectors keep some open.
void write(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::string with_numbers(const fs::path& path, const char* replacement) {
  std::string text = content_of(path);
  RE2::GlobalReplace(&text, R"(\b[0-9]+\b)", replacement);
  return text;
}

/// Puts something else where a file was.
template <class Make>
void instead_of(const fs::path& path, Make make) {
  fs::remove(path);
  make(path);
}

struct Damage {
  const char* name;
  void (*inflict)(const fs::path& path);
  friend void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }
};
constexpr Damage kDamages[] = {
    {"Empty", [](const fs::path& path) { write(path, ""); }},
    {"Zeros", [](const fs::path& path) { write(path, std::string(4096, '\0')); }},
    {"Binary",
     [](const fs::path& path) {
       std::string all;
       for (int byte = 255; byte >= 0; --byte) all += static_cast<char>(byte);
       write(path, all + all);
     }},
    {"Half",
     [](const fs::path& path) {
       const std::string whole = content_of(path);
       write(path, whole.substr(0, whole.size() / 2));
     }},
    {"HugeNumbers",
     [](const fs::path& path) { write(path, with_numbers(path, "99999999999999999999999999999999")); }},
    {"LargestNumbers", [](const fs::path& path) { write(path, with_numbers(path, "18446744073709551615")); }},
    {"NegativeNumbers", [](const fs::path& path) { write(path, with_numbers(path, R"(-\0)")); }},
    {"LineOfAMebibyte", [](const fs::path& path) { write(path, std::string(1 << 20, '7')); }},
    {"ManyLines",
     [](const fs::path& path) {
       std::string lines;
       while (lines.size() < 1 << 17) lines += "x 1\n";
       write(path, lines);
     }},
    {"Directory", [](const fs::path& path) { instead_of(path, [](auto& at) { fs::create_directory(at); }); }},
    {"LinkToItself",
     [](const fs::path& path) { instead_of(path, [](auto& at) { fs::create_symlink(at, at); }); }},
    {"Fifo", [](const fs::path& path) { instead_of(path, [](auto& at) { ::mkfifo(at.c_str(), 0600); }); }},
    {"Device",
     [](const fs::path& path) { instead_of(path, [](auto& at) { fs::create_symlink("/dev/zero", at); }); }},
    {"Gone", [](const fs::path& path) { fs::remove(path); }},
};

/// A captured machine and the collectors that watch it.
class HostileHost : protected testing::CollectorWorld {
 public:
  HostileHost() {
    copy_host();
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(dir_.path())) {
      if (entry.symlink_status().type() == fs::file_type::regular) files_of_host_.push_back(entry.path());
    }
    for (const CollectorInfo& info : all_collectors()) {
      if (kElsewhere.contains(info.name)) continue;
      CollectorContext context = default_context(paths_, info);
      if (info.name == "textfile") context.options.set("directory", {dir_ / "textfile"});
      auto made = info.make(std::move(context));
      EXPECT_TRUE(made.ok()) << info.name;
      sampler_.add(std::string(info.name), *std::move(made));
    }
  }

  void inflict(const Damage& damage) const {
    for (const fs::path& path : files_of_host_) damage.inflict(path);
  }
  void restore() const {
    for (const fs::path& path : files_of_host_) {
      if (fs::symlink_status(path).type() != fs::file_type::regular) fs::remove_all(path);
    }
    copy_host();
  }
  const testing::TempDir& root() const { return dir_; }

  void pass(int times) {
    for (int i = 0; i < times; ++i) {
      sampler_.sample();
      clock_.advance(std::chrono::seconds(5));
    }
    for (const auto& status : sampler_.status()) EXPECT_NE(status.error, "no answer for two intervals");
  }

  /// What the collectors say, as "COLLECTOR: N series: ERROR".
  std::string faults() const {
    std::string all;
    for (const auto& status : sampler_.status()) {
      if (status.success) continue;
      std::string error = status.error;
      const std::string root = dir_.path().string();
      while (error.find(root) != std::string::npos) error.erase(error.find(root), root.size());
      // The kernel lists processes in no order.
      RE2::GlobalReplace(&error, "/proc/[0-9]+/", "/proc/PID/");
      all += fmt::format("{}: {} series: {}\n", status.name, status.series, error);
    }
    return all;
  }

  /// Each fault is logged when it begins, and the end of all, whatever the passes in between.
  void expect_logged_once() const {
    for (const auto& status : sampler_.status()) {
      const std::vector<std::string> lines = log_.lines();
      std::set<std::string> faults;
      for (const std::string& line : lines) {
        const bool is_fault = line.starts_with("warning collector failed collector=" + status.name + ' ');
        EXPECT_TRUE(!is_fault || faults.insert(line).second) << line;
      }
      const auto recoveries =
          std::count(lines.begin(), lines.end(), "info collector recovered collector=" + status.name);
      EXPECT_EQ(recoveries, status.success && !faults.empty() ? 1 : 0) << status.name;
      EXPECT_TRUE(status.success || !faults.empty()) << status.name << ": " << status.error;
    }
  }

  /// The page but for what time changes. It must be one that scrapers take.
  std::string page() const {
    const std::string& text = sampler_.page()->body(PageFormat::text);
    const auto families = parse_text_format(text, "the page");
    EXPECT_TRUE(families.ok()) << families.error().to_string();
    std::istringstream in(text);
    std::string kept, line;
    // The mounts of the captured machine are asked for, and are directories of this one.
    const RE2 moving(
        "(# [A-Z]+ "
        ")?(chiron_|node_scrape_collector_duration|node_time_|node_textfile_mtime|node_filesystem_).*");
    while (std::getline(in, line)) {
      if (!RE2::FullMatch(line, moving)) kept += line + '\n';
    }
    return kept;
  }

 private:
  void copy_host() const {
    for (const char* tree : {"vm", "bare_metal"}) {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kFixtures / tree)) {
        const fs::path to = dir_.path() / entry.path().lexically_relative(kFixtures / tree);
        if (entry.is_symlink()) {
          std::error_code exists;
          fs::copy_symlink(entry.path(), to, exists);
        } else if (entry.is_directory()) {
          fs::create_directories(to);
        } else {
          write(to, content_of(entry.path()));
        }
      }
    }
  }

  testing::TempDir dir_;
  HostPaths paths_{{.procfs = dir_ / "proc", .sysfs = dir_ / "sys", .rootfs = dir_ / "root"}};
  std::vector<fs::path> files_of_host_;
  Store store_{catalogue_, {}};
  SelfMetrics metrics_{catalogue_};
  // Nobody is late: a pass waits for every collector.
  Sampler sampler_{catalogue_, store_, metrics_, clock_, log_, {.grace = std::chrono::minutes(1)}};
};

class Hostile : public ::testing::TestWithParam<Damage> {};

TEST_P(Hostile, EachFaultIsToldOnceAndCounted) {
  HostileHost host;
  host.inflict(GetParam());
  host.pass(3);
  host.expect_logged_once();
  host.page();
  const fs::path golden = kFixtures / "hostile" / (std::string(GetParam().name) + ".txt");
  if (std::getenv("CHIRON_UPDATE_GOLDEN") != nullptr) write(golden, host.faults());
  EXPECT_EQ(host.faults(), content_of(golden));
}

TEST_P(Hostile, WhatIsDamagedWhileItIsWatchedHeals) {
  HostileHost host;
  host.pass(2);
  EXPECT_EQ(host.faults(), "");
  const std::string healthy = host.page();
  host.inflict(GetParam());
  host.pass(3);
  host.expect_logged_once();
  host.page();
  host.restore();
  // Devices are looked for again within a minute.
  host.pass(13);
  EXPECT_EQ(host.faults(), "");
  host.expect_logged_once();
  EXPECT_EQ(host.page(), healthy);
}

INSTANTIATE_TEST_SUITE_P(Damage, Hostile, ::testing::ValuesIn(kDamages),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(HostileNames, DevicesMayHaveAny) {
  HostileHost host;
  for (const char* directory :
       {"class/hwmon", "class/net", "class/nvme", "class/power_supply", "class/powercap", "class/thermal",
        "class/watchdog", "fs/btrfs", "fs/xfs", "block"}) {
    const fs::path parent = fs::path(host.root() / "sys") / directory;
    std::vector<fs::path> devices(fs::directory_iterator(parent), fs::directory_iterator{});
    ASSERT_FALSE(devices.empty()) << directory;
    for (const std::string name : {"\xff\xfe-", "a\n-\"b\\", "thermal_zone\xff", "intel-rapl:\xff"})
      fs::create_directory_symlink(devices.front().filename(), parent / name);
    fs::create_directory_symlink(devices.front().filename(), parent / std::string(255, 'x'));
  }
  host.pass(2);
  EXPECT_NE(host.page().find("\xef\xbf\xbd"), std::string::npos);
  host.expect_logged_once();
}

}  // namespace
}  // namespace chiron
