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
  std::size_t statements = 0;           ///< `eval` blocks
  std::size_t failed = 0;               ///< of these, and of `load` and other blocks
  std::vector<ScriptFailure> failures;  ///< at least one for each that failed
  std::size_t passed = 0;               ///< statements that did not fail
};

/// Runs a test script in the format of Prometheus' own PromQL tests: `load`, `clear`, and `eval instant` or
/// `eval range` with what is expected. Instant evaluations are also tried with every selector pinned by @,
/// and as a step of a range query. Experimental features are on, delayed name removal too.
ScriptReport run_script(std::string_view text);

}  // namespace chiron::promql
