#include "agent/cli.h"

#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/status_text.h"
#include "agent/table.h"
#include "exporter/base/file.h"
#include "remediation/ledger/ledger.h"
#include "tests/support/temp_dir.h"

#include <iostream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

struct Outcome {
  int code;
  std::string out, err;
};

/// `out` takes the place of standard output when given.
Outcome run(std::vector<std::string> words, const char* out = nullptr) {
  words.insert(words.begin(), "chiron");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const FileDescriptor captured(::dup(STDOUT_FILENO));
  if (out != nullptr) ::dup2(FileDescriptor(::open(out, O_WRONLY | O_CLOEXEC)).get(), STDOUT_FILENO);
  const int code = run_command_line(static_cast<int>(argv.size()), argv.data());
  std::fflush(nullptr);
  ::dup2(captured.get(), STDOUT_FILENO);
  return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
}

TEST(Cli, AMistypedOptionOrCommandIsRefusedWithASuggestion) {
  const Outcome option = run({"run", "--storge.path", "/x"});
  EXPECT_EQ(option.code, 2);
  EXPECT_THAT(option.err, ::testing::HasSubstr("did you mean --storage.path?"));
  const Outcome command = run({"statsu"});
  EXPECT_EQ(command.code, 2);
  EXPECT_THAT(command.err, ::testing::HasSubstr("did you mean status?"));
}

