#include "exporter/base/file.h"
#include "remediation/engine/remedy_check.h"

#include <filesystem>

namespace chiron::remediation {
namespace {

const std::filesystem::path kRoot = CHIRON_SOURCE_DIR;

std::vector<rules::GroupSpec> packs(DiagnosticSink& sink) {
  std::vector<rules::GroupSpec> out;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "rules/packs")) {
    if (!entry.path().string().ends_with(".rules.yml")) continue;
    for (rules::GroupSpec& group : rules::parse_rule_file(entry.path(), *read_file(entry.path()), sink))
      out.push_back(std::move(group));
  }
  return out;
}

std::map<std::string, RemedySpec> remedies(DiagnosticSink& sink) {
  std::map<std::string, RemedySpec> out;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "remediation/remedies")) {
    if (entry.path().extension() != ".yml") continue;
    for (RemedySpec& one : parse_remedy_file(entry.path(), *read_file(entry.path()), sink))
      out.emplace(one.name, std::move(one));
  }
  return out;
}

TEST(ShippedRemedies, FitTheShippedRulesWithoutAFinding) {
  DiagnosticSink sink;
  const std::vector<rules::GroupSpec> groups = packs(sink);
  std::vector<RemedySpec> all;
  for (auto& [name, remedy] : remedies(sink)) all.push_back(remedy);
  EXPECT_EQ(all.size(), 14U);
  check_against_rules(all, groups, sink);
  for (const Diagnostic& one : sink.all()) ADD_FAILURE() << to_text(one);
}

TEST(ShippedRemedies, OnlySayWhatTheyWouldDo) {
  DiagnosticSink sink;
  for (const auto& [name, remedy] : remedies(sink)) EXPECT_EQ(remedy.policy.mode, Mode::dry_run) << name;
}

TEST(ShippedRemedies, KeepToTheirTargets) {
  DiagnosticSink sink;
  const auto all = remedies(sink);
  EXPECT_TRUE(all.at("restart-unit").allows("nginx.service"));
  EXPECT_FALSE(all.at("restart-unit").allows("var.mount"));
  EXPECT_FALSE(all.at("restart-unit").allows("../../etc"));
  EXPECT_TRUE(all.at("rescue-disk").allows("/"));
  EXPECT_TRUE(all.at("rescue-disk").allows("/var/log"));
  EXPECT_FALSE(all.at("rescue-disk").allows("var"));
  EXPECT_TRUE(all.at("prune-redis").allows("127.0.0.1:6379"));
  EXPECT_TRUE(all.at("prune-redis").allows("/run/redis/redis.sock"));
  EXPECT_FALSE(all.at("prune-redis").allows("db.example.org:6379"));
}

TEST(ShippedRemedies, MaintainByTheClock) {
  DiagnosticSink sink;
  const auto all = remedies(sink);
  const RemedySpec& clean_up = all.at("clean-up");
  EXPECT_EQ(to_string(*clean_up.schedule), "0 3 * * * (Local)");
  EXPECT_EQ(clean_up.target.text(), "clean-up");
  EXPECT_EQ(clean_up.policy.cooldown, Duration::zero());
  EXPECT_EQ(clean_up.policy.budget_runs, kNoBudget);
  EXPECT_EQ(to_string(*all.at("prune-idle-redis").schedule), "every 1h");
  EXPECT_EQ(all.at("prune-idle-redis").needs, (std::vector<std::vector<std::string>>{{"127.0.0.1:6379"}}));
  EXPECT_EQ(to_string(*all.at("prune-images").schedule), "0 4 * * sun (Local)");
  EXPECT_EQ(all.at("prune-images").needs, (std::vector<std::vector<std::string>>{{"container-engine"}}));
  EXPECT_FALSE(all.at("rescue-disk").schedule.has_value());
  EXPECT_EQ(to_string(*all.at("health-check").schedule), "every 5m");
  EXPECT_EQ(to_string(*all.at("health-audit").schedule), "every 6h");
  EXPECT_EQ(to_string(*all.at("weekly-report").schedule), "0 9 * * mon (Local)");
  EXPECT_EQ(to_string(*all.at("rotate-logs").schedule), "every 1d");
  EXPECT_EQ(to_string(*all.at("rolling-restart").schedule), "every 12h");
  EXPECT_EQ(to_string(*all.at("update-check").schedule), "every 6h");
  EXPECT_EQ(to_string(*all.at("rolling-restart-containers").schedule), "every 12h");
  // In dry-run too there is a health check.
  EXPECT_TRUE(all.at("health-check").policy.only_reads);
  for (const auto& [name, remedy] : all) EXPECT_EQ(remedy.policy.only_reads, name == "health-check") << name;
  for (const auto& [name, remedy] : all)
    EXPECT_EQ(remedy.lists_targets, name.starts_with("rolling-restart")) << name;
}

/// What check() leaves to the moment when the templates are filled in.
TEST(ShippedRemedies, TheirStepsAreValidForATarget) {
  const std::map<std::string, std::string> kTargets = {{"restart-container", "shop-web-1"},
                                                       {"restart-unit", "nginx.service"},
                                                       {"rescue-disk", "/"},
                                                       {"prune-redis", "127.0.0.1:6379"},
                                                       {"prune-idle-redis", "127.0.0.1:6379"},
                                                       {"prune-images", "prune-images"},
                                                       {"clean-up", "clean-up"},
                                                       {"health-check", "x"},
                                                       {"health-audit", "x"},
                                                       {"weekly-report", "x"},
                                                       {"rotate-logs", "x"},
                                                       {"rolling-restart", "x"},
                                                       {"rolling-restart-containers", "x"},
                                                       {"update-check", "x"}};
  DiagnosticSink sink;
  for (auto& [name, remedy] : remedies(sink)) {
    if (remedy.lists_targets) remedy.targets = {"shop-1", "shop-2"};
    const Status filled = fill_in_targets(remedy);
    EXPECT_TRUE(filled.ok()) << filled.error().to_string();
    for (const StepSpec& step : remedy.steps) {
      ArgumentValues values = step.arguments;
      for (auto& [key, value] : values)
        for (std::string& text : value.texts)
          text = rules::Template::compile(text)->expand({.target = kTargets.at(name)}).value_or("");
      const std::unique_ptr<Action> action = step.action->make();
      Arguments arguments;
      action->declare(arguments);
      const Status bound = arguments.bind(values);
      EXPECT_TRUE(bound.ok()) << name << ": " << bound.error().to_string();
      const Status valid = action->validate();
      EXPECT_TRUE(valid.ok()) << name << ": " << valid.error().to_string();
    }
    if (remedy.verify.expr) {
      const Result<std::string> expr = remedy.verify.expr->expand({.target = "dev-disk-by\\x2duuid.service"});
      ASSERT_TRUE(expr.ok());
      EXPECT_TRUE(promql::parse(*expr).ok()) << *expr;
      EXPECT_THAT(*expr, ::testing::HasSubstr("by\\\\x2duuid"));
    }
  }
}

}  // namespace
}  // namespace chiron::remediation
