#pragma once

#include "rules/promql/selectors.h"

#include <string>
#include <vector>

namespace chiron::promql {

/// What the second argument of info() asks for.
struct InfoMatchers {
  std::vector<Matcher> name;    ///< which metrics are info metrics; their own series are left as they are
  std::vector<Matcher> data;    ///< on the labels that are to be added; none: all labels are
  std::vector<Matcher> select;  ///< both
};
/// Without matchers on the name the info metric is target_info; with only negative ones it is any *_info.
Result<InfoMatchers> info_matchers(std::vector<Matcher> wanted);

/// The modifiers that say of when info series are read: those of the first selector in the argument and of
/// the subqueries around it, from the inside out, up to the first @.
std::vector<const Modifiers*> info_time(const Expr& argument);

/// info(): adds the labels of the info series with the same job and instance.
VectorPtr make_info(VectorPtr base, ResolvedSelector& series, InfoMatchers matchers,
                    std::vector<const Modifiers*> time);

}  // namespace chiron::promql
