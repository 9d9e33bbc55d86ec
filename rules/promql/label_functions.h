#pragma once

#include "exporter/base/result.h"
#include "rules/promql/plan.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::promql {

/// Prometheus 3's rule for names of metrics and labels: any UTF-8.
bool is_utf8_name(std::string_view name);

/// label_replace(): the regular expression is anchored and compiled once; the outcome is kept per label set.
struct LabelReplaceArguments {
  std::string destination, replacement, source, expression;
};
Result<VectorPtr> make_label_replace(VectorPtr operand, LabelReplaceArguments arguments);

/// label_join()
struct LabelJoinArguments {
  std::string destination, separator;
  std::vector<std::string> sources;
};
Result<VectorPtr> make_label_join(VectorPtr operand, LabelJoinArguments arguments);

}  // namespace chiron::promql
