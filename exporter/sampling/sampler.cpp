#include "exporter/sampling/sampler.h"

#include "exporter/sampling/collector_task.h"
#include "exporter/sampling/fault_log.h"

namespace chiron {
namespace {

constexpr std::string_view kHangs = "no answer for two intervals";

Labels named(std::string_view name, Labels labels) {
  labels.set(kMetricName, name);
  return labels;
}

bool same(const Error& one, const Error& other) {
  return one.code() == other.code() && one.message() == other.message() &&
         (one.cause() == nullptr) == (other.cause() == nullptr) &&
         (one.cause() == nullptr || same(*one.cause(), *other.cause()));
}

bool same(const Status& one, const Status& other) {
  return one.ok() == other.ok() && (one.ok() || same(one.error(), other.error()));
}

}  // namespace

struct Sampler::Entry {
  Entry(std::string n, std::unique_ptr<Collector> collector, const Sampler& sampler)
      : name(std::move(n)),
        stream(sampler.store_.add_stream()),
        slow_allowed(collector->can_hang()),
        task(std::move(collector), slow_allowed, sampler.options_.series_limit, sampler.clock_),
        faults(name, sampler.log_, sampler.clock_) {}

  const std::string name;
  const StreamId stream;
  const bool slow_allowed;
  CollectorTask task;
  SeriesId duration_id{}, success_id{}, faults_id{}, age_id{};

