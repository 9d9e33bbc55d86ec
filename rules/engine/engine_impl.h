#pragma once

#include "exporter/base/thread_annotations.h"
#include "rules/engine/engine.h"
#include "rules/engine/failing_sources.h"
#include "rules/engine/rule_group.h"
#include "rules/promql/sample_buffers.h"

#include <optional>
#include <span>
#include <vector>

namespace chiron::rules {

// The inside of the engine, for engine*.cpp only.

/// A scalar is a vector of one element without labels.
Result<std::span<const promql::VectorSample>> as_vector(const promql::Value& value,
                                                        promql::VectorSample& scalar);

struct Engine::Impl {
  Impl(Store& s, Catalogue& c, const Clock& k, EventLog& l, Options o)
      : store(s),
        catalogue(c),
        clock(k),
        log(l),
        options(std::move(o)),
        failing(s, options.source_failing),
        template_queries(s, limits(), options.features, k) {}

  Store& store;
  Catalogue& catalogue;
  const Clock& clock;
  EventLog& log;
  const Options options;

  /// Held through an evaluation, a load and a restore.
  Mutex evaluating CHIRON_ACQUIRED_BEFORE(mutex);
  mutable Mutex mutex;
  /// Of the rules' queries, which use them in an evaluation.
  promql::SampleBuffers buffers CHIRON_GUARDED_BY(evaluating);
  /// Changed with both held, so that an evaluation may walk over them without `mutex`. Of a rule the query,
  /// the stream and the frame belong to the evaluation; the rest changes and is read by others with `mutex`
  /// held.
  std::vector<Group> groups CHIRON_GUARDED_BY(mutex);
  std::vector<AlertChange> unseen_changes CHIRON_GUARDED_BY(mutex);  ///< of rules that a load removed
  std::optional<SavedState> restored CHIRON_GUARDED_BY(mutex);

  std::vector<StreamId> free_streams CHIRON_GUARDED_BY(evaluating);
  std::uint64_t number CHIRON_GUARDED_BY(evaluating) = 0;
  FailingSources failing CHIRON_GUARDED_BY(evaluating);
  /// No frame is older, or there is a hole right before it.
  TimestampMs history_from CHIRON_GUARDED_BY(evaluating) = 0;
  std::optional<TimestampMs> last_frame CHIRON_GUARDED_BY(evaluating);
  /// Asked by templates of rules, which are expanded with `mutex` held.
  RuleQueries template_queries CHIRON_GUARDED_BY(mutex);
  /// No rule is begun later in this pass; whether some were left out for it, now and in the pass before.
  BootTime pass_end CHIRON_GUARDED_BY(evaluating){};
  bool left_out CHIRON_GUARDED_BY(evaluating) = false;
  bool left_out_before CHIRON_GUARDED_BY(evaluating) = false;

  /// The analysis knows of one mutex for a member: see there.
  std::vector<Group>& steady_groups() CHIRON_REQUIRES(evaluating) CHIRON_NO_THREAD_SAFETY_ANALYSIS {
    return groups;
  }
  promql::Limits limits() const;
  /// The rules' queries keep it, and use it only with `evaluating` held.
  promql::SampleBuffers* rule_buffers() CHIRON_NO_THREAD_SAFETY_ANALYSIS { return &buffers; }
  /// The rules keep it, and use the queries only with `mutex` held.
  TemplateEnvironment template_environment() CHIRON_NO_THREAD_SAFETY_ANALYSIS {
    return {options.external_labels, options.external_url, &template_queries};
  }
  void note_frame(TimestampMs t) CHIRON_REQUIRES(evaluating, mutex);
  void evaluate_group(Group& group, TimestampMs t, BootTime now, std::vector<AlertChange>& changes)
      CHIRON_REQUIRES(evaluating) CHIRON_EXCLUDES(mutex);
  void evaluate_rule(Rule& rule, Evaluation evaluation, std::vector<AlertChange>& changes)
      CHIRON_REQUIRES(evaluating) CHIRON_EXCLUDES(mutex);
  Status apply(Rule& rule, const Result<std::span<const promql::Element>>& result,
               const Evaluation& evaluation, std::vector<AlertChange>& changes)
      CHIRON_REQUIRES(evaluating, mutex);
  void write(Rule& rule, TimestampMs t) CHIRON_REQUIRES(evaluating) CHIRON_EXCLUDES(mutex);
  bool history_missing(Rule& rule, TimestampMs t) const CHIRON_REQUIRES(evaluating);
  void note_health(Rule& rule, const Status& status, BootTime started) CHIRON_REQUIRES(mutex);

  void adopt_rules(std::vector<Group>& fresh) CHIRON_REQUIRES(evaluating, mutex);
  void drop_rule(Rule& rule) CHIRON_REQUIRES(evaluating, mutex);
  void apply_restored() CHIRON_REQUIRES(evaluating, mutex);
};

}  // namespace chiron::rules
