#include "agent/cli.h"

namespace chiron::agent {
namespace {

TEST(Cli, RefusesAnUnknownCommand) {
  std::array<std::string, 2> words{"chiron", "frobnicate"};
  std::array<char*, 2> argv{words[0].data(), words[1].data()};
  EXPECT_EQ(run_command_line(2, argv.data()), 2);
}

}  // namespace
}  // namespace chiron::agent
