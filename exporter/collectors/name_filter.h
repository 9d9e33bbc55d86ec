#pragma once

#include "exporter/collectors/collector.h"
#include "exporter/series/labels.h"

#include <optional>
#include <string_view>

namespace chiron {

/// Which devices, mounts, ... a collector reports: the pair of options X-include and X-exclude, as
/// node_exporter has them. Both are searched for, not anchored.
class NameFilter {
 public:
  /// `default_exclude` tells whether the exclude option was touched: an include alone replaces the default
  /// exclude, both given by a person contradict each other and are refused.
  static Result<NameFilter> make(const CollectorOptions& options, std::string_view include_option,
                                 std::string_view exclude_option, std::string_view default_exclude);
  /// Whether both are given by a person.
  static bool contradict(std::string_view include, std::string_view exclude,
                         std::string_view default_exclude);
  bool accepts(std::string_view name) const;

 private:
  std::optional<Pattern> include_;
  std::optional<Pattern> exclude_;
};

}  // namespace chiron
