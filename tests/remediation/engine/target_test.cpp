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

class LabelsInSteps : public ::testing::Test {
 protected:
  Suppression reason(const std::string& argument, const std::string& label) {
    RemedySpec remedy;
    remedy.target = *rules::Template::compile("web");
    if (listed_) remedy.targets = std::vector<std::string>{"web*"};
    ArgumentValue argv;
    argv.shape = ArgumentValue::Shape::list;
    argv.texts = {program_, argument};
    remedy.steps.push_back({find_action("command.run"), {{"timeout", {}}, {"argv", argv}}, {}});
    const Labels labels{{"x", label}};
    return target_for(remedy, {.labels = &labels}).reason;
  }
  std::string program_ = "/bin/echo";
  bool listed_ = true;
};

TEST_F(LabelsInSteps, BecomeNoOptionsAndNoOtherPath) {
  EXPECT_EQ(reason("{{ $labels.x }}", "anything at all"), Suppression::none);
  EXPECT_EQ(reason("{{ $labels.x }}", "-rf"), Suppression::target_not_allowed);
  EXPECT_EQ(reason("--of={{ $labels.x }}", "-rf"), Suppression::none);
  EXPECT_EQ(reason("/srv/{{ $labels.x }}", "../etc"), Suppression::target_not_allowed);
  EXPECT_EQ(reason("{{ $target }}", "-rf"), Suppression::none);
}

TEST_F(LabelsInSteps, NeedTheAllowListAndAreNeverTheProgram) {
  listed_ = false;
  EXPECT_EQ(reason("{{ $labels.x }}", "fine"), Suppression::target_not_allowed);
  EXPECT_EQ(reason("plain", "fine"), Suppression::none);
  listed_ = true;
  program_ = "/bin/{{ $labels.x }}";
  EXPECT_EQ(reason("plain", "sh"), Suppression::target_not_allowed);
}

}  // namespace
}  // namespace chiron::remediation