TEST(Cli, AWrongCommandIsNamedAndItsOwnHelpIsPointedTo) {
  const Outcome unknown = run({"frobnicate"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, ::testing::HasSubstr("no command 'frobnicate'"));
  const Outcome missing = run({"remedy", "plan"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_EQ(missing.err,
            "chiron: remedy plan: REMEDY is missing\n`chiron remedy plan --help` tells what it takes\n");
  EXPECT_THAT(run({"remedy"}).err, ::testing::HasSubstr("a command is missing: list, show, plan"));
  EXPECT_THAT(run({"status", "extra"}).err, ::testing::HasSubstr("'extra'"));
  EXPECT_THAT(run({"run", "--sampling.interval"}).err,
              ::testing::HasSubstr("--sampling.interval needs a value"));
}

TEST(Cli, AFlagWithAValueThatIsNoneIsRefusedAsAnyOtherSetting) {
  for (const char* option : {"--collector.cpu=maybe", "--no-collector.cpu=maybe"}) {
    const Outcome outcome = run({"check", "--config.file", "/dev/null", option});
    EXPECT_EQ(outcome.code, 1) << option;
    EXPECT_THAT(outcome.out, ::testing::HasSubstr("'maybe' is neither true nor false")) << option;
  }
  // A command line for node_exporter turns off what is not here.
  EXPECT_EQ(run({"config", "show", "--config.file", "/dev/null", "--no-collector.wifi", "--no-collector.zfs",
                 "--log.level=warn", "--path.udev.data=/run/udev/data"})
                .code,
            0);
  const Outcome elsewhere = run({"config", "show", "--config.file", "/dev/null", "--collector.wifi"});
  EXPECT_NE(elsewhere.code, 0);
  EXPECT_THAT(elsewhere.err, ::testing::HasSubstr("only node_exporter has that collector"));
  const Outcome shown = run({"config", "show", "--config.file", "/dev/null", "--no-collector.cpu"});
  EXPECT_THAT(shown.out, ::testing::ContainsRegex("collector.cpu +option --collector.cpu +false"));
}

TEST(Cli, AUnitFileOfNodeExportersCanTurnOffAllCollectorsButTheNamed) {
  const Outcome shown = run({"config", "show", "--config.file", "/dev/null", "--collector.disable-defaults",
                             "--collector.interrupts", "--collector.interrupts.name-include=^(NMI|LOC);",
                             "--no-collector.interrupts.include-zeros"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out,
              ::testing::ContainsRegex("collector.cpu +option --collector.disable-defaults +false"));
  EXPECT_THAT(shown.out,
              ::testing::ContainsRegex("collector.interrupts +option --collector.interrupts +true"));
  EXPECT_THAT(shown.out, ::testing::ContainsRegex("collector.interrupts.include-zeros +option [^ ]+ +false"));
}

TEST(Cli, WhatCannotBePrintedIsAFailure) {
  const Outcome outcome = run({"version"}, "/dev/full");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("No space left on device"));
}

TEST(Cli, MistakesInAnExpressionAreShownWithoutAnAgent) {
  const Outcome outcome = run({"query", "sum(rate(foo)) + bar["});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("EXPR:1:10: error: expected type range vector"));
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("             ^~~"));
}

TEST(Cli, ATimeThatIsNoneIsAMistakeOfUsageWhateverTheOption) {
  for (const char* option : {"--time", "--start", "--end"}) {
    std::vector<std::string> arguments{"query", "up", option, "noon"};
    if (option == std::string("--end")) arguments.insert(arguments.end(), {"--start", "1m"});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << option;
    EXPECT_THAT(outcome.err,
                ::testing::HasSubstr(std::string(option) + ": 'noon' is neither Unix seconds, nor"));
  }
  // One that is a duration ago gets as far as to the agent, which is not there.
  const chiron::testing::TempDir dir;
  const Outcome asked = run({"query", "up", "--time", "1m", "--storage.path", dir / ""});
  EXPECT_EQ(asked.code, 1);
  EXPECT_THAT(asked.err, ::testing::HasSubstr("no agent answers at"));
}

TEST(CliPromql, RunsScriptsAndCountsWhatFails) {
  const chiron::testing::TempDir dir;
  const std::string good = dir.write("good.test", "load 1m\n  up 1 2\n\neval instant at 1m up\n  up 2\n");
  const std::string bad = dir.write("bad.test", "eval instant at 0 1 + 1\n  3\n\neval instant at 0 1\n  1\n");
  const Outcome fine = run({"promql", "test", good});
  EXPECT_EQ(fine.code, 0);
  EXPECT_EQ(fine.out, "1 passed, 0 failed\n");
  const Outcome failed = run({"promql", "test", good, bad});
  EXPECT_EQ(failed.code, 1);
  EXPECT_EQ(failed.out, bad + ":1: expected 3, got 2\n2 passed, 1 failed\n");
  const Outcome missing = run({"promql", "test", dir / "none.test"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.out, ::testing::HasSubstr("none.test: "));
  EXPECT_THAT(missing.out, ::testing::EndsWith("0 passed, 1 failed\n"));
}

TEST(CliPromql, PrintsTheTreeOfAnExpressionOrItsMistakes) {
  const Outcome tree = run({"promql", "parse", "sum by (job) (rate(up[5m])) > 1"});
  EXPECT_EQ(tree.code, 0);
  EXPECT_EQ(tree.out,
            "operator (instant vector): sum by (job) (rate(up[5m])) > 1\n"
            "  aggregation (instant vector): sum by (job) (rate(up[5m]))\n"
            "    call (instant vector): rate(up[5m])\n"
            "      range selector (range vector): up[5m]\n"
            "  number (scalar): 1\n");
  const Outcome wrong = run({"promql", "parse", "rate(up)"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, ::testing::HasSubstr("EXPR:1:6: error: expected type range vector"));
}

TEST(CliPromql, ExperimentalPartsHaveToBeEnabled) {
  EXPECT_THAT(run({"promql", "parse", "limitk(1, up)"}).err,
              ::testing::HasSubstr("limitk() is experimental and must be enabled with "
                                   "--enable-feature=promql-experimental-functions"));
  EXPECT_EQ(run({"promql", "parse", "limitk(1, up)", "--enable-feature=promql-experimental-functions"}).code,
            0);
  const std::vector<std::vector<std::string>> places = {
      {"--enable-feature=promql-experimental-functions", "limitk(1, up)"},
      {"--enable-feature", "promql-experimental-functions", "limitk(1, up)"},
      {"--enable-feature", "promql-binop-fill-modifiers", "--enable-feature=promql-experimental-functions",
       "limitk(1, up)"},
      {"limitk(1, up)", "--enable-feature", "promql-experimental-functions"}};
  for (const std::vector<std::string>& words : places) {
    std::vector<std::string> line = {"promql", "parse"};
    line.insert(line.end(), words.begin(), words.end());
    const Outcome outcome = run(line);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, ::testing::StartsWith("aggregation (instant vector): limitk(1, up)"));
  }
  const Outcome unknown = run({"promql", "parse", "up", "--enable-feature", "promql-magic"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, ::testing::HasSubstr("'promql-magic' is none of promql-experimental-functions"));
}

TEST(CliPromql, ParsesALineAtATime) {
  std::istringstream lines("\"up\"\n\"1 +\"\n\"\\u00fc\"\n{}\n\n\"start()\"\n");
  std::streambuf* const standard = std::cin.rdbuf(lines.rdbuf());
  const Outcome outcome = run({"promql", "parse", "--batch"});
  std::cin.rdbuf(standard);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out,
            "{\"ok\":true}\n"
            "{\"ok\":false,\"error\":\"unexpected end of input\"}\n"
            "{\"ok\":false,\"error\":\"unexpected character: 'ü'\"}\n"
            "{\"ok\":false,\"error\":\"the line is no JSON string\"}\n"
            "{\"ok\":false,\"error\":\"the line is no JSON string\"}\n"
            "{\"ok\":true}\n");
  EXPECT_EQ(run({"promql", "parse"}).code, 2);
  EXPECT_EQ(run({"promql", "parse", "up", "--batch"}).code, 2);
}

TEST(Cli, AnExpressionThatBeginsWithADashIsToldToComeAfterTwo) {
  const std::string hint = "`--` goes before an expression that begins with a dash";
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"promql", "parse", "-up"}, {"query", "-up"}}) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 2) << words.back();
    EXPECT_THAT(outcome.err, ::testing::HasSubstr("there is no option " + words.back()));
    EXPECT_THAT(outcome.err, ::testing::HasSubstr(hint));
  }
  EXPECT_THAT(run({"promql", "parse", "--btch"}).err, ::testing::HasSubstr("did you mean --batch?"));
  EXPECT_EQ(run({"promql", "parse", "--", "-up"}).code, 0);
}

