#include "remediation/actions/deletion/path_glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using Hidden = PathGlob::Hidden;
using ::testing::HasSubstr;

PathGlob glob(std::string_view pattern, Hidden hidden = Hidden::matched) {
  Result<PathGlob> compiled = PathGlob::compile(pattern, hidden);
  EXPECT_TRUE(compiled.ok()) << pattern;
  return compiled.ok() ? *std::move(compiled) : PathGlob::literal("/");
}

struct Case {
  std::string_view pattern, path;
  bool matches;
};

TEST(PathGlob, MatchesAsWritten) {
  static constexpr Case kCases[] = {
      {"/a/b", "/a/b", true},
      {"/a/b", "/a/b/c", false},
      {"/a/b", "/a", false},
      {"/a/*", "/a/b", true},
      {"/a/*", "/a/b/c", false},
      {"/a/*", "/a", false},
      {"/a/**", "/a/b/c/d", true},
      {"/a/**", "/a", true},
      {"/a/**", "/ab", false},
      {"/a/**/z", "/a/z", true},
      {"/a/**/z", "/a/b/c/z", true},
      {"/a/**/z", "/a/b/c/zz", false},
      {"/a/**/m/**/z", "/a/m/x/m/y/z", true},
      {"/**", "/anything/at/all", true},
      {"/a/*.log", "/a/x.log", true},
      {"/a/*.log", "/a/x.log.1", false},
      {"/a/*.*.gz", "/a/x.1.gz", true},
      {"/a/*a*b*c", "/a/xxaxxbxxc", true},
      {"/a/*a*b*c", "/a/xxaxxbxx", false},
      {"/a/?", "/a/x", true},
      {"/a/?", "/a/xy", false},
      {"/a/[abc]", "/a/b", true},
      {"/a/[a-c]x", "/a/dx", false},
      {"/a/[!a-c]", "/a/d", true},
      {"/a/[^a-c]", "/a/b", false},
      {"/a/[]]", "/a/]", true},
      {"/a/[a-]", "/a/-", true},
      {"/a/[\\]x]", "/a/]", true},
      {"/a/[", "/a/[", true},
      {"/a/[ab", "/a/[ab", true},
      {"/a/\\*", "/a/*", true},
      {"/a/\\*", "/a/b", false},
      {"/a/x\\", "/a/x\\", true},
      {"/a//b/", "/a/b", true},
      {"/a/[\xff]", "/a/\xff", true},
      {"/a/*-[12][0-9][0-9][0-9]*", "/a/app-2026.log", true},
  };
  for (const Case& test : kCases) {
    EXPECT_EQ(glob(test.pattern).matches(test.path), test.matches) << test.pattern << " on " << test.path;
  }
}

TEST(PathGlob, HiddenNamesMustBeWrittenOutWhenAsked) {
  EXPECT_TRUE(glob("/a/*").matches("/a/.x"));
  EXPECT_TRUE(glob("/a/**/x").matches("/a/.b/x"));
  EXPECT_FALSE(glob("/a/*", Hidden::explicit_).matches("/a/.x"));
  EXPECT_FALSE(glob("/a/?x", Hidden::explicit_).matches("/a/.x"));
  EXPECT_FALSE(glob("/a/[.]x", Hidden::explicit_).matches("/a/.x"));
  EXPECT_FALSE(glob("/a/**/x", Hidden::explicit_).matches("/a/.b/x"));
  EXPECT_TRUE(glob("/a/.*", Hidden::explicit_).matches("/a/.x"));
  EXPECT_TRUE(glob("/a/.x", Hidden::explicit_).matches("/a/.x"));
  EXPECT_TRUE(glob("/a/x.*", Hidden::explicit_).matches("/a/x.y"));
}

TEST(PathGlob, CoversWhatIsBelow) {
  EXPECT_TRUE(glob("/var/log/audit").covers("/var/log/audit/a/b"));
  EXPECT_TRUE(glob("/var/log/audit/**").covers("/var/log/audit/a"));
  EXPECT_TRUE(glob("/var/log/*.keep").covers("/var/log/x.keep/y/z"));
  EXPECT_FALSE(glob("/var/log/audit").covers("/var/log/audit2/a"));
  EXPECT_FALSE(glob("/var/log/audit/x").covers("/var/log/audit"));
  EXPECT_TRUE(glob("/").covers("/etc"));
}

