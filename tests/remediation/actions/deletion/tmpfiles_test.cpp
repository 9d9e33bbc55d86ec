#include "remediation/actions/deletion/tmpfiles.h"

#include "remediation/actions/deletion/guard.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using chiron::testing::TempDir;

TmpfilesExclusions parse(std::string_view text) {
  TmpfilesExclusions exclusions;
  parse_tmpfiles(text, "11112222-3333", exclusions);
  return exclusions;
}

TEST(Tmpfiles, SmallXIsATreeAndLargeXOnePath) {
  const TmpfilesExclusions exclusions = parse(
      "# a comment\n"
      "\n"
      "d /tmp 1777 root root 10d\n"
      "x /tmp/keep*\n"
      "X! /var/tmp/one - - - -\n"
      "R /tmp/gone\n"
      "xx /tmp/nonsense\n");
  EXPECT_TRUE(exclusions.excludes("/tmp/keep1/deep/file"));
  EXPECT_TRUE(exclusions.excludes("/tmp/keep"));
  EXPECT_TRUE(exclusions.excludes("/var/tmp/one"));
  EXPECT_FALSE(exclusions.excludes("/var/tmp/one/below"));
  EXPECT_FALSE(exclusions.excludes("/tmp/gone"));
  EXPECT_FALSE(exclusions.excludes("/tmp/nonsense"));
  EXPECT_FALSE(exclusions.excludes("/tmp/other"));
}

TEST(Tmpfiles, SpecifiersQuotesAndEscapes) {
  const TmpfilesExclusions exclusions = parse(
      "x /tmp/systemd-private-%b-*\n"
      "x \"/tmp/with space\"\n"
      "x '/tmp/single quote'\n"
      "x /tmp/tab\\x09x\n"
      "x /tmp/octal\\101\n"
      "x /tmp/100%%\n"
      "x /tmp/%H-cache\n"
      "x %V/v\n"
      "x /tmp/two**stars\n"
      "x \t /tmp/blanks \t - -");
  EXPECT_TRUE(exclusions.excludes("/tmp/systemd-private-111122223333-nginx.service-x/tmp/f"));
  EXPECT_FALSE(exclusions.excludes("/tmp/systemd-private-99-nginx.service-x/tmp/f"));
  EXPECT_TRUE(exclusions.excludes("/tmp/with space/x"));
  EXPECT_TRUE(exclusions.excludes("/tmp/single quote"));
  EXPECT_TRUE(exclusions.excludes("/tmp/tab\tx"));
  EXPECT_TRUE(exclusions.excludes("/tmp/octalA"));
  EXPECT_TRUE(exclusions.excludes("/tmp/100%"));
  EXPECT_TRUE(exclusions.excludes("/tmp/any-host-cache"));
  EXPECT_TRUE(exclusions.excludes("/var/tmp/v"));
  EXPECT_TRUE(exclusions.excludes("/tmp/two-and-stars"));
  EXPECT_TRUE(exclusions.excludes("/tmp/blanks"));
}

TEST(Tmpfiles, NonsenseIsPassedOver) {
  const TmpfilesExclusions exclusions =
      parse("x\nx relative\nx /a/../b\nx \"/unclosed\nX \\\n\x01\x02\nx /good %");
  EXPECT_TRUE(exclusions.excludes("/good"));
  EXPECT_FALSE(exclusions.excludes("/a"));
}

TEST(Tmpfiles, AFileOfTheSameNameReplacesThoseAfterIt) {
  const TempDir host;
  host.write("usr/lib/tmpfiles.d/a.conf", "x /tmp/from-usr\n");
  host.write("usr/lib/tmpfiles.d/b.conf", "x /tmp/b-from-usr\n");
  host.write("usr/lib/tmpfiles.d/masked.conf", "x /tmp/masked\n");
  host.write("usr/lib/tmpfiles.d/not-conf.txt", "x /tmp/text\n");
  host.write("run/tmpfiles.d/b.conf", "x /tmp/b-from-run\n");
  host.write("etc/tmpfiles.d/a.conf", "x /tmp/from-etc\n");
  std::filesystem::create_symlink("/dev/null", host / "etc/tmpfiles.d/masked.conf");
  const HostPaths paths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()});
  const Result<TmpfilesExclusions> loaded = load_tmpfiles(paths, "b");
  ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
  EXPECT_TRUE(loaded->excludes("/tmp/from-etc"));
  EXPECT_TRUE(loaded->excludes("/tmp/b-from-run"));
  EXPECT_FALSE(loaded->excludes("/tmp/from-usr"));
  EXPECT_FALSE(loaded->excludes("/tmp/b-from-usr"));
  EXPECT_FALSE(loaded->excludes("/tmp/masked"));
  EXPECT_FALSE(loaded->excludes("/tmp/text"));
}

TEST(Tmpfiles, WhatCannotBeReadIsAnError) {
  const TempDir host;
  host.write("etc/tmpfiles.d/large.conf", std::string((1 << 20) + 1, '#'));
  const HostPaths paths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()});
  EXPECT_FALSE(load_tmpfiles(paths, "b").ok());
}

TEST(Guard, ProtectsWhatIsListedAndWhatIsBuiltIn) {
  const TempDir host;
  const HostPaths paths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()});
  const DeletionPolicy policy{.roots = {}, .protect = {"/var/log/audit/**", "/var/log/*.keep"}};
  const Result<Guard> guard = Guard::load(paths, policy, "ab-cd");
  ASSERT_TRUE(guard.ok()) << guard.error().to_string();
  EXPECT_TRUE(guard->keeps_tree("/var/log/audit"));
  EXPECT_TRUE(guard->keeps("/var/log/audit/x.gz"));
  EXPECT_TRUE(guard->keeps("/var/log/a.keep"));
  EXPECT_FALSE(guard->keeps("/var/log/a.gz"));
  EXPECT_TRUE(guard->keeps("/tmp/systemd-private-abcd-x.service-1/tmp/f"));
  EXPECT_FALSE(guard->keeps("/tmp/systemd-private-0000-x.service-1/tmp/f"));
  EXPECT_TRUE(guard->keeps("/tmp/.X0-lock"));
  EXPECT_TRUE(guard->keeps_tree("/var/tmp/lost+found"));
}

TEST(Guard, ABadProtectListForbidsEverything) {
  const DeletionPolicy policy{.roots = {}, .protect = {"/var/log/**.gz"}};
  const Result<Guard> guard = Guard::load(HostPaths(), policy, "b");
  ASSERT_FALSE(guard.ok());
  EXPECT_THAT(guard.error().to_string(), ::testing::HasSubstr("deletion.protect"));
}

TEST(Roots, AreCleanedAndTheInnermostWins) {
  const Result<std::vector<std::string>> roots =
      clean_roots({.roots = {"/srv/", "/srv//cache"}, .protect = {}});
  ASSERT_TRUE(roots.ok());
  EXPECT_EQ(*root_of(*roots, "/srv/cache/x"), "/srv/cache");
  EXPECT_EQ(*root_of(*roots, "/srv/other"), "/srv");
  EXPECT_EQ(root_of(*roots, "/srv2"), nullptr);
  EXPECT_FALSE(clean_roots({.roots = {"/"}, .protect = {}}).ok());
  EXPECT_FALSE(clean_roots({.roots = {"var"}, .protect = {}}).ok());
  EXPECT_FALSE(clean_roots({.roots = {"/var/../etc"}, .protect = {}}).ok());
}

}  // namespace
}  // namespace chiron::remediation
