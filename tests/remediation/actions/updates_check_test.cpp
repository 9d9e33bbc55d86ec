#include "remediation/actions/updates_check.h"

#include "tests/support/action_fixture.h"
#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::TempDir;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(AptOutput, UpgradesAreReadAndNewPackagesAreNone) {
  const Result<AptSimulation> parsed = parse_apt_simulation(R"(Reading package lists...
The following packages have been kept back:
  held
2 upgraded, 1 newly installed, 0 to remove and 1 not upgraded.
Inst base-files [12.4+deb12u11] (12.4+deb12u15 Debian:12.15/oldstable [amd64])
Inst linux-image-new (6.1.9 Debian-Security:12/stable-security [amd64])
Inst python3-jwt [2.6.0-1] (2.6.0-1+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [all]) []
Conf base-files (12.4+deb12u15 Debian:12.15/oldstable [amd64])
)");
  ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
  ASSERT_EQ(parsed->upgrades.size(), 2U);
  EXPECT_EQ(parsed->kept_back, 1U);
  const AptUpgrade& base = parsed->upgrades[0];
  EXPECT_EQ(base.package + ' ' + base.from + ' ' + base.to + ' ' + base.architecture,
            "base-files 12.4+deb12u11 12.4+deb12u15 amd64");
  EXPECT_EQ(base.origins, "Debian:12.15/oldstable");
  EXPECT_FALSE(base.is_security());
  EXPECT_TRUE(parsed->upgrades[1].is_security());
  EXPECT_EQ(parsed->upgrades[1].origins, "Debian:12.15/oldstable, Debian-Security:12/oldstable-security");
}

TEST(AptOutput, WhatDoesNotFollowTheFormIsNoNumber) {
  EXPECT_EQ(parse_apt_simulation("").error().code(), ErrorCode::corrupt);
  EXPECT_EQ(parse_apt_simulation("Reading package lists...\n").error().code(), ErrorCode::corrupt);
  for (const char* line : {"Inst", "Inst ", "Inst a", "Inst a [1] (2", "Inst a [1] (2 x [all]", "Inst a ])(",
                           "Inst a [1] ([all])x"}) {
    const std::string text =
        std::string(line) + "\n1 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n";
    const Result<AptSimulation> parsed = parse_apt_simulation(text);
    EXPECT_TRUE(!parsed.ok() || parsed->upgrades.empty()) << line;
  }
}

class KeepingFindings final : public Findings {
 public:
  void publish(std::string_view action, const std::vector<Finding>& findings) override {
    published = std::string(action);
    for (const Finding& one : findings) {
      series[std::string(one.name) + one.labels.to_string()] = one.value;
    }
  }
  std::string published;
  std::map<std::string, double> series;
};

/// A root of its own with packages that are installed, and repositories of files with newer ones.
class AptRoot {
 public:
  AptRoot() {
    for (const char* path :
         {"etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d",
          "var/lib/apt/lists/partial", "var/lib/dpkg", "var/cache/apt/archives/partial", "run"})
      fs::create_directories(root() + '/' + path);
    write("/var/lib/dpkg/status", "");
    write("/etc/apt/sources.list", "");
  }
  std::string root() const { return dir_ / "root"; }
  void write(const std::string& path, const std::string& text) {
    std::ofstream(root() + path, std::ios::app) << text;
  }
  void install(const std::string& package, const std::string& version, const char* wanted = "install") {
    write(
        "/var/lib/dpkg/status",
        fmt::format("Package: {}\nStatus: {} ok installed\nMaintainer: Lab <lab@example.org>\nArchitecture: "
                    "all\nVersion: {}\nDescription: one of the test's\n\n",
                    package, wanted, version));
  }
  void offer(const std::string& label, const std::string& package, const std::string& version) {
    const std::string repository = dir_ / label;
    if (!fs::exists(repository)) {
      fs::create_directories(repository);
      std::ofstream(repository + "/Release") << fmt::format("Origin: Lab\nLabel: {}\nSuite: stable\n", label);
      write("/etc/apt/sources.list", fmt::format("deb [trusted=yes] file:{} ./\n", repository));
    }
    std::ofstream(repository + "/Packages", std::ios::app) << fmt::format(
        "Package: {0}\nVersion: {1}\nMaintainer: Lab <lab@example.org>\nArchitecture: "
        "all\nFilename: ./{0}.deb\nSize: 1\nSHA256: {2:064}\nDescription: one of the test's\n\n",
        package, version, 1);
  }
  std::set<std::string> files() const {
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      struct stat info {};
      ::lstat(entry.path().c_str(), &info);
      found.insert(fmt::format("{} {}.{}", entry.path().string(), info.st_mtim.tv_sec, info.st_mtim.tv_nsec));
    }
    return found;
  }

 private:
  TempDir dir_;
};

