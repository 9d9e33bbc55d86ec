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

TEST(TargetNamed, KnowsAThingByOneName) {
  RemedySpec remedy;
  remedy.target = *rules::Template::compile("{{ $labels.name }}");
  remedy.targets = std::vector<std::string>{"*"};
  for (const char* name : {"/var", "/var/", "//var", "/var/./"}) {
    EXPECT_EQ(target_named(remedy, name).name, "/var") << name;
  }
  EXPECT_EQ(target_named(remedy, "/").name, "/");
  EXPECT_EQ(target_named(remedy, "redis-1").name, "redis-1");
  ArgumentValue unit;
  unit.texts = {"{{ $target }}"};
  remedy.steps.push_back({find_action("service.restart"), {{"unit", unit}}, {}});
  EXPECT_EQ(target_named(remedy, "nginx").name, "nginx.service");
  EXPECT_EQ(target_named(remedy, "nginx.service").name, "nginx.service");
  EXPECT_EQ(target_named(remedy, "web.socket").name, "web.socket");
  EXPECT_EQ(target_named(remedy, "sshd").reason, Suppression::target_denied);
}

RemedySpec restarts(const char* target, const char* unit) {
  RemedySpec remedy;
  remedy.target = *rules::Template::compile(target);
  ArgumentValue argument;
  argument.texts = {unit};
  remedy.steps.push_back({find_action("service.restart"), {{"unit", argument}}, {}});
  return remedy;
}

TEST(TargetNamed, WhatIsWrittenOutAllowsItselfByItsOneNameToo) {
  const RemedySpec remedy = restarts("nginx", "nginx");
  const Target target = target_named(remedy, "");
  ASSERT_TRUE(target.ok()) << target.detail;
  EXPECT_EQ(target.name, "nginx.service");
  EXPECT_TRUE(target_named(remedy, target.name).ok());
  EXPECT_EQ(target_named(remedy, "apache2").reason, Suppression::target_not_allowed);
}

TEST(TargetNamed, AGlobAllowsAUnitByEitherOfItsNames) {
  RemedySpec remedy = restarts("{{ $labels.name }}", "{{ $target }}");
  remedy.targets = std::vector<std::string>{"*.service"};
  EXPECT_EQ(target_named(remedy, "nginx").name, "nginx.service");
  const Target socket = target_named(remedy, "web.socket");
  EXPECT_EQ(socket.reason, Suppression::target_not_allowed);
  EXPECT_EQ(socket.detail, "no glob under `targets` matches web.socket");
}

/// Each container of a list is acted on, as one that an argument names would be.
TEST(TargetFor, HoldsListsAgainstTheTargetsToo) {
  RemedySpec remedy;
  remedy.target = *rules::Template::compile("{{ $labels.name }}");
  remedy.targets = std::vector<std::string>{"shop-*"};
  ArgumentValue list;
  list.shape = ArgumentValue::Shape::list;
  list.texts = {"shop-1", "{{ $labels.other }}"};
  remedy.steps.push_back({find_action("container.rolling_restart"), {{"containers", list}}, {}});
  const auto reason = [&remedy](const std::string& other) {
    const Labels labels{{"name", "shop-1"}, {"other", other}};
    return target_for(remedy, {.labels = &labels}).reason;
  };
  EXPECT_EQ(reason("shop-2"), Suppression::none);
  EXPECT_EQ(reason("bank"), Suppression::target_not_allowed);
}