TEST(Cli, MistakesInTheOptionsOfHistoryAreUsageErrors) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--limit", "-3"},
                                             {"--limit", "0"},
                                             {"--limit", "x"},
                                             {"--since", "yesterday"},
                                             {"--outcome", "sucess"}}) {
    const Outcome outcome = run({"history", words[0], words[1]});
    EXPECT_EQ(outcome.code, 2) << words[0];
    EXPECT_THAT(outcome.err, ::testing::HasSubstr(words[0]));
  }
}

TEST(Cli, WritesAConfigurationOnlyWhereNothingIs) {
  const testing::TempDir dir;
  const std::string file = dir / "chiron.yml";
  EXPECT_EQ(run({"config", "init", file}).code, 0);
  EXPECT_EQ(run({"check", "--config.file", file}).code, 0);
  const Outcome again = run({"config", "init", file});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, ::testing::HasSubstr("exists already"));
  EXPECT_THAT(run({"config", "init", dir / "absent/chiron.yml"}).err, ::testing::HasSubstr("mkdir -p"));
}

TEST(Cli, ChecksTheRemediesNamedAgainstRules) {
  const testing::TempDir dir;
  const std::string remedy =
      dir.write("r.yml",
                "remedies:\n  - name: x\n    on: {alerts: ['alertname=\"Nobody\"']}\n"
                "    target: x.service\n    steps: [{service.restart: {unit: x.service}}]\n");
  const Outcome outcome = run({"check", "--config.file", "/dev/null", remedy});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("no alert of the rules can trigger x"));
  const std::string rules =
      dir.write("rules.yml", "groups: [{name: g, rules: [{alert: Nobody, expr: up == 0}]}]\n");
  EXPECT_THAT(run({"check", "--config.file", "/dev/null", remedy, rules}).out,
              ::testing::HasSubstr("2 files: 1 rule in 1 group, 1 remedy; 0 errors, 0 warnings"));
}

TEST(Cli, CheckNamesWhatIsArmedForATime) {
  const testing::TempDir dir;
  const std::string config = dir.write("c.yml", "remedies: {rescue-disk: {mode: automatic, for: 30d}}\n");
  const Outcome outcome = run({"check", "--config.file", config, "--storage.path", dir / "state"});
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(outcome.out,
              ::testing::HasSubstr("remedy rescue-disk is armed for 30d, from when an agent first "
                                   "sees that; then it is in dry-run\n"));
}

TEST(Cli, ChecksConfigurationRulesAndRemediesTogetherAndTellsEachFaultOnce) {
  const testing::TempDir dir;
  const std::string rules = dir.write("r.yml", "groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]\n");
  const std::string remedies = dir.write("m.yml", "remedies: [{name: x, target: '', steps: []}]\n");
  const std::string config =
      dir.write("c.yml", "rule_files: [r.yml]\nremedy_files: [m.yml]\nfrobnicate: 1\n");
  const Outcome outcome = run({"check", rules, remedies, config, rules});
  EXPECT_EQ(outcome.code, 1);
  for (const char* fault : {"unclosed left parenthesis", "\"on\" is missing", "unknown key \"frobnicate\""}) {
    const std::size_t at = outcome.out.find(fault);
    EXPECT_NE(at, std::string::npos) << fault << '\n' << outcome.out;
    EXPECT_EQ(at, outcome.out.rfind(fault)) << outcome.out;
  }
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("3 files"));
  const std::string empty = dir.write("empty.yml", "groups:\n");
  EXPECT_THAT(run({"check", empty}).out, ::testing::HasSubstr("0 errors"));
}