struct UpdatesCheckTest : ::testing::Test {
  void SetUp() override {
    if (::access("/usr/bin/apt-get", X_OK) != 0) GTEST_SKIP() << "no apt-get here";
  }
  Status run(bool refresh, UpdatesCheck action = UpdatesCheck(), Duration within = seconds(60)) {
    const HostPaths paths({.rootfs = apt.root()});
    if (Status good = ArgumentBuilder().text("refresh", refresh ? "true" : "false").fill(action); !good)
      return good;
    ActionContext context = fixture.context(within);
    ActionContext here{.paths = paths,
                       .clock = context.clock,
                       .log = context.log,
                       .isolation = context.isolation,
                       .cancel = context.cancel,
                       .deadline = context.deadline,
                       .deletion = context.deletion,
                       .bus = {},
                       .watched_services = context.watched_services,
                       .run_id = context.run_id,
                       .findings = &findings};
    report = {};
    findings.series.clear();
    return action.run(here, report);
  }
  std::string script(const std::string& text) {
    const std::string path = scripts.write("apt-get", "#!/bin/sh\n" + text + "\n");
    ::chmod(path.c_str(), 0755);
    return path;
  }
  AptRoot apt;
  TempDir scripts;
  ActionFixture fixture;
  KeepingFindings findings;
  Report report;
};

TEST_F(UpdatesCheckTest, RealAptCountsWhatWaits) {
  apt.install("tool", "1.0");
  apt.install("library", "1.0");
  apt.install("current", "1.0");
  apt.install("held", "1.0", "hold");
  apt.offer("Lab", "library", "1.1");
  apt.offer("Lab", "current", "1.0");
  apt.offer("Lab", "held", "2.0");
  apt.offer("Lab-Security", "tool", "1.0.1");
  const Status status = run(true);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_THAT(report.summary, HasSubstr("2 updates wait, 1 of them security updates, 1 are kept back"));
  EXPECT_EQ(findings.published, "updates.check");
  double pending = 0, security = 0;
  for (const auto& [series, value] : findings.series) {
    if (!series.starts_with("apt_upgrades_pending")) continue;
    pending += value;
    if (series.find("Lab-Security") != std::string::npos) security += value;
  }
  EXPECT_EQ(pending, 2);
  EXPECT_EQ(security, 1);
  EXPECT_EQ(findings.series.at("node_reboot_required{}"), 0);
  EXPECT_NEAR(findings.series.at("apt_package_cache_timestamp_seconds{}"),
              static_cast<double>(to_ms(system_clock().wall())) / 1000, 120);

  // Looking again changes nothing on the disk.
  const std::set<std::string> before = apt.files();
  ASSERT_TRUE(run(false).ok());
  EXPECT_EQ(apt.files(), before);
}

TEST_F(UpdatesCheckTest, ARebootThatIsAskedForIsTold) {
  apt.write("/run/reboot-required", "*** System restart required ***\n");
  apt.write("/run/reboot-required.pkgs", "linux-image\nlibc6\nlinux-image\n");
  const Status status = run(false);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_THAT(report.summary, HasSubstr("0 updates wait"));
  EXPECT_THAT(report.summary, HasSubstr("a reboot is required by libc6, linux-image"));
  EXPECT_EQ(findings.series.at("node_reboot_required{}"), 1);
}

TEST_F(UpdatesCheckTest, ASourceThatIsGoneFailsARefreshAndPublishesNothing) {
  apt.write("/etc/apt/sources.list", "deb [trusted=yes] file:/nonexistent/repository ./\n");
  const Status status = run(true);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(status.error().to_string(), HasSubstr("the package lists could not be fetched"));
  EXPECT_TRUE(findings.series.empty());
}

TEST_F(UpdatesCheckTest, AHostWithoutAptIsToldHowToSkip) {
  const Status status = run(false, UpdatesCheck("/nonexistent/apt-get"));
  EXPECT_EQ(status.error().code(), ErrorCode::not_supported);
  EXPECT_THAT(status.error().to_string(), HasSubstr("needs: [/nonexistent/apt-get]"));
}

TEST_F(UpdatesCheckTest, AptThatRefusesHangsOrDies) {
  const Status refused = run(false, UpdatesCheck(script("echo 'W: odd' >&2; echo 'E: no' >&2; exit 100")));
  EXPECT_THAT(refused.error().to_string(), HasSubstr("ended with exit code 100: E: no"));
  const Status hung = run(false, UpdatesCheck(script("exec sleep 600")), std::chrono::milliseconds(500));
  EXPECT_EQ(hung.error().code(), ErrorCode::timed_out);
  const Status killed = run(false, UpdatesCheck(script("kill -9 $$")));
  EXPECT_THAT(killed.error().to_string(), HasSubstr("ended by signal 9"));
  const Status silent = run(false, UpdatesCheck(script("echo Reading...")));
  EXPECT_EQ(silent.error().code(), ErrorCode::corrupt);
  EXPECT_TRUE(findings.series.empty());
}

TEST_F(UpdatesCheckTest, ACancellationEndsIt) {
  std::thread canceller([this] { fixture.cancel.cancel(); });
  const Status status = run(false, UpdatesCheck(script("exec sleep 600")));
  canceller.join();
  EXPECT_EQ(status.error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace chiron::remediation
