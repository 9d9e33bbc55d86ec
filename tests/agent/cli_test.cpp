#include "agent/cli.h"

namespace chiron::agent {
namespace {

struct Outcome {
  int code;
  std::string out, err;
};

Outcome run(std::vector<std::string> words) {
  words.insert(words.begin(), "chiron");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run_command_line(static_cast<int>(argv.size()), argv.data());
  std::fflush(nullptr);
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

TEST(Cli, ListsActionsWithTheirArguments) {
  const Outcome outcome = run({"actions"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("disk.rescue"));
  EXPECT_EQ(run({"actions", "--json"}).out.front(), '[');
}

}  // namespace
}  // namespace chiron::agent
