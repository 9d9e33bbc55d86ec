#include "agent/state_saver.h"

#include "tests/support/recording_log.h"

#include <future>
#include <vector>

#include <gmock/gmock.h>

namespace chiron::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(StateSaver, WritesTheNewestAndWhatIsLeft) {
  std::promise<void> began, go_on;
  std::vector<std::string> written;
  {
    StateSaver saver(
        [&](const std::string& state) {
          written.push_back(state);
          if (state == "1") {
            began.set_value();
            go_on.get_future().wait();
          }
          return Status();
        },
        null_log());
    saver.save("1");
    began.get_future().wait();
    saver.save("2");
    saver.save("3");
    go_on.set_value();
  }
  EXPECT_THAT(written, ElementsAre("1", "3"));
}

TEST(StateSaver, SaysOnceThatItCannotWriteUntilItCould) {
  testing::RecordingLog log;
  for (const bool recovers : {false, true}) {
    std::promise<void> wrote[3];
    std::size_t count = 0;
    {
      StateSaver saver(
          [&](const std::string&) {
            const std::size_t turn = count++;
            wrote[turn].set_value();
            return recovers && turn == 1 ? Status() : Status(Error(ErrorCode::exhausted, "no room"));
          },
          log);
      for (std::promise<void>& one : wrote) {
        saver.save("x");
        one.get_future().wait();
      }
    }
    EXPECT_EQ(log.count("alert progress not saved"), recovers ? 3 : 1);
  }
}

TEST(StateSaver, IsDueAtChangesAndWhileThereIsSomething) {
  StateSaver saver([](const std::string&) { return Status(); }, null_log());
  const BootTime begin(1h);
  EXPECT_TRUE(saver.due(true, true, begin));
  EXPECT_FALSE(saver.due(false, true, begin + StateSaver::kAge));
  EXPECT_FALSE(saver.due(false, false, begin + StateSaver::kAge + 1s));
  EXPECT_TRUE(saver.due(false, true, begin + StateSaver::kAge + 2s));
  EXPECT_FALSE(saver.due(false, true, begin + StateSaver::kAge + 7s));
  EXPECT_TRUE(saver.due(true, false, begin + StateSaver::kAge + 8s));
}

}  // namespace
}  // namespace chiron::agent