TEST(PathGlob, KnowsWhereItCannotMatch) {
  EXPECT_TRUE(glob("/a/*/c").may_match_below("/a"));
  EXPECT_TRUE(glob("/a/*/c").may_match_below("/a/b"));
  EXPECT_FALSE(glob("/a/*/c").may_match_below("/a/b/c"));
  EXPECT_FALSE(glob("/a/*/c").may_match_below("/b"));
  EXPECT_FALSE(glob("/a/*").may_match_below("/a/b"));
  EXPECT_TRUE(glob("/a/**").may_match_below("/a/b/c/d"));
  EXPECT_TRUE(glob("/a/**/z").may_match_below("/a/b"));
}

TEST(PathGlob, BaseIsTheLastPlainDirectory) {
  EXPECT_EQ(glob("/srv/app/*.tmp").base(), "/srv/app");
  EXPECT_EQ(glob("/srv/*/cache/x").base(), "/srv");
  EXPECT_EQ(glob("/srv/app/file").base(), "/srv/app");
  EXPECT_EQ(glob("/*/x").base(), "/");
  EXPECT_EQ(PathGlob::literal("/srv/a*b/c").base(), "/srv/a*b");
  EXPECT_FALSE(PathGlob::literal("/srv/a*b").matches("/srv/axb"));
}

TEST(PathGlob, RefusesWhatIsUnclearOrLeadsAway) {
  for (const std::string_view bad : {"", "a/b", "/a/../b", "/a/./b", "/a/**.gz", "/a/x**", "/a/***"}) {
    EXPECT_FALSE(PathGlob::compile(bad, Hidden::matched).ok()) << bad;
  }
  EXPECT_FALSE(PathGlob::compile(std::string_view("/a\0b", 4), Hidden::matched).ok());
  EXPECT_THAT(PathGlob::compile("/a/**.gz", Hidden::matched).error().message(), HasSubstr("/dir/**/*.log"));
}

TEST(PathGlob, HostilePatternsTakeNoTime) {
  std::string pattern = "/", path = "/";
  for (int i = 0; i < 50; ++i) pattern += "**/*a*a*a*a*a*b/";
  for (int i = 0; i < 50; ++i) path += std::string(60, 'a') + "/";
  EXPECT_FALSE(glob(pattern).matches(path));
  EXPECT_FALSE(glob("/" + std::string("*a*a*a*a*a*a*a*a*a*a*a*a*b")).matches("/" + std::string(5000, 'a')));
}

TEST(CleanAbsolutePath, TakesSlashesAwayAndRefusesDots) {
  EXPECT_EQ(*clean_absolute_path("//a///b/"), "/a/b");
  EXPECT_EQ(*clean_absolute_path("/"), "/");
  EXPECT_FALSE(clean_absolute_path("../../etc").ok());
  EXPECT_FALSE(clean_absolute_path("/a/../../etc").ok());
  EXPECT_FALSE(clean_absolute_path("/a/.").ok());
  EXPECT_TRUE(clean_absolute_path("/a/..b").ok());
}

TEST(Braces, AreRefusedWhereAShellWouldTakeThemForAlternatives) {
  for (const char* pattern : {"/srv/{a,b}", "/srv/{a,b}/*.log", "/{srv/a,var/b}/x", "/srv/{x}{a,b}"})
    EXPECT_FALSE(check_no_braces(pattern)) << pattern;
  for (const char* pattern : {"/srv/{a}", "/srv/\\{a,b}", "/srv/a,b}", "/srv/{a,b", "/srv/*", "/srv/\\"})
    EXPECT_TRUE(check_no_braces(pattern)) << pattern;
}

TEST(IsWithin, NeedsAWholeComponent) {
  EXPECT_TRUE(is_within("/var/log", "/var/log"));
  EXPECT_TRUE(is_within("/var/log/x", "/var/log"));
  EXPECT_FALSE(is_within("/var/log2", "/var/log"));
  EXPECT_FALSE(is_within("/var", "/var/log"));
  EXPECT_TRUE(is_within("/x", "/"));
}

}  // namespace
}  // namespace chiron::remediation
