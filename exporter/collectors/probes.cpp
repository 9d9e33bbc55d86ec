#include "exporter/collectors/probes.h"

#include "exporter/base/event_log.h"
#include "exporter/base/isolation.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/collectors/probe_attempt.h"

#include <algorithm>

namespace chiron {
namespace {

/// How long a pass waits for the probes it started: most targets answer in a few milliseconds, and their
/// result is then in this pass and not in the next.
constexpr Duration kMoment = std::chrono::milliseconds(100);

constexpr std::size_t kMostThreads = 128;

/// Where worker threads leave what they found. Outlives the collector as long as one of them hangs.
struct Mailbox {
  explicit Mailbox(std::size_t probes) : outcomes(probes) {}

  Mutex mutex;
  CondVar changed;
  std::vector<std::optional<ProbeOutcome>> outcomes CHIRON_GUARDED_BY(mutex);  // by probe
};

struct Families {
  explicit Families(Catalogue& c)
      : success(c.declare("probe_success", "Whether what the probe asked answered as expected.",
                          MetricType::gauge)),
        duration(c.declare("probe_duration_seconds", "How long the probe took.", MetricType::gauge)),
        status_code(
            c.declare("probe_http_status_code", "Status code of the HTTP answer.", MetricType::gauge)),
        content_length(c.declare("probe_http_content_length", "Content-Length of the HTTP answer, in bytes.",
                                 MetricType::gauge)),
        redirects(c.declare("probe_http_redirects", "Redirects that were followed.", MetricType::gauge)),
        failed_by_regex(c.declare("probe_failed_due_to_regex",
                                  "Whether the body of the answer does not match the probe's pattern.",
                                  MetricType::gauge)),
        redis_up(c.declare("redis_up", "Whether the Redis server answers.", MetricType::gauge)),
        redis_used(c.declare("redis_memory_used_bytes",
                             "Memory that the Redis server allocated (used_memory).", MetricType::gauge)),
        redis_max(c.declare("redis_memory_max_bytes",
                            "Limit of the Redis server's memory (maxmemory); 0 is no limit.",
                            MetricType::gauge)),
        redis_keys(c.declare("redis_db_keys", "Keys in a database of the Redis server.", MetricType::gauge)) {
  }

  FamilyId success, duration, status_code, content_length, redirects, failed_by_regex;
  FamilyId redis_up, redis_used, redis_max, redis_keys;
};

/// One probe: when it is due, and what it last said.
struct Probe {
  std::shared_ptr<const PreparedProbe> prepared;
  std::string key;
  Labels labels;
  bool started_once = false;
  BootTime due{};
  BootTime heard{};                 // when the last result came, or of the first start before there was one
  std::optional<bool> reported;     // what the log last said
  std::vector<FrameEntry> entries;  // of the last result
  SeriesId success{}, duration{};
};

class ProbesCollector final : public Collector {
 public:
  ProbesCollector(CollectorContext context, std::vector<PreparedProbe> prepared)
      : context_(std::move(context)),
        families_(context_.catalogue),
        mailbox_(std::make_shared<Mailbox>(prepared.size())),
        isolation_(std::clamp<std::size_t>(prepared.size(), 1, kMostThreads)) {
    for (PreparedProbe& each : prepared) {
      Probe probe;
      probe.labels = Labels{{"probe", each.spec.name},
                            {"module", std::string(to_string(each.spec.module))},
                            {"target", each.spec.target}};
      probe.key = each.spec.name;
      probe.prepared = std::make_shared<const PreparedProbe>(std::move(each));
      probes_.push_back(std::move(probe));
    }
    start_due();
  }

  bool can_hang() const override { return true; }

  Status collect(Frame& frame) override {
    if (probes_.empty()) return Error(ErrorCode::no_data, "no probe is configured");
    start_due();
    take_outcomes();
    for (Probe& probe : probes_) report(probe, frame);
    return {};
  }

 private:
  void start_due() {
    const BootTime now = context_.clock.boot();
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      Probe& probe = probes_[i];
      const Duration interval = probe.prepared->spec.interval;
      // A pass that comes a little early takes the probe along: it would wait for a whole pass otherwise.
      if (probe.started_once && now < probe.due - interval / 20) continue;
      if (!probe.started_once) probe.heard = now;
      if (!start(i)) continue;
      probe.due = probe.started_once ? std::max(probe.due + interval, now + interval / 2) : now + interval;
      probe.started_once = true;
    }
  }

  bool start(std::size_t index) {
    const auto outcome =
        isolation_.start(probes_[index].key, [mailbox = mailbox_, prepared = probes_[index].prepared, index] {
          ProbeOutcome found = attempt_probe(*prepared);
          const MutexLock lock(mailbox->mutex);
          mailbox->outcomes[index] = std::move(found);
          mailbox->changed.notify_all();
        });
    if (outcome != Isolation::Outcome::done) return false;
    awaited_.push_back(index);
    return true;
  }

