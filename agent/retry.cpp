#include "agent/retry.h"

namespace chiron::agent {

Retry::Retry(Duration every, std::function<bool()> attempt)
    : every_(every), attempt_(std::move(attempt)), thread_([this] {
        while (!stop_.wait_for(every_) && !attempt_()) {
        }
      }) {}

Retry::~Retry() {
  stop_.cancel();
  thread_.join();
}

}  // namespace chiron::agent
