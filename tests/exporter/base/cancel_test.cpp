#include "exporter/base/cancel.h"

#include <poll.h>

namespace chiron {
namespace {

TEST(CancelToken, CopiesShareOneState) {
  CancelToken token;
  const CancelToken copy = token;
  EXPECT_FALSE(copy.cancelled());
  token.cancel();
  token.cancel();
  EXPECT_TRUE(copy.cancelled());
}

TEST(CancelToken, WakesTheWaiterAndTheDescriptor) {
  CancelToken token;
  pollfd entry{token.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0);
  std::thread canceller([token]() mutable { token.cancel(); });
  EXPECT_TRUE(token.wait_for(Duration::max()));
  EXPECT_EQ(::poll(&entry, 1, 10'000), 1);
  canceller.join();
}

TEST(CancelToken, WaitEndsWithoutCancellation) {
  const CancelToken token;
  EXPECT_FALSE(token.wait_for(std::chrono::milliseconds(1)));
  EXPECT_FALSE(token.wait_for(-std::chrono::seconds(1)));
}

}  // namespace
}  // namespace chiron