  void take_outcomes() {
    std::vector<std::pair<std::size_t, ProbeOutcome>> fresh;
    {
      MutexLock lock(mailbox_->mutex);
      mailbox_->changed.wait_for(lock, kMoment, [this]() CHIRON_REQUIRES(mailbox_->mutex) {
        for (const std::size_t i : awaited_) {
          if (!mailbox_->outcomes[i]) return false;
        }
        return true;
      });
      awaited_.clear();
      for (std::size_t i = 0; i < probes_.size(); ++i) {
        if (!mailbox_->outcomes[i]) continue;
        fresh.emplace_back(i, std::move(*mailbox_->outcomes[i]));
        mailbox_->outcomes[i].reset();
      }
    }
    for (const auto& [index, outcome] : fresh) hear(probes_[index], outcome);
  }

  /// Keeps a result as ready-made entries. Series are resolved anew with each result, so that one that was
  /// not written for a long time is alive again.
  void hear(Probe& probe, const ProbeOutcome& outcome) {
    probe.heard = context_.clock.boot();
    probe.entries.clear();
    resolve(probe);
    const auto add = [&](FamilyId family, double value) {
      probe.entries.push_back({context_.catalogue.series(family, probe.labels), value});
    };
    probe.entries.push_back({probe.success, outcome.success ? 1.0 : 0.0});
    probe.entries.push_back({probe.duration, std::chrono::duration<double>(outcome.took).count()});
    if (outcome.status_code) add(families_.status_code, *outcome.status_code);
    if (outcome.content_length) add(families_.content_length, *outcome.content_length);
    if (outcome.redirects) add(families_.redirects, *outcome.redirects);
    if (outcome.failed_by_regex) add(families_.failed_by_regex, *outcome.failed_by_regex ? 1 : 0);
    if (probe.prepared->spec.module == ProbeModule::redis) add(families_.redis_up, outcome.success ? 1 : 0);
    if (outcome.redis_memory_used) add(families_.redis_used, *outcome.redis_memory_used);
    if (outcome.redis_memory_max) add(families_.redis_max, *outcome.redis_memory_max);
    for (const auto& [database, keys] : outcome.redis_keys) {
      Labels labels = probe.labels;
      labels.set("db", database);
      probe.entries.push_back({context_.catalogue.series(families_.redis_keys, labels), keys});
    }
    note(probe, outcome.success, outcome.error, outcome.took);
  }

  void resolve(Probe& probe) {
    probe.success = context_.catalogue.series(families_.success, probe.labels);
    probe.duration = context_.catalogue.series(families_.duration, probe.labels);
  }

  void report(Probe& probe, Frame& frame) {
    const BootTime now = context_.clock.boot();
    const ProbeSpec& spec = probe.prepared->spec;
    // A result may be as old as the interval and the timeout together without anything hanging.
    const Duration silence = now - probe.heard;
    if (silence <= std::max(3 * spec.interval, spec.interval + 2 * spec.timeout)) {
      for (const FrameEntry& entry : probe.entries) frame.add(entry.id, entry.value);
      return;
    }
    resolve(probe);
    note(probe, false, "the probe hangs: no result for three intervals", silence);
    frame.add(probe.success, 0);
    frame.add(probe.duration, std::chrono::duration<double>(silence).count());
    if (spec.module == ProbeModule::redis) {
      frame.add(context_.catalogue.series(families_.redis_up, probe.labels), 0);
    }
  }

  void note(Probe& probe, bool success, const std::string& error, Duration took) {
    if (probe.reported == success) return;
    const bool first = !probe.reported;
    probe.reported = success;
    const ProbeSpec& spec = probe.prepared->spec;
    const double seconds = std::chrono::duration<double>(took).count();
    if (!success) {
      context_.log.warning(
          "probe failed",
          {{"probe", spec.name}, {"target", spec.target}, {"error", error}, {"seconds", seconds}});
    } else if (!first) {
      context_.log.info("probe succeeds again",
                        {{"probe", spec.name}, {"target", spec.target}, {"seconds", seconds}});
    }
  }

  CollectorContext context_;
  Families families_;
  std::vector<Probe> probes_;
  std::vector<std::size_t> awaited_;  // started since the last look
  std::shared_ptr<Mailbox> mailbox_;
  Isolation isolation_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_probes_collector(CollectorContext context) {
  std::vector<PreparedProbe> prepared;
  for (const ProbeSpec& spec : context.probes) {
    Result<PreparedProbe> probe = prepare_probe(spec);
    if (!probe.ok()) return std::move(probe).error();
    prepared.push_back(std::move(*probe));
  }
  return std::unique_ptr<Collector>(
      std::make_unique<ProbesCollector>(std::move(context), std::move(prepared)));
}

}  // namespace chiron
