#pragma once

#include "exporter/base/diagnostics.h"
#include "remediation/actions/action.h"
#include "remediation/engine/remedy_file.h"
#include "rules/engine/rule_file.h"

#include <span>

namespace chiron::remediation {

/// What neither a remedy file nor a rule file shows by itself. Errors: "duplicate-remedy", a name in two
/// files; "verify-too-short", an alert whose own expression looks further back than the remedy waits for it
/// to clear, so that every run would end as ineffective. Warnings: "no-rule", no alert of the rules can
/// trigger the remedy; "label-not-produced", the target, a step or the verification reads a label that such
/// an alert does not have; "vacuous-verify", the verification holds, or fails, whatever the remedy did.
void check_against_rules(std::span<const RemedySpec> remedies, std::span<const rules::GroupSpec> groups,
                         DiagnosticSink& sink);

/// Warnings "outside-roots": globs of files.prune and logs.rotate that lie below none of the deletion roots,
/// so that the step would fail each time. Of shipped remedies in dry-run nothing is said: nobody chose them.
void check_against_roots(std::span<const RemedySpec> remedies, const DeletionPolicy& deletion,
                         DiagnosticSink& sink);

}  // namespace chiron::remediation
