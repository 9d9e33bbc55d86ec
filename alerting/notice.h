#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/series/labels.h"

#include <string>
#include <utility>
#include <vector>

namespace chiron::alerting {

/// An alert as Alertmanager is told of it.
struct Notice {
  Labels labels;
  std::vector<std::pair<std::string, std::string>> annotations;
  WallTime starts_at{};
  WallTime ends_at{};  ///< in the past: resolved
  std::string generator_url;
};

/// One element of the array that POST /api/v2/alerts takes. Bytes that are no UTF-8 become U+FFFD.
std::string to_json(const Notice& notice);

/// Tells people. Thread-safe.
class Notifier {
 public:
  virtual ~Notifier() = default;
  /// The addresses of those to tell; empty: there is nobody.
  virtual std::vector<std::string> receivers() const = 0;
  /// Blocks until one receiver has taken the notice: its address. timed_out: none had by then, and it stays
  /// queued; unavailable: there is no receiver, or each has refused it; cancelled.
  virtual Result<std::string> deliver(const Notice& notice, Duration within, const CancelToken& cancel) = 0;
};

}  // namespace chiron::alerting
