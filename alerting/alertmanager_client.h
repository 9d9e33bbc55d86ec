#pragma once

#include "alerting/alertmanager_peer.h"
#include "alerting/notice.h"
#include "exporter/base/thread_annotations.h"

#include <memory>
#include <span>
#include <vector>

namespace chiron::alerting {

/// Posts alerts to every Alertmanager of the configuration (API v2), each through a queue and a thread of its
/// own, so that a dead one delays no other. Thread-safe; metrics and log outlive it.
class AlertmanagerClient final : public Notifier {
 public:
  /// `identity`: labels that say whose word a delivered notice is, added where it has none of the name.
  AlertmanagerClient(SelfMetrics& metrics, EventLog& log, Labels identity = {});

  /// The Alertmanagers from now on. Those that stay as they were keep their queues.
  void configure(std::vector<AlertmanagerSpec> specs) CHIRON_EXCLUDES(mutex_);
  /// Never blocks on the network.
  void send(std::span<const Notice> notices) CHIRON_EXCLUDES(mutex_);
  std::vector<std::string> receivers() const override CHIRON_EXCLUDES(mutex_);
  Result<std::string> deliver(const Notice& notice, Duration within, const CancelToken& cancel) override
      CHIRON_EXCLUDES(mutex_);
  /// Sends what waits, at most `wait`, and ends.
  void stop(Duration wait) CHIRON_EXCLUDES(mutex_);

 private:
  std::size_t enqueue(std::span<const Notice> notices, const std::shared_ptr<Delivery>& delivery)
      CHIRON_EXCLUDES(mutex_);

  SelfMetrics& metrics_;
  EventLog& log_;
  const Labels identity_;
  SelfMetrics::Gauge& discovered_;
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<AlertmanagerPeer>> peers_ CHIRON_GUARDED_BY(mutex_);
  /// No longer configured; a request of theirs may still be under way.
  std::vector<std::unique_ptr<AlertmanagerPeer>> retired_ CHIRON_GUARDED_BY(mutex_);
};

}  // namespace chiron::alerting
