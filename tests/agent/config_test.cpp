#include "agent/config.h"

#include "agent/findings.h"
#include "tests/support/temp_dir.h"

namespace chiron::agent {
namespace {

using namespace std::chrono_literals;

class ConfigTest : public ::testing::Test {
 protected:
  Config load(const std::string& text, GivenOptions options = {},
              std::map<std::string, std::string> environment = {}) {
    const std::string file = dir_.write("chiron.yml", text);
    options.insert(options.begin(), {"config.file", {file}});
    return load_config(
        options,
        [environment](const std::string& name) -> std::optional<std::string> {
          const auto it = environment.find(name);
          if (it == environment.end()) return std::nullopt;
          return it->second;
        },
        sink_);
  }
  std::string findings() const {
    std::string text;
    for (const Diagnostic& diagnostic : sink_.all()) text += to_text(diagnostic) + '\n';
    return text;
  }

  testing::TempDir dir_;
  DiagnosticSink sink_;
};

TEST_F(ConfigTest, AnOptionBeatsTheEnvironmentBeatsTheFileBeatsTheDefault) {
  const Config config = load("sampling: {interval: 10s}\nidentity: {job: file}\nlog: {level: debug}\n",
                             {{"sampling.interval", {"30s"}}},
                             {{"CHIRON_SAMPLING_INTERVAL", "20s"}, {"CHIRON_IDENTITY_JOB", "env"}});
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_EQ(config.settings.duration("sampling.interval"), 30s);
  EXPECT_EQ(config.settings.value("sampling.interval").source, "option --sampling.interval");
  EXPECT_EQ(config.settings.text("identity.job"), "env");
  EXPECT_EQ(config.settings.value("identity.job").source, "environment CHIRON_IDENTITY_JOB");
  EXPECT_EQ(config.settings.text("log.level"), "debug");
  EXPECT_THAT(config.settings.value("log.level").source, ::testing::EndsWith("chiron.yml:3:14"));
  EXPECT_EQ(config.settings.text("path.procfs"), "/proc");
  EXPECT_EQ(config.settings.value("path.procfs").source, "default");
}

TEST_F(ConfigTest, CollectorsAreSwitchesOrMappingsOfTheirOptions) {
  const Config config =
      load("collectors:\n  loadavg: false\n  filesystem: {mount-points-exclude: '^/snap/'}\n");
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_FALSE(config.settings.flag("collector.loadavg"));
  EXPECT_TRUE(config.settings.flag("collector.filesystem"));
  EXPECT_EQ(config.settings.text("collector.filesystem.mount-points-exclude"), "^/snap/");
}

TEST_F(ConfigTest, WithoutDefaultsOnlyTheNamedCollectorsRun) {
  const Config config =
      load("collectors: {disable-defaults: true, loadavg: true, cpu: {info: true}, stat: false}\n");
  EXPECT_TRUE(sink_.ok()) << findings();
  for (const char* on : {"collector.loadavg", "collector.cpu"}) EXPECT_TRUE(config.settings.flag(on)) << on;
  for (const char* off : {"collector.stat", "collector.meminfo", "collector.interrupts"})
    EXPECT_FALSE(config.settings.flag(off)) << off;
  EXPECT_THAT(config.settings.value("collector.meminfo").source, ::testing::EndsWith("chiron.yml:1:32"));
}

TEST_F(ConfigTest, TheSwitchOfAllDefaultsIsNoCollector) {
  load("collectors: {disable-defaults: {info: true}}\n");
  EXPECT_FALSE(sink_.ok());
}

TEST_F(ConfigTest, AnOptionNamedBelowAnotherIsGivenBesideIt) {
  const Config config = load("collectors: {cpu: {info: true, info.flags-include: '^avx'}}\n");
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_TRUE(config.settings.flag("collector.cpu.info"));
  EXPECT_EQ(config.settings.text("collector.cpu.info.flags-include"), "^avx");
}

TEST_F(ConfigTest, EveryMistakeIsReportedInOnePassWithItsPlace) {
  load(
      "sampling: {intervall: 5s}\n"
      "evaluation: {interval: 5 parsecs}\n"
      "collectors: {filesystm: true}\n"
      "log: {level: loud}\n"
      "services: ['../../etc']\n"
      "probes:\n"
      "  - {name: web, http: 'http://x', tcp: 'y:1'}\n"
      "deletion: {roots: [/]}\n"
      "remedies: {rescue-disk: {mode: hopeful}}\n"
      "alertmanagers: [{url: 'http://user:secret@x:9093'}]\n"
      "frobnicate: 1\n");
  EXPECT_EQ(sink_.errors(), 10u) << findings();
  const std::string all = findings();
  for (const char* place :
       {":1:12:", ":2:24:", ":3:14:", ":4:14:", ":5:", ":7:5:", ":8:", ":9:32:", ":10:17:", ":11:1:"}) {
    EXPECT_THAT(all, ::testing::HasSubstr(place));
  }
  EXPECT_THAT(all, ::testing::HasSubstr("interval"));
  EXPECT_THAT(all, ::testing::HasSubstr("approval"));
}

TEST_F(ConfigTest, WhatACollectorWouldRefuseIsAMistakeOfTheFile) {
  load(
      "collectors:\n"
      "  netdev: {device-include: a, device-exclude: b}\n"
      "  hwmon: false\n"
      "  filesystem: {mount-timeout: 0s, fs-types-include: ext4}\n"
      "  containers: {disk-usage-interval: xx}\n");
  const std::string all = findings();
  EXPECT_THAT(all,
              ::testing::HasSubstr("collector.netdev.device-exclude and collector.netdev.device-include"));
  EXPECT_THAT(all, ::testing::HasSubstr(":2:28: "));
  EXPECT_THAT(all, ::testing::HasSubstr(":4:31: "));
  EXPECT_THAT(all, ::testing::HasSubstr(":5:37: "));
  EXPECT_EQ(sink_.errors(), 3u) << all;
}

TEST_F(ConfigTest, ZeroIsAnIntervalWhereItTurnsSomethingOff) {
  load("collectors: {containers: {disk-usage-interval: 0}}\n");
  EXPECT_EQ(sink_.errors(), 0u) << findings();
}

TEST_F(ConfigTest, ATargetThatAProbeCannotHaveIsAMistakeOfTheFile) {
  load(
      "probes:\n"
      "  - {name: a, http: 'x'}\n"
      "  - {name: b, http: 'http://'}\n"
      "  - {name: c, tcp: 'h'}\n"
      "  - {name: d, tcp: 'h:99999'}\n"
      "  - {name: e, tcp: /run/x.sock}\n"
      "  - {name: f, redis: ''}\n"
      "  - {name: g, unix: rel/path}\n"
      "  - {name: h, tcp: 'h:1', interval: 400d}\n"
      "  - {name: i, http: 'https://[::1]:8443/x?y', timeout: 1s}\n");
  EXPECT_EQ(sink_.errors(), 8u) << findings();
  const std::string all = findings();
  for (const char* place :
       {":2:21: ", ":3:21: ", ":4:20: ", ":5:20: ", ":6:20: ", ":7:22: ", ":8:21: ", ":9:37: "}) {
    EXPECT_THAT(all, ::testing::HasSubstr(place));
  }
}

TEST_F(ConfigTest, DeletionRootsAndProtectedGlobsAreThoseThatCanBeUsed) {
  load(
      "deletion: {roots: ['/etc/../', '//', /var/tmp/], protect: ['*.log', '/var/log/{a,b}', "
      "'/srv/\\{a,b}']}\n");
  EXPECT_EQ(sink_.errors(), 4u) << findings();
  EXPECT_THAT(findings(), ::testing::HasSubstr("must not contain . or .. components"));
  EXPECT_THAT(findings(), ::testing::HasSubstr("has braces"));
}

TEST_F(ConfigTest, GlobsOutsideTheDeletionRootsAreWarnedOf) {
  const std::string remedies = dir_ / "own.yml";
  dir_.write("own.yml",
             "remedies:\n"
             "  - name: tidy\n"
             "    description: Tidies.\n"
             "    on: {schedule: {every: 1h}}\n"
             "    steps:\n"
             "      - files.prune: {globs: [/var/tmp/a/*.csv, /srv/b/*.csv], older_than: 1d}\n"
             "      - logs.rotate: {globs: ['/opt/x/*.log'], writer: copytruncate}\n");
  const Config config = load("deletion: {roots: [/var/tmp]}\nrule_files: []\nremedy_files: ['shipped:*', '" +
                             remedies + "']\n");
  ASSERT_TRUE(sink_.ok()) << findings();
  load_policies(config, sink_);
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_THAT(findings(), ::testing::HasSubstr("own.yml:6:"));
  EXPECT_THAT(findings(),
              ::testing::HasSubstr("\"/srv/b/*.csv\" is below none of deletion.roots (/var/tmp)"));
  EXPECT_THAT(findings(), ::testing::HasSubstr("\"/opt/x/*.log\""));
  EXPECT_THAT(findings(), ::testing::Not(::testing::HasSubstr("\"/var/tmp/a")));
  EXPECT_THAT(findings(), ::testing::Not(::testing::HasSubstr("clean-up")));
}

TEST_F(ConfigTest, FilesOfAnAlertmanagerThatAreNotThereAreWarnedOf) {
  load(
      "alertmanagers:\n"
      "  - {url: 'http://[::1]:9093', tls_config: {ca_file: /nonexistent/ca.pem}, basic_auth: {username: x, "
      "password_file: /nonexistent/word}}\n");
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_THAT(findings(), ::testing::HasSubstr("ca_file: there is no file '/nonexistent/ca.pem'"));
  EXPECT_THAT(findings(), ::testing::HasSubstr("password_file: there is no file '/nonexistent/word'"));
  load("alertmanagers: [{url: 'http://[::1]:9093/x?y'}]\n");
  EXPECT_EQ(sink_.errors(), 1u);
  EXPECT_THAT(findings(), ::testing::HasSubstr("has a query"));
}

TEST_F(ConfigTest, ExternalLabelsAreReadAndTheirNamesChecked) {
  const Config config = load("identity: {job: x, external_labels: {site: paris}}\n");
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_EQ(config.external_labels.get("site"), "paris");
  load("identity: {external_labels: {bad-name: x, __name__: y}}\n");
  EXPECT_EQ(sink_.errors(), 2u) << findings();
}

TEST_F(ConfigTest, AFaultOfAListNamesItsElement) {
  load("services: [nginx, '../x']\ndeletion: {roots: [/var/log, tmp]}\n");
  EXPECT_EQ(sink_.errors(), 2u);
  EXPECT_THAT(findings(), ::testing::HasSubstr(":1:19:"));
  EXPECT_THAT(findings(), ::testing::HasSubstr(":2:30:"));
}

TEST_F(ConfigTest, AddressesAndPathsAreCheckedBeforeAnythingStarts) {
  load("http: {listen: [nonsense, ':x', ':99999', '[::1]:80', ':80']}\n", {{"path.procfs", {""}}});
  EXPECT_EQ(sink_.errors(), 5u) << findings();
  load("http: {listen: []}\n");
  EXPECT_EQ(sink_.errors(), 6u) << findings();
}

TEST_F(ConfigTest, TheNullDeviceIsAnEmptyFile) {
  const Config config = load_config(
      {{"config.file", {"/dev/null"}}}, [](const std::string&) { return std::nullopt; }, sink_);
  EXPECT_TRUE(sink_.ok()) << findings();
  ASSERT_EQ(config.rule_files.size(), 1u);
  EXPECT_EQ(config.rule_files[0].text, "packs:*");
}

TEST_F(ConfigTest, FilesAreFoundFromTheConfigurationsDirectory) {
  dir_.write("rules/mine.yml", "groups: [{name: g, rules: [{record: a:b, expr: up}]}]\n");
  const Config config = load("rule_files: ['rules/*.yml']\n");
  EXPECT_EQ(load_policies(config, sink_).groups.size(), 1u);
  EXPECT_TRUE(sink_.ok()) << findings();
}

TEST_F(ConfigTest, AMistypedVariableIsWarnedOfAndAStrangersIsNot) {
  check_environment({"CHIRON_SAMPLNG_INTERVAL", "CHIRON_SAMPLING_INTERVAL", "CHIRON_PORT", "PATH"}, sink_);
  ASSERT_EQ(sink_.all().size(), 1u) << findings();
  EXPECT_TRUE(sink_.ok());
  EXPECT_THAT(findings(), ::testing::HasSubstr("did you mean CHIRON_SAMPLING_INTERVAL?"));
}

TEST_F(ConfigTest, FindingsAreToldFromTopToBottom) {
  load("frobnicate: 1\nlog: {level: loud}\nservices: ['/']\n");
  std::vector<std::size_t> lines;
  for (const Diagnostic& one : in_order(sink_)) lines.push_back(one.where.line);
  EXPECT_EQ(lines, (std::vector<std::size_t>{1, 2, 3}));
}

TEST_F(ConfigTest, ANamedFileMustExist) {
  load_config(
      {{"config.file", {dir_ / "absent.yml"}}}, [](const std::string&) { return std::nullopt; }, sink_);
  ASSERT_EQ(sink_.errors(), 1u);
  EXPECT_THAT(findings(), ::testing::HasSubstr("chiron config init"));
}

TEST_F(ConfigTest, ABadOptionNamesItself) {
  load("", {{"sampling.interval", {"soon"}}});
  ASSERT_EQ(sink_.errors(), 1u);
  EXPECT_THAT(findings(), ::testing::HasSubstr("option --sampling.interval"));
}

TEST_F(ConfigTest, ReadsProbesServicesAndOverrides) {
  const Config config = load(
      "services: [nginx, db.service]\n"
      "probes:\n"
      "  - {name: web, http: 'http://127.0.0.1/h', interval: 30s, timeout: 2s, valid_status: [200, 204]}\n"
      "  - {name: cache, redis: /run/redis.sock}\n"
      "remedies:\n"
      "  rescue-disk: {mode: automatic, policy: {cooldown: 1m, budget: {runs: 9, per: 2h}}}\n");
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_EQ(config.services, (std::vector<std::string>{"nginx.service", "db.service"}));
  ASSERT_EQ(config.probes.size(), 2u);
  EXPECT_EQ(config.probes[0].valid_status, (std::vector<int>{200, 204}));
  EXPECT_EQ(config.probes[0].interval, 30s);
  EXPECT_EQ(config.probes[1].module, ProbeModule::redis);
  const RemedyOverride& tuned = config.remedies.at("rescue-disk");
  remediation::PolicySpec policy;
  EXPECT_FALSE(remediation::apply_policy(tuned.policy, policy).has_value());
  EXPECT_EQ(policy.mode, remediation::Mode::automatic);
  EXPECT_EQ(policy.cooldown, 1min);
  EXPECT_EQ(policy.budget_runs, 9);
}

TEST_F(ConfigTest, TheExampleIsAValidConfigurationWithEveryLineUncommentedOrNot) {
  const std::string example = example_config();
  load(example);
  EXPECT_TRUE(sink_.ok()) << findings();
  std::string uncommented;
  std::string_view rest = example;
  for (std::size_t end; !rest.empty(); rest.remove_prefix(std::min(rest.size(), end + 1))) {
    end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.remove_prefix(1);
    if (line.starts_with("#  ")) line.remove_prefix(1);
    uncommented += std::string(line) + '\n';
  }
  load(uncommented);
  EXPECT_TRUE(sink_.ok()) << findings() << uncommented;
}

TEST_F(ConfigTest, ShippedPoliciesLoadAndATunedRemedyChanges) {
  const Config config = load("remedies: {rescue-disk: {mode: automatic}}\n");
  const Policies policies = load_policies(config, sink_);
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_FALSE(policies.groups.empty());
  for (const auto& remedy : policies.remedies) {
    const bool armed = remedy.name == "rescue-disk";
    EXPECT_EQ(remedy.policy.mode, armed ? remediation::Mode::automatic : remediation::Mode::dry_run)
        << remedy.name;
  }
}

TEST_F(ConfigTest, AnOverrideReachesEveryKeyOfAPolicyAndKeepsTheOthers) {
  const Config config = load(
      "remedies:\n  rescue-disk:\n    policy:\n      backoff: {factor: 3}\n      breaker: {failures: 7}\n"
      "      budget: {runs: 9}\n      unless: ['alertname=\"Migrating\"']\n");
  const Policies policies = load_policies(config, sink_);
  const Policies shipped = load_policies(load(""), sink_);
  EXPECT_TRUE(sink_.ok()) << findings();
  const auto policy_of = [](const Policies& all) {
    return std::ranges::find(all.remedies, std::string("rescue-disk"), &remediation::RemedySpec::name)
        ->policy;
  };
  const remediation::PolicySpec tuned = policy_of(policies), before = policy_of(shipped);
  ASSERT_TRUE(tuned.backoff && tuned.breaker);
  EXPECT_EQ(tuned.backoff->factor, 3);
  EXPECT_EQ(tuned.backoff->initial, 30s);
  EXPECT_EQ(tuned.breaker->failures, 7);
  EXPECT_EQ(tuned.budget_runs, 9);
  EXPECT_EQ(tuned.budget_per, before.budget_per);
  EXPECT_EQ(tuned.cooldown, before.cooldown);
  ASSERT_EQ(tuned.unless.size(), 1u);
}

TEST_F(ConfigTest, AnOverrideThatContradictsTheRemedysFileNamesTheRemedy) {
  const Config config = load("remedies:\n  rescue-disk: {policy: {backoff: {initial: 2h}}}\n");
  load_policies(config, sink_);
  EXPECT_EQ(sink_.errors(), 1u) << findings();
  EXPECT_THAT(findings(), ::testing::HasSubstr(":2:3:"));
  EXPECT_THAT(findings(), ::testing::HasSubstr("initial, 2h, is longer than max, 10m"));
}

TEST_F(ConfigTest, ARemedyIsArmedForATime) {
  const Config config = load("remedies: {rescue-disk: {mode: automatic, for: 30d}}\n");
  const Policies policies = load_policies(config, sink_);
  EXPECT_TRUE(sink_.ok()) << findings();
  for (const auto& remedy : policies.remedies) {
    EXPECT_EQ(remedy.policy.armed_for.value_or(0s), remedy.name == "rescue-disk" ? 30 * 24h : 0h);
  }
}

TEST_F(ConfigTest, ATimeToBeArmedForNeedsAModeThatActsAndABound) {
  load_policies(load("remedies:\n  rescue-disk: {for: 30d}\n"), sink_);
  EXPECT_EQ(sink_.errors(), 1u) << findings();
  EXPECT_THAT(findings(), ::testing::HasSubstr(":2:3:"));
  EXPECT_THAT(findings(), ::testing::HasSubstr(" for: with what its file says, it is the time for which"));
  EXPECT_THAT(findings(), ::testing::HasSubstr("its mode is dry-run"));
  load("remedies:\n  rescue-disk: {mode: automatic, for: 0s}\n  b: {for: 2y}\n  c: {for: never}\n");
  for (const char* fault :
       {":2:39:", "for must be more than 0s", ":3:12:", "for must be at most 1y", ":4:12:"}) {
    EXPECT_THAT(findings(), ::testing::HasSubstr(fault));
  }
}

TEST_F(ConfigTest, TheHostsBudgetAndTheGateAreRead) {
  EXPECT_EQ(load("").gate(), remediation::Gate::automatic);
  const Config config = load("remediation: {mode: dry-run, budget: {runs: 5}}\n");
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_EQ(config.gate(), remediation::Gate::dry_run);
  EXPECT_EQ(config.host_budget.runs, 5);
  EXPECT_EQ(config.host_budget.per, 1h);
  EXPECT_EQ(load("remediation: {mode: 'off'}\n").gate(), remediation::Gate::off);
  load("remediation: {mode: sometimes, budget: {runs: 0, per: 40d, of: x}}\n");
  EXPECT_EQ(sink_.errors(), 4u) << findings();
}

TEST_F(ConfigTest, AFileThatSeveralEntriesNameIsLoadedOnce) {
  dir_.write("rules/mine.yml", "groups: [{name: g, rules: [{record: a:b, expr: up}]}]\n");
  dir_.write("remedies/mine.yml",
             "remedies:\n  - {name: x, on: {alerts: ['alertname=\"HostDiskFull\"']}, target: x.service,\n"
             "     steps: [{service.restart: {unit: x.service}}]}\n");
  const Config config = load(
      "rule_files: ['rules/*.yml', rules/mine.yml, 'packs:*', 'packs:host']\n"
      "remedy_files: ['remedies/*.yml', remedies/mine.yml]\n");
  const Policies policies = load_policies(config, sink_);
  EXPECT_TRUE(sink_.ok()) << findings();
  EXPECT_EQ(policies.remedies.size(), 1u);
  EXPECT_EQ(std::count_if(policies.groups.begin(), policies.groups.end(),
                          [](const auto& group) { return group.name == "disk" || group.name == "g"; }),
            2);
}

TEST_F(ConfigTest, MistakesHideNoneInAnotherPlace) {
  dir_.write("rules.yml",
             "groups: [{name: g, rules: [{alert: Slow, expr: 'avg_over_time(up[15m]) < 1'}, {record: a, "
             "expr: 'sum('}]}]\n");
  dir_.write("remedies.yml",
             "remedies:\n"
             "  - {name: late, on: {alerts: ['alertname=\"Slow\"']}, target: x.service,\n"
             "     steps: [{service.restart: {unit: x.service}}], verify: {within: 60s}}\n"
             "  - {name: faulty, on: {alerts: ['alertname=\"Slow\"']}, target: x.service, setps: []}\n"
             "  - {name: lone, on: {alerts: ['alertname=\"a\"']}, target: x.service,\n"
             "     steps: [{service.restart: {unit: x.service}}]}\n");
  const Config config = load("rule_files: [rules.yml]\nremedy_files: [remedies.yml]\nfrobnicate: 1\n");
  load_policies(config, sink_);
  const std::string all = findings();
  EXPECT_THAT(all, ::testing::HasSubstr("frobnicate"));
  EXPECT_THAT(all, ::testing::HasSubstr("unclosed left parenthesis"));
  EXPECT_THAT(all, ::testing::HasSubstr("Slow looks back 15m"));
  EXPECT_THAT(all, ::testing::HasSubstr("setps"));
  // The faulty remedy may lack its own verification for that reason; the rule that is missed may be the
  // faulty one.
  EXPECT_EQ(all.find("looks back"), all.rfind("looks back")) << all;
  EXPECT_THAT(all, ::testing::Not(::testing::HasSubstr("no-rule")));
}

TEST_F(ConfigTest, UnknownPacksRemediesAndFilesAreRefusedWithAHint) {
  const Config config = load(
      "rule_files: ['packs:hots', '/no/such.yml', '/no/*.yml']\nremedy_files: ['shipped:*']\n"
      "remedies: {rescue-dsk: {mode: automatic}}\n");
  load_policies(config, sink_);
  EXPECT_EQ(sink_.errors(), 3u) << findings();
  EXPECT_THAT(findings(),
              ::testing::HasSubstr("chiron.yml:1:14: error: there is no shipped file 'packs:hots'"));
  EXPECT_THAT(findings(), ::testing::HasSubstr("did you mean packs:host?"));
  EXPECT_THAT(findings(), ::testing::HasSubstr("did you mean rescue-disk?"));
}

}  // namespace
}  // namespace chiron::agent
