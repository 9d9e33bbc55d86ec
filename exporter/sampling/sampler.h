#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/collectors/collector.h"
#include "exporter/sampling/timeline.h"
#include "exporter/series/exposition.h"
#include "exporter/series/self_metrics.h"
#include "exporter/series/store.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

class CollectorTask;

/// When a pass was taken, on both clocks.
struct PassTime {
  TimestampMs t = 0;
  BootTime boot{};
};

/// Runs the collectors, appends their frames to the store, and publishes the page of /metrics.
/// A collector that cannot hang runs on the calling thread; one that can has a thread of its own, and the
/// pass takes what has arrived when the others are done, plus a short grace that a collector which missed it
/// does not get again until it was in time. A last good frame stands for two intervals; then its series end.
class Sampler {
 public:
  struct Options {
    Duration interval = std::chrono::seconds(5);
    Duration grace = std::chrono::milliseconds(150);
    std::size_t series_limit = 20'000;  ///< per collector
    bool live = false;                  ///< the collectors read this host's own /proc and /sys
  };
  struct CollectorStatus {
    std::string name;
    bool success = false;
    bool no_data = false;  ///< nothing to report here, and that is normal
    std::string error;
    Duration duration{};
    std::size_t series = 0;
    Duration age{};  ///< of the frame that is published
  };

  /// `target`: the labels of up, scrape_duration_seconds and scrape_samples_scraped, which exist in the store
  /// only.
  Sampler(Catalogue& catalogue, Store& store, SelfMetrics& metrics, const Clock& clock, EventLog& log,
          Options options, Labels target = {});
  /// Waits for no collector that hangs.
  ~Sampler();

  /// Before the first sample().
  void add(std::string name, std::unique_ptr<Collector> collector);

  /// For the collectors that are added: read again in each pass.
  PassFiles& files() { return files_; }

  /// One pass. Sampling thread only.
  PassTime sample();

  /// The page of the last pass; null before the first. Any thread.
  std::shared_ptr<const Page> page() const;
  PassTime last_pass() const;
  std::vector<CollectorStatus> status() const;
  /// Whether the collector that last wrote this series failed in the last pass. Sampling thread only.
  bool failing(SeriesId id) const;

 private:
  struct Entry;
  void take(Entry& entry, PassTime pass);
  static void note(Entry& entry);
  void publish(PassTime pass, Duration took);

  Catalogue& catalogue_;
  Store& store_;
  SelfMetrics& metrics_;
  const Clock& clock_;
  EventLog& log_;
  const Options options_;
  Timeline timeline_;
  PassFiles files_;  // before entries_, whose collectors refer to it
  StreamId framework_stream_, scrape_stream_;
  FamilyId duration_family_, success_family_, faults_family_, age_family_;
  const SeriesId up_, scrape_duration_, scrape_samples_;
  SelfMetrics::Counter& dropped_total_;
  SelfMetrics::Gauge& ahead_;

  // Sampling thread only.
  std::vector<std::unique_ptr<Entry>> entries_;
  Frame framework_;
  std::vector<FrameEntry> scratch_;
  std::shared_ptr<const ExpositionLayout> layout_;
  std::uint64_t layout_families_ = 0;  // the catalogue's family_generation() that layout_ was made at

  mutable Mutex mutex_;
  std::shared_ptr<const Page> page_ CHIRON_GUARDED_BY(mutex_);
  PassTime last_pass_ CHIRON_GUARDED_BY(mutex_);
  std::vector<CollectorStatus> status_ CHIRON_GUARDED_BY(mutex_);
};

}  // namespace chiron