/// Whatever argument it is that names, finds or addresses what is acted on.
TEST(TargetFor, HoldsEveryArgumentThatIsActedOnAgainstTheTargets) {
  const auto reason = [](const char* action, const char* argument, ArgumentValue::Shape shape,
                         const std::string& text, const std::string& label) {
    RemedySpec remedy;
    remedy.target = *rules::Template::compile("web");
    remedy.targets = std::vector<std::string>{"web", "web@*.service"};
    ArgumentValue value;
    value.shape = shape;
    if (shape == ArgumentValue::Shape::pairs) {
      value.pairs = {{"project", text}};
    } else {
      value.texts = {text};
    }
    remedy.steps.push_back({find_action(action), {{argument, value}}, {}});
    const Labels labels{{"x", label}};
    return target_for(remedy, {.labels = &labels}).reason;
  };
  using Shape = ArgumentValue::Shape;
  constexpr Suppression kNo = Suppression::target_not_allowed;
  const std::string x = "{{ $labels.x }}";
  EXPECT_EQ(reason("service.rolling_restart", "units", Shape::list, x, "web@1.service"), Suppression::none);
  EXPECT_EQ(reason("service.rolling_restart", "units", Shape::list, x, "cron.service"), kNo);
  EXPECT_EQ(reason("service.rolling_restart", "units", Shape::list, x, "web@*.service"), kNo);
  EXPECT_EQ(reason("container.rolling_restart", "labels", Shape::pairs, x, "web"), kNo);
  EXPECT_EQ(reason("logs.rotate", "reload", Shape::text, x, "web@1.service"), Suppression::none);
  EXPECT_EQ(reason("logs.rotate", "reload", Shape::text, x, "cron.service"), kNo);
  EXPECT_EQ(reason("logs.rotate", "unit", Shape::text, x, "cron.service"), kNo);
  const std::string path = "/containers/{{ $labels.x }}/restart", url = "http://127.0.0.1/{{ $labels.x }}/up";
  EXPECT_EQ(reason("http.request", "path", Shape::text, path, "web"), Suppression::none);
  EXPECT_EQ(reason("http.request", "path", Shape::text, path, "db/kill?signal=KILL&x="), kNo);
  EXPECT_EQ(reason("service.rolling_restart", "check", Shape::text, url, "web"), Suppression::none);
  EXPECT_EQ(reason("service.rolling_restart", "check", Shape::text, url, "../x"), kNo);
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

class LabelsInUrls : public ::testing::Test {
 protected:
  static Suppression reason(const std::string& target, const std::string& url, const std::string& label) {
    RemedySpec remedy;
    remedy.target = *rules::Template::compile(target);
    remedy.targets = std::vector<std::string>{"web-*", "http://web-*"};
    ArgumentValue text;
    text.texts = {url};
    remedy.steps.push_back({find_action("http.request"), {{"url", text}}, {}});
    const Labels labels{{"x", label}};
    return target_for(remedy, {.labels = &labels}).reason;
  }
};

TEST_F(LabelsInUrls, FillInNamesAndPortsOnly) {
  const std::string url = "http://{{ $labels.x }}/-/reload";
  EXPECT_EQ(reason("web-1", url, "web-2:8080"), Suppression::none);
  for (const char* label :
       {"web-2/admin?", "web-2@evil", "web-2#", "web-2%2f", "web-2\\x", "", "web-2 x", "evil"}) {
    EXPECT_EQ(reason("web-1", url, label), Suppression::target_not_allowed) << label;
  }
}

TEST_F(LabelsInUrls, NorDoesATargetThatComesFromLabels) {
  const std::string url = "http://h/{{ $target }}/restart";
  EXPECT_EQ(reason("{{ $labels.x }}", url, "web-2"), Suppression::none);
  EXPECT_EQ(reason("{{ $labels.x }}", url, "web-2?"), Suppression::target_not_allowed);
}

class LabelsInPatterns : public ::testing::Test {
 protected:
  Target target(const std::string& target, const std::string& pattern, const std::string& label) {
    RemedySpec remedy;
    remedy.target = *rules::Template::compile(target);
    remedy.targets = std::vector<std::string>{"*"};
    ArgumentValue globs;
    globs.shape = ArgumentValue::Shape::list;
    globs.texts = {pattern};
    remedy.steps.push_back({find_action("disk.rescue"), {{"globs", globs}}, {}});
    const Labels labels{{"x", label}};
    return target_for(remedy, {.labels = &labels});
  }
};

TEST_F(LabelsInPatterns, FillInNoWildcards) {
  EXPECT_TRUE(target("/srv", "/srv/{{ $labels.x }}/*.log", "web-1").ok());
  for (const char* label : {"*", "**", "we?", "[a-z]", "a\\b", ""}) {
    EXPECT_EQ(target("/srv", "/srv/{{ $labels.x }}/*.log", label).reason, Suppression::target_not_allowed)
        << label;
  }
  EXPECT_EQ(target("/srv", "/srv/{{ $labels.absent }}/*.log", "web").reason, Suppression::target_not_allowed);
}

TEST_F(LabelsInPatterns, NorDoesATargetThatComesFromLabels) {
  EXPECT_TRUE(target("{{ $labels.x }}", "/srv/{{ $target }}/*.log", "web-1").ok());
  EXPECT_EQ(target("{{ $labels.x }}", "/srv/{{ $target }}/*.log", "*").reason,
            Suppression::target_not_allowed);
  EXPECT_TRUE(target("/srv/a*", "{{ $target }}/*.log", "web").ok()) << "written by the operator";
}

class LabelsInVerification : public ::testing::Test {
 protected:
  Target target(const std::string& expr, const std::string& label) {
    RemedySpec remedy;
    remedy.target = *rules::Template::compile("web");
    remedy.targets = std::vector<std::string>{"*"};
    remedy.verify.expr = *rules::Template::compile(expr);
    const Labels labels{{"x", label}};
    return target_for(remedy, {.labels = &labels});
  }
};

TEST_F(LabelsInVerification, StayInTheirStrings) {
  const std::string plain = R"(up{name="{{ $labels.x }}"} == 1)";
  for (const char* label : {"web.service", "a b", "{}", "vector(1)", "a,b", "50%", "\xc3\xa9"})
    EXPECT_TRUE(target(plain, label).ok()) << label;
  for (const char* label : {R"("} or vector(1) or up{name=")", R"(a",name!=")", "a\\", "a\nb"})
    EXPECT_EQ(target(plain, label).reason, Suppression::target_not_allowed) << label;
  const std::string written_as_a_string = R"(up{name={{ printf "%q" $labels.x }}} == 1)";
  for (const char* label : {R"("} or vector(1))", R"(dev-disk-by\x2duuid.mount)"})
    EXPECT_TRUE(target(written_as_a_string, label).ok()) << label;
}

TEST_F(LabelsInVerification, WidenNoRegularExpressionAndAddNoWords) {
  const std::string regex = R"(up{name=~"{{ $labels.x }}-.*"} == 1)";
  EXPECT_TRUE(target(regex, "web.service").ok());
  for (const char* label : {".*", "a|b", "(a)?"})
    EXPECT_EQ(target(regex, label).reason, Suppression::target_not_allowed) << label;
  EXPECT_TRUE(target("{{ $labels.x }} == 1", "up").ok());
  EXPECT_EQ(target("{{ $labels.x }} == 1", "vector(1) or up").reason, Suppression::target_not_allowed);
}

}  // namespace
}  // namespace chiron::remediation
