#include "exporter/http/host_check.h"

#include <gtest/gtest.h>

namespace chiron::http {
namespace {

// The names themselves: ServerTest, over a real connection.
TEST(HostCheck, LooksAtWhatComesOverLoopbackOnly) {
  const HostCheck hosts({"web-1.example:9100"});
  for (const char* loopback : {"127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(hosts.allows("evil.example", loopback)) << loopback;
    EXPECT_TRUE(hosts.allows("web-1.example", loopback)) << loopback;
    EXPECT_TRUE(hosts.allows("", loopback)) << loopback;
  }
  for (const char* network : {"192.0.2.7", "10.127.0.1", "::ffff:10.0.0.1", "2001:db8::1"}) {
    EXPECT_TRUE(hosts.allows("web-1.example.org:10071", network)) << network;
  }
}

}  // namespace
}  // namespace chiron::http
