#include "remediation/actions/deletion/bounded.h"

#include <fmt/format.h>

namespace chiron::remediation {

Error no_answer(const ActionContext& context, const std::string& path) {
  if (context.cancel.cancelled())
    return {ErrorCode::cancelled, fmt::format("cancelled while waiting for the file system of {}", path)};
  return {ErrorCode::timed_out, fmt::format("the file system of {} did not answer in time", path)};
}

Error no_question(Isolation::Outcome why, const std::string& path) {
  if (why == Isolation::Outcome::busy) {
    return {ErrorCode::unavailable,
            fmt::format("the file system of {} has not answered an earlier question: it hangs", path)};
  }
  return {ErrorCode::exhausted, fmt::format("{}: too many file systems hang; no more are asked", path)};
}

}  // namespace chiron::remediation
