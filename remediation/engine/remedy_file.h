#pragma once

#include "exporter/base/diagnostics.h"
#include "exporter/series/labels.h"
#include "remediation/actions/action.h"
#include "remediation/engine/schedule.h"
#include "remediation/policy/policy.h"
#include "rules/engine/template.h"
#include "rules/promql/promql.h"

#include <optional>
#include <string>
#include <vector>

namespace chiron::remediation {

struct StepSpec {
  const ActionInfo* action = nullptr;
  ArgumentValues arguments;  ///< texts are templates
  Position where;
};

struct VerifySpec {
  std::optional<rules::Template>
      expr;  ///< nothing: the alert's own expression no longer holds for its labels
  Duration within = std::chrono::seconds(60);
  promql::Features features;  ///< that `expr` may use
};

/// In RemedySpec::needs: one of the engines' sockets that the configuration names, or of the usual ones.
inline constexpr std::string_view kContainerEngine = "container-engine";

/// One remedy as written, checked (design.md, section 7).
struct RemedySpec {
  std::string name;
  std::string description;
  std::vector<std::vector<Matcher>> alerts;  ///< any of the lists, of a list all
  std::optional<ScheduleSpec> schedule;  ///< then nothing in it reads labels, and the target is written out
  rules::Template target;                ///< of a remedy that only a schedule triggers by default its name
  std::optional<std::vector<std::string>> targets;  ///< globs; nothing: no target from labels is acted on
  bool lists_targets = false;  ///< an argument is '{{ $targets }}': what `targets` lists is acted on
  /// Of each list any; while all of a list are absent there is nothing to do here. Paths of the host;
  /// HOST:PORT on loopback, where a server listens; kContainerEngine.
  std::vector<std::vector<std::string>> needs;
  std::vector<StepSpec> steps;
  std::vector<StepSpec> on_failure;  ///< after a run that failed, timed out or did not help
  VerifySpec verify;
  PolicySpec policy;
  std::string file;
  Position where;

  bool matches(const Labels& alert) const;
  /// Whether the allow-list has it. A target that is written out (no template) allows itself; nothing allows
  /// "".
  bool allows(std::string_view one) const;
};

/// Reads one remedy file; all faults into the sink. Complete only when the sink is ok. Keys of design.md,
/// section 7, that do nothing yet are refused as "not-supported", others as "unknown-key". Expressions may
/// use `features`.
std::vector<RemedySpec> parse_remedy_file(const std::string& file, std::string text, DiagnosticSink& sink,
                                          const promql::Features& features = {});

/// Puts what `targets` lists where a list argument is '{{ $targets }}'; once, when the configuration has had
/// its say. Fails when an action does not take one of them.
Status fill_in_targets(RemedySpec& remedy);

}  // namespace chiron::remediation
