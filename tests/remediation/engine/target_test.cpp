#include "remediation/engine/target.h"

namespace chiron::remediation {
namespace {

TEST(UnfitTarget, TakesOrdinaryNamesAndMountPoints) {
  for (const char* name :
       {"nginx.service", "web@1.service", "/var/lib/docker", "redis-1", "a..b", "/srv/..data"}) {
    EXPECT_EQ(unfit_target(name), std::nullopt) << name;
  }
}

TEST(UnfitTarget, RefusesWhatStrangersMayTry) {
  for (const std::string& name :
       {std::string(), std::string("../x"), std::string("/a/../b"), std::string("/a/.."), std::string(".."),
        std::string("-rf"), std::string("a\nb"), std::string("a\0b", 3), std::string("a\x7f"),
        std::string(5000, 'a')}) {
    EXPECT_NE(unfit_target(name), std::nullopt) << name.substr(0, 20);
  }
}

TEST(DeniedTarget, StandsAboveEveryList) {
  for (const char* name : {"dbus.service", "dbus.socket", "systemd-journald.service", "sshd.service",
                           "sshd@1.service", "user@1000.service", "chiron.service", "init.scope"}) {
    EXPECT_NE(denied_target(name), std::nullopt) << name;
  }
  for (const char* name :
       {"nginx.service", "my-dbus.service", "web.socket", "/srv/sshd.service", "redis-1"}) {
    EXPECT_EQ(denied_target(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace chiron::remediation
