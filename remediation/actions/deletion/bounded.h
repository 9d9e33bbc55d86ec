#pragma once

#include "exporter/base/isolation.h"
#include "exporter/base/result.h"
#include "remediation/actions/action.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace chiron::remediation {

/// How often a waiter looks whether it was told to stop, and how long it waits for an earlier question to the
/// same file system before that counts as hung.
constexpr Duration kLookAtStop = std::chrono::milliseconds(50);
constexpr Duration kEarlierQuestion = std::chrono::seconds(2);
constexpr Duration kReturning = std::chrono::milliseconds(5);

Error no_answer(const ActionContext& context, const std::string& path);
Error no_question(Isolation::Outcome why, const std::string& path);

/// Asks the file system of `path` something that may never come back (a FUSE or NFS server that is gone), on
/// a thread of its own, and waits no longer than the step may take. A file system that has not answered an
/// earlier question is not asked again. `question` owns what it touches: it may outlive the step.
template <class T>
Result<T> ask_file_system(const ActionContext& context, const std::string& path,
                          std::function<Result<T>()> question) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable there;
    std::optional<Result<T>> result;  // guarded by mutex
  };
  const auto answer = std::make_shared<Answer>();
  const auto ask = [answer, question = std::move(question)] {
    Result<T> result = question();
    const std::lock_guard lock(answer->mutex);
    answer->result = std::move(result);
    answer->there.notify_all();
  };
  const BootTime begin = context.clock.boot();
  Isolation::Outcome started = context.isolation.start(path, ask);
  while (started == Isolation::Outcome::busy && context.clock.boot() - begin < kEarlierQuestion) {
    // The thread that has answered just now is not back in its pool yet.
    const bool brief = context.clock.boot() - begin < kReturning;
    if (!brief && context.should_stop()) return no_answer(context, path);
    std::this_thread::sleep_for(brief ? kReturning / 100 : kReturning);
    started = context.isolation.start(path, ask);
  }
  if (started != Isolation::Outcome::done) return no_question(started, path);
  std::unique_lock lock(answer->mutex);
  while (!answer->there.wait_for(lock, kLookAtStop, [&] { return answer->result.has_value(); })) {
    if (context.should_stop()) return no_answer(context, path);
  }
  return *std::move(answer->result);
}

}  // namespace chiron::remediation
