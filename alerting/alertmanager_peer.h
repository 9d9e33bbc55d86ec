#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/result.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/series/self_metrics.h"

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace chiron::alerting {

/// One Alertmanager: an element of alertmanagers: in the configuration file, for one of its targets.
struct AlertmanagerSpec {
  std::string url = {};  ///< http[s]://HOST:PORT[/PREFIX], without a slash at the end
  Duration timeout = std::chrono::seconds(10);
  std::string username = {}, password_file = {};  ///< basic auth
  std::string credentials_type = "Bearer";
  std::string credentials_file = {};  ///< Authorization: TYPE CONTENT
  std::string ca_file = {};           ///< instead of the system's authorities
  bool insecure_skip_verify = false;
  bool operator==(const AlertmanagerSpec&) const = default;
};

/// How it goes with a notice that somebody waits for. Thread-safe.
class Delivery {
 public:
  void taken(const std::string& by) CHIRON_EXCLUDES(mutex_);
  void refused(const std::string& why) CHIRON_EXCLUDES(mutex_);
  /// Not now, but it is tried again.
  void delayed(const std::string& why) CHIRON_EXCLUDES(mutex_);
  /// Nobody is left who may take it: `peers` have refused. At most `within`.
  bool wait(std::size_t peers, Duration within) CHIRON_EXCLUDES(mutex_);
  /// Who was the first to take it.
  std::optional<std::string> taker() const CHIRON_EXCLUDES(mutex_);
  std::string why() const CHIRON_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::optional<std::string> taker_ CHIRON_GUARDED_BY(mutex_);
  std::size_t refusals_ CHIRON_GUARDED_BY(mutex_) = 0;
  std::string why_ CHIRON_GUARDED_BY(mutex_);
};

/// The queue and the thread of one Alertmanager. A newer word on an alert takes the place of an older one
/// that still waits, so that a server that was away for long is told what is so, not what was. What cannot be
/// delivered is tried again with growing pauses; what is refused (4xx) is not.
class AlertmanagerPeer {
 public:
  static constexpr std::size_t kCapacity = 10'000;
  static constexpr std::size_t kBatch = 64;

  struct Word {
    std::uint64_t alert = 0;  ///< fingerprint of its labels
    std::shared_ptr<const std::string> json;
    std::vector<std::shared_ptr<Delivery>> waiting;
  };

  /// metrics, log and clock outlive it.
  AlertmanagerPeer(AlertmanagerSpec spec, SelfMetrics& metrics, EventLog& log);
  /// Waits for the request under way, at most its timeout.
  ~AlertmanagerPeer();

  const AlertmanagerSpec& spec() const { return spec_; }
  /// Never blocks on the network. Past the capacity the oldest goes.
  void enqueue(std::vector<Word> words) CHIRON_EXCLUDES(mutex_);
  /// Sends what waits once more, without trying again, and ends.
  void finish() CHIRON_EXCLUDES(mutex_);
  /// Whether it has ended by then.
  bool wait_ended(Duration within) CHIRON_EXCLUDES(mutex_);

 private:
  using Queue = std::list<Word>;
  enum class Outcome { taken, refused, failed };

  void run() CHIRON_EXCLUDES(mutex_);
  bool wait_for_work(MutexLock& lock) CHIRON_REQUIRES(mutex_);
  std::vector<Word> take_batch() CHIRON_REQUIRES(mutex_);
  void put_back(std::vector<Word> batch) CHIRON_REQUIRES(mutex_);
  void drop_oldest() CHIRON_REQUIRES(mutex_);
  Outcome send(const std::vector<Word>& batch, std::string& why);
  void note(Outcome outcome, std::size_t words, const std::string& why);

  const AlertmanagerSpec spec_;
  EventLog& log_;
  SelfMetrics::Counter &sent_, &errors_, &dropped_;
  SelfMetrics::Gauge& length_;
  SelfMetrics::Histogram& latency_;

  Mutex mutex_;
  CondVar changed_;
  Queue queue_ CHIRON_GUARDED_BY(mutex_);
  std::unordered_map<std::uint64_t, Queue::iterator> by_alert_ CHIRON_GUARDED_BY(mutex_);
  Duration pause_ CHIRON_GUARDED_BY(mutex_){};    ///< before the next attempt
  bool hurry_ CHIRON_GUARDED_BY(mutex_) = false;  ///< somebody waits: the pause is cut short
  bool stop_ CHIRON_GUARDED_BY(mutex_) = false;
  bool ended_ CHIRON_GUARDED_BY(mutex_) = false;
  bool failing_ = false;  // its thread only
  std::thread thread_;
};

}  // namespace chiron::alerting
