#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/plan.h"

#include <span>
#include <string>
#include <vector>

namespace chiron::promql {

/// Elements sorted into the groups of by/without. Which group a label set belongs to is worked out once.
class Grouping {
 public:
  struct Group {
    SetId labels;
    std::size_t begin, end;  ///< in members
    bool drop_name = false;  ///< any member's name is to be dropped
  };
  explicit Grouping(const Aggregate& aggregate) : aggregate_(aggregate) {}

  void sort(Context& context, const Elements& in);
  const std::vector<Group>& groups() const { return groups_; }
  std::span<Element> members(const Group& group) {
    return std::span(members_).subspan(group.begin, group.end - group.begin);
  }

 private:
  const Aggregate& aggregate_;
  SetMap map_;
  Slots slots_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> group_of_;  // by position in the input
  Elements members_;
};

/// The aggregation's node. The parameter of the operators that take none is null; of count_values it is
/// `label`.
VectorPtr make_aggregate(const Aggregate& aggregate, VectorPtr operand, ScalarPtr parameter,
                         std::string label);

}  // namespace chiron::promql
