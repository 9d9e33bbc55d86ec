#include "remediation/actions/logs/logrotate_config.h"

#include "tests/support/temp_dir.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using chiron::testing::TempDir;

LogrotatePatterns parse(std::string_view text, bool whole = true) {
  LogrotatePatterns patterns;
  std::vector<std::string> includes;
  EXPECT_EQ(parse_logrotate(text, patterns, includes), whole) << text;
  return patterns;
}

TEST(LogrotateConfig, KnowsTheLogsOfItsBlocks) {
  const LogrotatePatterns patterns = parse(R"(# see "man logrotate"
weekly
rotate 4
compresscmd /usr/bin/xz
/var/log/apt/term.log {
  rotate 12
}
/var/log/mail.log
/var/log/auth.log
"/var/log/with blank/*.log" /var/log/a*/b?.log{
  sharedscripts
  postrotate
    # } not the end
    if [ -f /run/x.pid ]; then { kill -HUP 1; }; fi
  endscript
}
/var/log/one.log { daily }
)");
  for (const char* path : {"/var/log/apt/term.log", "/var/log/mail.log", "/var/log/auth.log",
                           "/var/log/with blank/x.log", "/var/log/abc/b1.log", "/var/log/one.log"})
    EXPECT_TRUE(patterns.owns(path)) << path;
  for (const char* path : {"/var/log/apt/history.log", "/var/log/abc/b12.log", "/usr/bin/xz", "/run/x.pid"})
    EXPECT_FALSE(patterns.owns(path)) << path;
}

TEST(LogrotateConfig, WhereItMovesOldOnesIsItsOwnToo) {
  const LogrotatePatterns patterns =
      parse("/srv/*/x.log {\n  olddir old\n}\n/srv/y.log {\n olddir /srv/archive\n}\n");
  EXPECT_TRUE(patterns.owns("/srv/a/old/x.log.1"));
  EXPECT_TRUE(patterns.owns("/srv/archive/y.log"));
  EXPECT_FALSE(patterns.owns("/srv/old"));
}

TEST(LogrotateConfig, ADamagedFileOwnsEveryPathInIt) {
  for (const char* text : {"/var/log/a.log {\n  daily\n", "/var/log/a.log {\n postrotate\n true\n}\n",
                           "/var/log/a.log\n", "{ /var/log/a.log }\n", "daily }\n/var/log/a.log {\n}\n",
                           "x/var/log/a.log {\n", "/var/log/b.log {\n/var/log/a.log {\n}\n"}) {
    EXPECT_TRUE(parse(text, false).owns("/var/log/a.log")) << text;
  }
}

TEST(LogrotateConfig, APatternThatIsNotUnderstoodOwnsItsDirectory) {
  const LogrotatePatterns patterns = parse("/var/log/app/../*.log {\n}\n");
  EXPECT_FALSE(patterns.owns("/var/log/x.log"));
  EXPECT_TRUE(parse("/var/log//app/*.log {\n}\n").owns("/var/log/app/x.log"));
}

TEST(LogrotateConfig, ReadsWhatIsIncludedAndDirectories) {
  const TempDir host;
  const HostPaths paths({.procfs = "/proc", .sysfs = "/sys", .rootfs = host.path().string()});
  const Result<LogrotatePatterns> none = load_logrotate(paths);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->owns("/var/log/a.log"));

  host.write("etc/logrotate.conf",
             "include /etc/extra.d\ninclude /etc/logrotate.conf\n/var/log/a.log {\n}\n");
  host.write("etc/logrotate.d/b", "/var/log/b.log {\n}\n");
  host.write("etc/extra.d/c", "/var/log/c.log {\n}\n");
  const Result<LogrotatePatterns> patterns = load_logrotate(paths);
  ASSERT_TRUE(patterns.ok());
  for (const char* path : {"/var/log/a.log", "/var/log/b.log", "/var/log/c.log"})
    EXPECT_TRUE(patterns->owns(path)) << path;
  host.write("etc/logrotate.d/large", std::string(2 << 20, '#'));
  EXPECT_FALSE(load_logrotate(paths).ok());
}

}  // namespace
}  // namespace chiron::remediation
