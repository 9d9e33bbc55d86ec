#include "exporter/base/event_log.h"

#include "exporter/base/file.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chiron {
namespace {

using nlohmann::json;
using testing::TempDir;

/// A log to a file of the test's own.
struct Logged {
  explicit Logged(LogOptions options)
      : fd(::open((dir / "log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
        log(make_descriptor_log(options, fd.get())) {}
  std::vector<std::string> lines() const {
    std::vector<std::string> found;
    std::istringstream in(read_file(dir / "log").value_or(""));
    for (std::string line; std::getline(in, line);) found.push_back(line);
    return found;
  }
  TempDir dir;
  FileDescriptor fd;
  std::unique_ptr<EventLog> log;
};

TEST(EventLog, WritesOneJsonObjectALine) {
  const Logged to({.level = LogLevel::info, .format = LogFormat::json});
  to.log->warning("collector failed", {{"collector", "cpu"},
                                       {"n", std::int64_t{-3}},
                                       {"big", std::uint64_t{18446744073709551615U}},
                                       {"ratio", 0.5},
                                       {"ok", false},
                                       {"inf", HUGE_VAL},
                                       {"text", "a\"b\n\x01"},
                                       {"broken",
                                        "a\xff"
                                        "b"},
                                       {"event", "theirs"}});
  to.log->debug("not seen");
  ASSERT_EQ(to.lines().size(), 1U);
  const json line = json::parse(to.lines()[0]);
  EXPECT_THAT(line["time"].get<std::string>(), ::testing::MatchesRegex("....-..-..T..:..:..[.]...Z"));
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["event"], "collector failed");
  EXPECT_EQ(line["collector"], "cpu");
  EXPECT_EQ(line["n"], -3);
  EXPECT_EQ(line["big"], 18446744073709551615U);
  EXPECT_EQ(line["ratio"], 0.5);
  EXPECT_EQ(line["ok"], false);
  EXPECT_EQ(line["inf"], "+Inf");
  EXPECT_EQ(line["text"], "a\"b\n\x01");
  EXPECT_EQ(line["broken"],
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(line["field_event"], "theirs");
}

TEST(EventLog, TextIsOneReadableLine) {
  const Logged to({.level = LogLevel::debug, .format = LogFormat::text});
  to.log->info("remedy ran", {{"remedy", "restart-web"}, {"n", 3}, {"why", "two words"}, {"empty", ""}});
  to.log->debug("odd", {{"steer", "\x1b[2J\n\x7f\xC2\x9B"}, {"word", "é=\xff"}, {"nan", std::nan("")}});
  const auto lines = to.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].substr(24), " info    remedy ran remedy=restart-web n=3 why=\"two words\" empty=\"\"");
  EXPECT_EQ(lines[1].substr(24),
            " debug   odd steer=\"\\u001b[2J\\n\\u007f\\u009b\" word=\"é=\xEF\xBF\xBD\" nan=NaN");
}

TEST(EventLog, CountsWhatAFullDiskTakesAway) {
  const FileDescriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  const auto log = make_descriptor_log({}, full.get());
  log->info("one");
  log->info("two");
  EXPECT_EQ(log->lost(), 2U);
}

TEST(EventLog, SurvivesAPipeWithoutAReader) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor writer(ends[1]);
  ::close(ends[0]);
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  const auto log = make_descriptor_log({}, writer.get());
  log->error("nobody listens");
  EXPECT_EQ(log->lost(), 1U);
}

TEST(EventLog, IsNotHeldByAReaderThatStopped) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor reader(ends[0]);
  const FileDescriptor writer(ends[1]);
  const auto log = make_descriptor_log({}, writer.get());
  const std::string large(10'000, 'x');
  for (int i = 0; i < 50; ++i) log->info("much", {{"text", large}});
  EXPECT_GT(log->lost(), 40U);
  const std::uint64_t lost = log->lost();

  // Once somebody reads again, each line is whole or cut, and the next begins on a line of its own.
  ASSERT_EQ(::fcntl(reader.get(), F_SETFL, O_NONBLOCK), 0);
  std::string seen;
  std::vector<char> buffer(1 << 16);
  const auto drain = [&] {
    for (ssize_t n = 0; (n = ::read(reader.get(), buffer.data(), buffer.size())) > 0;) {
      seen.append(buffer.data(), static_cast<std::size_t>(n));
    }
  };
  drain();
  log->info("after", {});
  EXPECT_EQ(log->lost(), lost);
  drain();
  ASSERT_EQ(seen.back(), '\n');
  const std::size_t begin = seen.rfind('\n', seen.size() - 2) + 1;
  EXPECT_EQ(json::parse(seen.substr(begin))["event"], "after");
}

TEST(EventLog, CountsEagainOfASocket) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  const FileDescriptor reader(ends[0]);
  const FileDescriptor writer(ends[1]);
  const auto log = make_descriptor_log({}, writer.get());
  const std::string large(10'000, 'x');
  for (int i = 0; i < 200; ++i) log->info("much", {{"text", large}});
  EXPECT_GT(log->lost(), 0U);
}

TEST(EventLog, KeepsLinesOfManyThreadsApart) {
  const Logged to({});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&to, t] {
      for (int i = 0; i < 200; ++i) to.log->info("tick", {{"thread", t}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto lines = to.lines();
  EXPECT_EQ(lines.size(), 800U);
  for (const std::string& line : lines) EXPECT_TRUE(json::accept(line)) << line;
}

TEST(NullLog, SwallowsEverything) {
  null_log().error("x", {{"a", 1}});
  EXPECT_EQ(null_log().lost(), 0U);
}

}  // namespace
}  // namespace chiron
