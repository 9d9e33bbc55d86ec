#include "exporter/collectors/task_directory.h"
#include "tests/exporter/collectors/host_fixture.h"

#include <thread>

#include <unistd.h>

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

std::string stat(std::string_view name, char state, unsigned threads) {
  return "17 (" + std::string(name) + ") " + state + " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 " +
         std::to_string(threads) + " 0 100 2121728 211\n";
}

class Processes : public HostFixture {};

TEST(TaskStat, TheLastBracketEndsTheName) {
  const auto found = parse_task_stat(stat("a) Z 1 (b", 'S', 4));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, 'S');
  EXPECT_EQ(found->threads, 4u);
}

TEST(TaskStat, RefusesNonsense) {
  for (const char* bad :
       {"", "17", "17 (a", "17 (a)", "17 (a) SS 1 2", "17 (a) 7 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 1 0\n",
        "17 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 x 0\n",
        "17 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 1"}) {
    EXPECT_FALSE(parse_task_stat(bad)) << bad;
  }
}

TEST_F(Processes, CountsThemByState) {
  proc("1/stat", stat("init", 'S', 1));
  proc("17/stat", stat("web server", 'R', 3));
  proc("17/task/17/stat", stat("web server", 'S', 3));  // the state above is the one that counts
  proc("17/task/18/stat", stat("web server", 'S', 3));
  proc("17/task/19/stat", stat("web server", 'D', 3));
  proc("20/status", "a process that has ended");
  proc("self/stat", stat("not a number", 'S', 1));
  proc("sys/kernel/threads-max", "192730\n");
  proc("sys/kernel/pid_max", "32768\n");
  make("processes");
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(collect().ok());
    EXPECT_EQ(lines(), (Lines{"node_processes_max_processes 32768", "node_processes_max_threads 192730",
                              "node_processes_pids 2", R"(node_processes_state{state="R"} 1)",
                              R"(node_processes_state{state="S"} 1)", "node_processes_threads 4",
                              R"(node_processes_threads_state{thread_state="D"} 1)",
                              R"(node_processes_threads_state{thread_state="R"} 1)",
                              R"(node_processes_threads_state{thread_state="S"} 2)"}));
  }
}

TEST_F(Processes, WithoutTheStatesOfThreads) {
  proc("1/stat", stat("init", 'S', 5));
  proc("2/stat", stat("kthreadd", 'S', 1));
  option("threads-state", {"false"});
  make("processes");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{"node_processes_pids 2", R"(node_processes_state{state="S"} 2)",
                            "node_processes_threads 6"}));
}

TEST_F(Processes, BadFilesAndNone) {
  make("processes");
  expect_no_data();
  proc("1/stat", stat("init", 'S', 1));
  proc("2/stat", "2 (kthreadd) ");
  proc("sys/kernel/pid_max", "many\n");
  expect_failure("2 problems, the first: ");
  expect_failure("sys/kernel/pid_max:1: expected a number, found 'many'");
  EXPECT_EQ(lines().front(), "node_processes_pids 1");
  proc("sys/kernel/pid_max", "32768\n");
  expect_failure("proc/2/stat:1: expected a name in brackets");
}

TEST_F(Processes, ThisHostHasThisOne) {
  paths_ = HostPaths();
  make("processes");
  std::thread one_more([&] {
    const Status status = collect();
    EXPECT_TRUE(status.ok()) << status.error().to_string();
  });
  one_more.join();
  EXPECT_TRUE(mentions("node_processes_pids "));
  // The process is as its first thread, which may run or wait for the other.
  EXPECT_TRUE(mentions("node_processes_state{"));
  EXPECT_TRUE(mentions(R"(node_processes_threads_state{thread_state="R"})"));
}

}  // namespace
}  // namespace chiron
