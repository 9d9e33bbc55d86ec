#include "exporter/base/unit_watch.h"

#include "tests/support/raw_socket.h"
#include "tests/support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron {
namespace {

using ::testing::HasSubstr;
using testing::RawServer;
using testing::RawSocket;
using testing::TempDir;
using namespace std::chrono_literals;

std::unique_ptr<UnitWatch> make(const std::string& path) {
  const auto all = [](std::string_view) { return true; };
  return make_unit_watch({"unix:path=" + path}, {.wanted = all, .control_group = all, .tasks_max = true});
}

TEST(UnitWatchTest, ABusThatIsNotThereIsUnavailable) {
  const TempDir dir;
  const auto watch = make(dir / "none");
  const Status status = watch->update(5s);
  EXPECT_EQ(status.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(status.error().to_string(), HasSubstr("none: No such file"));
  EXPECT_EQ(watch->canonical_name("a.service", 1s).error().code(), ErrorCode::unavailable);
}

TEST(UnitWatchTest, ABusThatHangsIsLeftAtTheDeadline) {
  const TempDir dir;
  const RawServer silent([](RawSocket& socket) { socket.receive_all(60s); }, dir / "bus");
  const auto watch = make(dir / "bus");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(watch->update(50ms).error().code(), ErrorCode::timed_out);
  EXPECT_EQ(watch->canonical_name("a.service", 50ms).error().code(), ErrorCode::timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

TEST(UnitWatchTest, ABusThatEndsIsUnavailable) {
  const TempDir dir;
  const RawServer closing([](RawSocket&) {}, dir / "bus");
  EXPECT_EQ(make(dir / "bus")->update(20s).error().code(), ErrorCode::unavailable);
}

}  // namespace
}  // namespace chiron