  Collected incoming;
  Frame published;  // what the page and the store show
  bool is_published = false;
  BootTime good_at{};     // when `published` was collected
  BootTime asked_at{};    // when the collection began that it has not answered yet
  bool was_late = false;  // missed the grace: not waited for until it is in time again
  bool answered = true;   // in this pass, or the last one before it
  bool ever_answered = false;
  CollectorStatus status;
  std::optional<Status> noted;  // what `status` is made of
  FaultLog faults;
};

Sampler::Sampler(Catalogue& catalogue, Store& store, SelfMetrics& metrics, const Clock& clock, EventLog& log,
                 Options options, Labels target)
    : catalogue_(catalogue),
      store_(store),
      metrics_(metrics),
      clock_(clock),
      log_(log),
      options_(options),
      timeline_(clock),
      files_(clock, options.live),
      framework_stream_(store.add_stream()),
      scrape_stream_(store.add_stream()),
      duration_family_(catalogue.declare("node_scrape_collector_duration_seconds",
                                         "Time one collector took for its last collection.",
                                         MetricType::gauge)),
      success_family_(
          catalogue.declare("node_scrape_collector_success",
                            "Whether the last collection of a collector went well; finding nothing to "
                            "report is no failure.",
                            MetricType::gauge)),
      faults_family_(catalogue.declare("chiron_collector_faults_total",
                                       "Faults that a collector met, each counted in every pass that met it.",
                                       MetricType::counter)),
      age_family_(catalogue.declare("chiron_sample_age_seconds",
                                    "Age of a collector's published values when the last pass ended.",
                                    MetricType::gauge)),
      up_(catalogue.unpublished(named("up", target))),
      scrape_duration_(catalogue.unpublished(named("scrape_duration_seconds", target))),
      scrape_samples_(catalogue.unpublished(named("scrape_samples_scraped", target))),
      dropped_total_(metrics.counter("chiron_series_dropped_total",
                                     "Samples left out because a collector was over its series budget.")),
      ahead_(metrics.gauge("chiron_timeline_ahead_seconds",
                           "How far sample timestamps run ahead of the wall clock after it was set back.")) {}

Sampler::~Sampler() = default;

void Sampler::add(std::string name, std::unique_ptr<Collector> collector) {
  auto entry = std::make_unique<Entry>(std::move(name), std::move(collector), *this);
  const Labels labels{{"collector", entry->name}};
  entry->duration_id = catalogue_.series(duration_family_, labels);
  entry->success_id = catalogue_.series(success_family_, labels);
  entry->faults_id = catalogue_.series(faults_family_, labels);
  entry->age_id = catalogue_.series(age_family_, labels);
  entry->status.name = entry->name;
  entries_.push_back(std::move(entry));
}

PassTime Sampler::sample() {
  const PassTime pass{timeline_.now(), clock_.boot()};
  files_.begin_pass();
  for (const auto& entry : entries_) {
    if (entry->answered) entry->asked_at = pass.boot;
    if (entry->slow_allowed) entry->task.start();
  }
  for (const auto& entry : entries_) {
    if (!entry->slow_allowed) entry->task.start();
  }
  const BootTime deadline = clock_.boot() + options_.grace;
  for (const auto& entry : entries_) {
    if (entry->slow_allowed) {
      const bool in_time = entry->task.wait_until(entry->was_late ? clock_.boot() : deadline);
      entry->was_late = !in_time;
    }
    take(*entry, pass);
  }
  publish(pass, clock_.boot() - pass.boot);
  return pass;
}

void Sampler::take(Entry& entry, PassTime pass) {
  entry.answered = entry.task.take(entry.incoming);
  if (entry.answered) {
    entry.ever_answered = true;
    note(entry);
    const bool usable =
        entry.incoming.status.ok() || !entry.incoming.frame.entries().empty() || entry.status.no_data;
    if (usable) {
      std::swap(entry.published, entry.incoming.frame);
      // Not written while the collector failed, so the catalogue may have forgotten it.
      if (!entry.is_published) entry.age_id = catalogue_.series(age_family_, {{"collector", entry.name}});
      entry.is_published = true;
      entry.good_at = entry.incoming.at;
      store_.append(entry.stream, pass.t, entry.published.entries());
    }
    if (const std::size_t dropped = entry.published.dropped(); usable && dropped > 0) {
      dropped_total_.increment(static_cast<double>(dropped));
    }
  } else if (entry.status.error.empty() && entry.ever_answered) {
    // Still fresh enough to stand; it is late, which is not yet a failure.
    entry.status.success = clock_.boot() - entry.good_at <= 2 * options_.interval;
    entry.noted.reset();
  }
  const BootTime horizon = clock_.boot() - 2 * options_.interval;
  if (entry.is_published && entry.good_at < horizon) {
    entry.is_published = false;
    entry.published.clear();
    entry.status.success = false;
    entry.noted.reset();
    store_.end_stream(entry.stream, pass.t);
  }
  if (!entry.answered && entry.asked_at < horizon && entry.status.error != kHangs) {
    entry.status.success = false;
    entry.status.error = kHangs;
    entry.noted.reset();
    entry.faults.hangs(kHangs);
  }
  entry.status.series = entry.published.entries().size();
  entry.status.age = entry.is_published ? clock_.boot() - entry.good_at : Duration::zero();
}

void Sampler::note(Entry& entry) {
  CollectorStatus& status = entry.status;
  const Status& result = entry.incoming.status;
  status.duration = entry.incoming.duration;
  if (!entry.noted || !same(*entry.noted, result)) {
    entry.noted = result;
    status.no_data = !result.ok() && result.error().code() == ErrorCode::no_data;
    status.error = result.ok() ? std::string() : result.error().to_string();
    status.success = result.ok() || status.no_data;
  }
  if (status.no_data) {
    entry.faults.has_nothing(status.error);
  } else if (status.success) {
    entry.faults.went_well();
  } else if (const Frame& frame = entry.incoming.frame; frame.fault_count() > 0) {
    entry.faults.failed(frame.faults(), frame.fault_count());
  } else {
    entry.faults.failed({&status.error, 1}, 1);
  }
}

void Sampler::publish(PassTime pass, Duration took) {
  ahead_.set(static_cast<double>(timeline_.ahead()) / 1000);
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  framework_.clear();
  scratch_.clear();
  std::vector<PagePart> parts;
  const auto append_part = [&](std::string name, std::size_t page_begin, std::size_t framework_begin) {
    const auto own = framework_.entries().subspan(framework_begin);
    scratch_.insert(scratch_.end(), own.begin(), own.end());
    parts.push_back({std::move(name), scratch_.size() - page_begin});
  };
  for (const auto& entry : entries_) {
    const std::size_t page_begin = scratch_.size(), framework_begin = framework_.entries().size();
    framework_.add(entry->duration_id, seconds(entry->status.duration));
    framework_.add(entry->success_id, entry->status.success ? 1 : 0);
    framework_.add(entry->faults_id, static_cast<double>(entry->faults.total()));
    if (entry->is_published) {
      framework_.add(entry->age_id, seconds(entry->status.age));
      const auto values = entry->published.entries();
      scratch_.insert(scratch_.end(), values.begin(), values.end());
    }
    append_part(entry->name, page_begin, framework_begin);
  }
  const std::size_t framework_begin = framework_.entries().size();
  metrics_.collect(framework_);
  append_part({}, scratch_.size(), framework_begin);
  store_.append(framework_stream_, pass.t, framework_.entries());
  const std::uint64_t families = catalogue_.family_generation();
  if (!layout_ || families != layout_families_ || !layout_->fits(scratch_)) {
    layout_ = std::make_shared<const ExpositionLayout>(catalogue_, scratch_);
    layout_families_ = families;
  }
  auto page = std::make_shared<const Page>(layout_, scratch_, std::move(parts));

  const std::array<FrameEntry, 3> scrape{FrameEntry{up_, 1}, FrameEntry{scrape_duration_, seconds(took)},
                                         FrameEntry{scrape_samples_, static_cast<double>(layout_->size())}};
  store_.append(scrape_stream_, pass.t, scrape);
  store_.trim(pass.t);

  const MutexLock lock(mutex_);
  page_ = std::move(page);
  last_pass_ = pass;
  status_.resize(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) status_[i] = entries_[i]->status;
}

std::shared_ptr<const Page> Sampler::page() const {
  const MutexLock lock(mutex_);
  return page_;
}

PassTime Sampler::last_pass() const {
  const MutexLock lock(mutex_);
  return last_pass_;
}

std::vector<Sampler::CollectorStatus> Sampler::status() const {
  const MutexLock lock(mutex_);
  return status_;
}

bool Sampler::failing(SeriesId id) const {
  const auto stream = store_.stream_of(id);
  if (!stream) return false;
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&stream](const auto& candidate) { return candidate->stream == *stream; });
  return entry != entries_.end() && !(*entry)->status.success;
}

}  // namespace chiron
