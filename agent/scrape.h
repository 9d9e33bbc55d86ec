#pragma once

#include "agent/loop.h"
#include "exporter/http/server.h"

#include <atomic>

namespace chiron::agent {

/// Answers GET /metrics: the page that is at most a second old, in the format and the coding that the scraper
/// wants most, of the collectors that it names. Thread-safe.
class Scrapes {
 public:
  /// `most`: how many are answered at a time, 0 for any number. `loop` outlives the object.
  Scrapes(Loop& loop, std::size_t most) : loop_(loop), most_(most) {}

  /// Waits for a fresh page until shortly before the scraper gives up (X-Prometheus-Scrape-Timeout-Seconds),
  /// 2 s when it does not say, and 10 s at most; then the last page it is.
  http::Response answer(const http::Request& request);

 private:
  http::Response answer_admitted(const http::Request& request);

  Loop& loop_;
  const std::size_t most_;
  std::atomic<std::size_t> under_way_{0};
};

}  // namespace chiron::agent