TEST(Cli, PlansWithoutAnAgentThatNeverRan) {
  const testing::TempDir dir;
  const Outcome outcome = run({"remedy", "plan", "rescue-disk", "--target", "/", "--config.file", "/dev/null",
                               "--storage.path", dir / "state"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("no agent answers"));
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("step disk.rescue"));
}

TEST(Cli, NamesFromStrangersDoNotSteerTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\x07\n\t\xc2\x9b"
                      "2J caf\xc3\xa9\xff"),
            "a?[31mb?\n\t?2J caf\xc3\xa9\xef\xbf\xbd");
  Table table({"A", "B"});
  table.add({"one\ntwo", "x"});
  EXPECT_EQ(table.to_string(), "A        B\none two  x\n");
}

TEST(Cli, NamesFromStrangersBeginNoLine) {
  const std::string forged = "x\nalert firing for 1 s\r\tremedy";
  const Json decision{{"target", forged},
                      {"alert", {{"state", "firing"}, {"name", forged}}},
                      {"decision", {{"reason", "none"}, {"detail", forged}}}};
  const Json why{{"name", "A"},
                 {"rules", Json::array()},
                 {"alerts", {{{"state", "firing"}, {"labels", {{"name", forged}}}}}},
                 {"remedies", {{{"name", "r"}, {"on", "A"}, {"alerts", "A"}, {"decisions", {decision}}}}}};
  const std::string text = why_text(why);
  EXPECT_THAT(text, ::testing::HasSubstr("x alert firing for 1 s  remedy"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("\nalert firing for 1 s")));
  const Json run{
      {"id", "1"},
      {"state", "failed"},
      {"reason", "a\nrun 2: succeeded"},
      {"steps", {{{"action", "command.run"}, {"outcome", "failed"}, {"detail", "b\nrun 3: failed\nc"}}}}};
  EXPECT_THAT(run_text(run), ::testing::HasSubstr("run 1: failed: a run 2: succeeded\n"));
  EXPECT_THAT(run_text(run), ::testing::HasSubstr("b\n           run 3: failed\n           c\n"));
}

TEST(Cli, WithoutACommandItSaysHowToGoOn) {
  const Outcome outcome = run({});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("chiron --help"));
}

TEST(Cli, EveryCommandHasHelp) {
  for (const char* command : {"run", "check", "status", "query", "why", "remedy", "action", "history",
                              "collectors", "actions", "config", "version"}) {
    const Outcome outcome = run({command, "--help"});
    EXPECT_EQ(outcome.code, 0) << command;
    EXPECT_THAT(outcome.out, ::testing::HasSubstr("Usage")) << command;
  }
}

TEST(Cli, AskingWithoutAnAgentFailsAndSaysSo) {
  const Outcome outcome = run({"status", "--storage.path", "/nonexistent"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("no agent answers at /nonexistent/control.sock"));
}

TEST(Cli, AConfigurationThatIsNamedAndCannotBeReadLeadsToNoOtherAgent) {
  const testing::TempDir dir;
  const Outcome outcome = run({"remedy", "pause", "--config.file", dir / "absent.yml"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "chiron: " + dir / "absent.yml" + ": No such file or directory\n");
  EXPECT_THAT(run({"status", "--config.file", dir / "absent.yml", "--storage.path", dir / "state"}).err,
              ::testing::HasSubstr("no agent answers at"));
}

TEST(Cli, HistoryTellsNoneFromNoneOfThatKind) {
  const testing::TempDir dir;
  ASSERT_TRUE(remediation::Ledger::open({.directory = dir / ""}, system_clock(), null_log()).ok());
  EXPECT_EQ(run({"history", "--storage.path", dir / ""}).out, "no runs yet\n");
  EXPECT_EQ(run({"history", "--storage.path", dir / "", "--remedy", "x"}).out, "no such runs\n");
  EXPECT_EQ(run({"history", "--storage.path", dir / "", "--remedy", "x", "--json"}).out, "[]\n");
}

TEST(Cli, ListsActionsWithTheirArguments) {
  const Outcome outcome = run({"actions"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("disk.rescue"));
  EXPECT_EQ(run({"actions", "--json"}).out.front(), '[');
}

}  // namespace
}  // namespace chiron::agent
