#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::promql {

struct ScriptFailure {
  std::size_t line = 0;  ///< 1-based
  std::string message;
};
struct ScriptReport {
  std::size_t evaluations = 0;
  std::vector<ScriptFailure> failures;
};

/// Runs a test script in the format of Prometheus' own PromQL tests: `load`, `clear`, and `eval instant` or
/// `eval range` with what is expected. Instant evaluations are also tried with every selector pinned by @,
/// and as a step of a range query. Nothing here makes annotations, so `expect warn` and `expect info` lines
/// (and no_warn, no_info) are read and not checked.
ScriptReport run_script(std::string_view text);

}  // namespace chiron::promql
