#include "remediation/actions/request_policy.h"

#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

bool allowed(std::string entry, std::string_view url) {
  return check_request_allowed({.allow = {std::move(entry)}}, url).ok();
}

TEST(RequestPolicy, NoListRefusesNothing) { EXPECT_TRUE(check_request_allowed({}, "http://any/").ok()); }

TEST(RequestPolicy, SchemeHostAndPortAreThoseOfTheEntry) {
  EXPECT_TRUE(allowed("http://a.example", "http://A.example:80/x?y=1"));
  EXPECT_FALSE(allowed("http://a.example", "https://a.example/"));
  EXPECT_FALSE(allowed("http://a.example", "http://a.example:8080/"));
  EXPECT_FALSE(allowed("http://a.example", "http://a.example.evil/"));
  EXPECT_FALSE(allowed("http://a.example", "http://b.a.example/"));
  EXPECT_TRUE(allowed("http://[::1]:80", "http://[::1]/"));
}

TEST(RequestPolicy, AStarStandsForNamesBelow) {
  EXPECT_TRUE(allowed("https://*.a.example", "https://b.a.example/"));
  EXPECT_FALSE(allowed("https://*.a.example", "https://a.example/"));
  EXPECT_FALSE(allowed("https://*.a.example", "https://evila.example/"));
}

TEST(RequestPolicy, APathCoversWhatLiesBelowItByWholeSegments) {
  EXPECT_TRUE(allowed("http://a/hooks", "http://a/hooks"));
  EXPECT_TRUE(allowed("http://a/hooks/", "http://a/hooks/x/y"));
  EXPECT_FALSE(allowed("http://a/hooks", "http://a/hooksx"));
  EXPECT_FALSE(allowed("http://a/hooks", "http://a/"));
  EXPECT_TRUE(allowed("http://a/hooks", "http://a/hooks?up=../x"));
}

TEST(RequestPolicy, NoWayLeadsUpwards) {
  for (const char* path : {"/hooks/../admin", "/hooks/%2e%2E/admin", "/hooks/.%2e%2fadmin",
                           "/hooks/..\\admin", "/hooks/..%5cadmin", "/hooks/.."}) {
    EXPECT_FALSE(allowed("http://a/hooks", std::string("http://a") + path)) << path;
  }
  EXPECT_TRUE(allowed("http://a/hooks", "http://a/hooks/..x/.y"));
}

TEST(RequestPolicy, ASocketIsThatSocket) {
  EXPECT_TRUE(allowed("unix:///run/a.sock", "unix:///run/a.sock"));
  EXPECT_FALSE(allowed("unix:///run/a.sock", "unix:///run/a.sock2"));
  EXPECT_FALSE(allowed("http://a", "unix:///run/a.sock"));
}

TEST(RequestPolicy, EntriesAreChecked) {
  EXPECT_TRUE(check_allowed_url("https://*.a.example/x").ok());
  EXPECT_FALSE(check_allowed_url("https://a.*.example/x").ok());
  EXPECT_FALSE(check_allowed_url("https://a.example/x?y").ok());
  EXPECT_FALSE(check_allowed_url("a.example").ok());
  EXPECT_FALSE(check_allowed_url("ftp://a.example").ok());
}

}  // namespace
}  // namespace chiron::remediation
