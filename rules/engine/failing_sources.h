#pragma once

#include "exporter/series/store.h"
#include "rules/engine/rule_group.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace chiron::rules {

/// Tells which of the series that a rule looks at are not to be trusted now. Not thread-safe.
class FailingSources {
 public:
  /// `failing` tells of one series whether its source fails; empty: none ever does.
  FailingSources(const Store& store, std::function<bool(SeriesId)> failing)
      : store_(store), failing_(std::move(failing)) {}

  /// The rules there are from now on, for series that are recorded. They must live until the next call.
  void set_rules(const std::vector<Group>& groups);

  /// Labels of the series whose source fails, or that are recorded out of such. None for rules that look for
  /// missing data, and of the series that the agent makes itself. Calls `failing`, which is somebody else's
  /// code: no lock should be held that it could want.
  std::vector<const Labels*> of(Rule& rule) const {
    Found found;
    return look(rule, found);
  }

 private:
  /// Per rule, so that each is looked at once however many series it records.
  using Found = std::map<const Rule*, std::vector<const Labels*>>;

  const std::vector<const Labels*>& look(Rule& rule, Found& found) const;
  bool made_of_failing(const Labels& series, Found& found) const;

  const Store& store_;
  const std::function<bool(SeriesId)> failing_;
  std::multimap<std::string, Rule*, std::less<>> records_;  // by the name they record
};

}  // namespace chiron::rules
