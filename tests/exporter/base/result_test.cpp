#include "exporter/base/result.h"

#include <cerrno>

#include "exporter/base/clock.h"

namespace chiron {
namespace {

TEST(Error, KeepsTheCodeAndTheChain) {
  const Error error = Error::from_errno(ENOSPC, "/var/lib/x").wrap("cannot write the ledger");
  EXPECT_EQ(error.code(), ErrorCode::exhausted);
  EXPECT_EQ(error.to_string(), "cannot write the ledger: /var/lib/x: No space left on device");
}

TEST(Clock, Rfc3339HasMillisecondsBeforeTheEpochToo) {
  EXPECT_EQ(to_rfc3339(from_ms(1'700'000'000'042)), "2023-11-14T22:13:20.042Z");
  EXPECT_EQ(to_rfc3339(from_ms(-1)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace chiron
