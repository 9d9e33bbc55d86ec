#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/diagnostics.h"
#include "exporter/base/yaml.h"
#include "rules/promql/promql.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chiron::rules {

/// One rule as written, checked, with where it stands. Prometheus' rule file format (prometheus.io, "Defining
/// recording rules", "Alerting rules").
struct RuleSpec {
  enum class Kind { alerting, recording };
  Kind kind = Kind::alerting;
  std::string name;  ///< alert: or record:
  std::string expr_text;
  promql::ExprPtr expr;
  Duration hold{};  ///< for:
  Duration keep_firing_for{};
  std::vector<std::pair<std::string, std::string>> labels;       ///< templates
  std::vector<std::pair<std::string, std::string>> annotations;  ///< templates
  std::string file;
  Position where;
};

struct GroupSpec {
  std::string name;
  std::string file;
  std::optional<Duration> interval;
  std::size_t limit = 0;  ///< 0: none
  Duration query_offset{};
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<RuleSpec> rules;
};

/// Reads one rule file, whose expressions may use `features`. Every error of the file is in the sink, with
/// group, rule, field and position; the groups are complete only when the sink is ok.
std::vector<GroupSpec> parse_rule_file(std::string file, std::string text, DiagnosticSink& sink,
                                       const promql::Features& features = {});

}  // namespace chiron::rules
