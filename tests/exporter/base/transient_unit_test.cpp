#include "exporter/base/transient_unit.h"

#include "exporter/base/file.h"
#include "exporter/base/transient_properties.h"
#include "tests/support/raw_socket.h"
#include "tests/support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// What a real systemd makes of it: tests/lab/transient_unit_lab.cpp.
namespace chiron {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RawServer;
using testing::RawSocket;
using testing::TempDir;
using namespace std::chrono_literals;

TransientCommand command() {
  TransientCommand unit;
  unit.unit = "chiron-run-x-0.service";
  unit.command.argv = {"/bin/true"};
  return unit;
}

TEST(TransientUnitTest, WritesEnvironmentsAsSystemdReadsThem) {
  EXPECT_EQ(environment_file_text({{"A", "plain"}, {"_B2", "a \"b\" $c `d` \\e\nf"}}).value_or(""),
            "A=\"plain\"\n_B2=\"a \\\"b\\\" \\$c \\`d\\` \\\\e\nf\"\n");
  EXPECT_EQ(environment_file_text({}).value_or("x"), "");
  for (const char* name : {"", "1A", "A-B", "A B", "\xc3\xa4"}) {
    EXPECT_EQ(environment_file_text({{name, ""}}).error().code(), ErrorCode::invalid_argument) << name;
  }
  EXPECT_THAT(environment_file_text({{"A", "\xff"}}).error().to_string(), HasSubstr("A is not UTF-8"));
  EXPECT_FALSE(environment_file_text({{"A", std::string("a\0b", 3)}}));
}

TEST(TransientUnitTest, WithoutABusNothingIsStartedAndNothingIsLeft) {
  const TempDir dir;
  TransientUnits units({"unix:path=" + (dir / "none")}, dir / "run/commands");
  EXPECT_EQ(units.answers(1s).error().code(), ErrorCode::unavailable);
  const auto outcome = units.run(command(), {}, [] { return false; });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("chiron-run-x-0.service could not be started"));
  EXPECT_THAT(list_directory(dir / "run/commands").value_or({"?"}), IsEmpty());
}

TEST(TransientUnitTest, ABusThatHangsIsLeft) {
  const TempDir dir;
  const RawServer silent([](RawSocket& socket) { socket.receive_all(60s); }, dir / "bus");
  TransientUnits units({"unix:path=" + (dir / "bus")}, dir / "commands");
  EXPECT_EQ(units.answers(50ms).error().code(), ErrorCode::timed_out);
}

TEST(TransientUnitTest, RefusesNamesAndWhatIsCancelledBeforeItAsksTheBus) {
  const TempDir dir;
  TransientUnits units({"unix:path=" + (dir / "none")}, dir / "commands");
  TransientCommand unit = command();
  for (const char* name : {"x", "x.timer", "../x.service", ""}) {
    unit.unit = name;
    EXPECT_EQ(units.run(unit, {}, [] { return false; }).error().code(), ErrorCode::invalid_argument) << name;
  }
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(units.run(command(), cancel, [] { return true; }).error().code(), ErrorCode::cancelled);
}

TEST(TransientUnitTest, TextThatTheBusDoesNotCarryIsRefused) {
  const TempDir dir;
  TransientUnits units({"unix:path=" + (dir / "none")}, dir / "commands");
  TransientCommand unit = command();
  unit.command.environment = {{"A-B", "c"}};
  EXPECT_EQ(units.run(unit, {}, [] { return false; }).error().code(), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace chiron
