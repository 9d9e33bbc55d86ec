#pragma once

#include "exporter/base/host_paths.h"
#include "remediation/engine/remedy_file.h"
#include "remediation/policy/policy.h"
#include "rules/engine/template.h"

#include <optional>
#include <string>
#include <string_view>

namespace chiron::remediation {

/// What a run would act on, or why it must not.
struct Target {
  std::string name;
  Suppression reason = Suppression::none;  ///< target_not_allowed, target_denied
  std::string detail;
  bool ok() const { return reason == Suppression::none; }
};

/// Expands the remedy's target for an alert and checks it, and what the steps read from labels: those are
/// data from strangers.
Target target_for(const RemedySpec& remedy, const rules::TemplateData& alert);
/// The same checks for a target that a person named; "" is the remedy's own when it is written out. `alert`:
/// where labels that the steps read come from, if from anywhere.
Target target_named(const RemedySpec& remedy, std::string_view name,
                    const rules::TemplateData* alert = nullptr);

/// Whether `need` is HOST:PORT on loopback, the one kind of address that answers or refuses at once.
bool is_local_server(std::string_view need);
/// What the remedy needs (RemedySpec::needs) and is not on this host; nothing when of each list one is there.
/// A server is asked for a connection, which takes it a fifth of a second at most; one that is too busy to
/// answer is there. `container_sockets` as in ActionContext.
std::optional<std::string> absence_of(const RemedySpec& remedy, const HostPaths& paths,
                                      const std::vector<std::string>& container_sockets);

/// What makes a name unfit to be anybody's target: empty, too long, control characters, "..", a leading dash.
std::optional<std::string> unfit_target(std::string_view name);
/// Why a unit is one that no remedy touches, whatever its list says; nothing for other units and other
/// things.
std::optional<std::string> denied_target(std::string_view name);

}  // namespace chiron::remediation
