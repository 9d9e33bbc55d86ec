#include "exporter/base/file.h"
#include "rules/engine/rule_file.h"

#include <filesystem>

namespace chiron::rules {
namespace {

/// promtool judges the shipped files with check.sh; here the same files go through our own reader.
TEST(ShippedRules, LoadWithoutAFinding) {
  std::size_t rules = 0;
  for (const std::string_view folder : {"rules/packs", "alerting"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(CHIRON_SOURCE_DIR) / folder)) {
      if (!entry.path().string().ends_with(".rules.yml")) continue;
      DiagnosticSink sink;
      const std::string text = *read_file(entry.path());
      for (const GroupSpec& group : parse_rule_file(entry.path(), text, sink)) rules += group.rules.size();
      for (const Diagnostic& one : sink.all()) ADD_FAILURE() << to_text(one);
    }
  }
  EXPECT_GE(rules, 20U);
}

TEST(ShippedRules, TellAPersonWhatToDo) {
  const std::filesystem::path packs = std::filesystem::path(CHIRON_SOURCE_DIR) / "rules/packs";
  for (const auto& entry : std::filesystem::directory_iterator(packs)) {
    DiagnosticSink sink;
    for (const GroupSpec& group : parse_rule_file(entry.path(), *read_file(entry.path()), sink)) {
      for (const RuleSpec& rule : group.rules) {
        std::map<std::string, std::string> labels(rule.labels.begin(), rule.labels.end());
        std::map<std::string, std::string> annotations(rule.annotations.begin(), rule.annotations.end());
        // "none" is for alerts that Alertmanager is to know of and no person.
        const bool for_machines = rule.name == "Watchdog" || rule.name == "ChironRemedyAtWork";
        EXPECT_THAT(labels["severity"],
                    for_machines ? ::testing::Matcher<std::string>("none")
                                 : ::testing::Matcher<std::string>(::testing::AnyOf("warning", "critical")))
            << rule.name;
        EXPECT_FALSE(annotations["summary"].empty()) << rule.name;
        EXPECT_FALSE(annotations["description"].empty()) << rule.name;
      }
    }
  }
}

}  // namespace
}  // namespace chiron::rules
