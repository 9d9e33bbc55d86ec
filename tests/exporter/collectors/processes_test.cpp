#include "exporter/collectors/task_directory.h"
#include "tests/exporter/collectors/host_fixture.h"

#include <thread>

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/// A child that ends when it is killed, with the number `wanted` or, for 0, any; -1 when it cannot have it.
pid_t start_child(pid_t wanted, bool stopped) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  if (wanted != 0) {
    args.set_tid = reinterpret_cast<std::uintptr_t>(&wanted);
    args.set_tid_size = 1;
  }
  const long child = ::syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) {
    if (stopped) ::raise(SIGSTOP);
    for (;;) ::pause();
  }
  return static_cast<pid_t>(child);
}

void end_child(pid_t child) {
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(TaskDirectory, ANumberThatIsUsedAgainIsAnotherTask) {
  TaskStatFiles files;
  TaskDirectory all(files);
  const auto stat_of = [&](pid_t child) {
    files.begin_pass();
    EXPECT_TRUE(all.open(HostPaths().proc("")).ok());
    Result<TaskStat> stat = all.stat(std::to_string(child));
    files.end_pass();
    return stat;
  };
  const pid_t child = start_child(0, false);
  ASSERT_GT(child, 0);
  for (int pass = 0; pass < 2; ++pass) EXPECT_TRUE(stat_of(child).ok());
  EXPECT_EQ(files.size(), 1u);
  end_child(child);
  EXPECT_EQ(stat_of(child).error().code(), ErrorCode::not_found);
  EXPECT_EQ(files.size(), 0u);

  const pid_t first = start_child(0, false);
  ASSERT_TRUE(stat_of(first).ok());
  end_child(first);
  const pid_t second = start_child(first, true);
  if (second < 0) GTEST_SKIP() << "may not choose the number of a process";
  ASSERT_EQ(::waitpid(second, nullptr, WUNTRACED), second);
  const Result<TaskStat> stat = stat_of(second);
  ASSERT_TRUE(stat.ok());
  EXPECT_EQ(stat->state, 'T');
  end_child(second);
}

TEST(TaskStatFiles, KeepsAFewAndLetsGoOfWhatWasNotAskedFor) {
  TaskStatFiles files;
  files.begin_pass();
  for (std::uint32_t number = 0; number < 2 * TaskStatFiles::kMost; ++number)
    files.keep(number, FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  files.end_pass();
  EXPECT_GT(files.size(), 0u);
  EXPECT_LE(files.size(), TaskStatFiles::kMost);
  files.begin_pass();
  EXPECT_GE(files.find(0), 0);
  EXPECT_EQ(files.find(2 * TaskStatFiles::kMost), -1);
  files.end_pass();
  EXPECT_EQ(files.size(), 1u);
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
