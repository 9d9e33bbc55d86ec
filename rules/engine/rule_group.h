#pragma once

#include "rules/engine/alerting_rule.h"
#include "rules/engine/expr_facts.h"
#include "rules/engine/recording_rule.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chiron::rules {

/// A rule as the engine runs it. The query belongs to the thread that evaluates; the rest is guarded by the
/// engine's lock.
struct Rule {
  /// `asked`: the rule's expression, over the store.
  Rule(RuleSpec rule, const GroupSpec& group, const TemplateEnvironment& environment, promql::Query asked);

  RuleSpec spec;
  RuleKey key;
  ExprFacts facts;
  promql::Query query;
  std::unique_ptr<AlertingRule> alerting;  ///< one of the two
  std::unique_ptr<RecordingRule> recording;
  RuleHealth health;

  /// A stream of its own, so that a rule sees at the same timestamp what the rules before it recorded.
  std::optional<StreamId> stream;
  std::vector<FrameEntry> frame;  ///< the last one appended

  /// Evaluates the query. One that runs out of time pauses afterwards, each time longer.
  Result<std::span<const promql::Element>> ask(TimestampMs t, const Clock& clock);
  bool pauses(BootTime now) const { return now < resume; }
  /// Whether it did so when it was last asked.
  bool ran_out_of_time() const { return pause > Duration::zero(); }

  BootTime resume{};
  Duration pause{};
};

struct Group {
  GroupSpec spec;  ///< its rules live on in `rules`
  Duration interval{};
  std::optional<BootTime> next;  ///< nothing: at once
  std::optional<BootTime> last;
  std::vector<std::unique_ptr<Rule>> rules;

  bool due(BootTime now) const;
  void schedule(BootTime now);
};

/// With the labels of the group, which are the rule's too; in whatever order they are written.
RuleKey key_of(const RuleSpec& rule, const GroupSpec& group);

}  // namespace chiron::rules
