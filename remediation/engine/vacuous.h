#pragma once

#include "rules/promql/promql.h"

#include <optional>
#include <string>

namespace chiron::remediation {

/// Why a verification says nothing about what it verifies: it holds, or fails, whatever the samples are, or
/// holds as soon as there are samples, whatever their values. Nothing when that cannot be told for certain.
std::optional<std::string> why_vacuous(const promql::Parsed& verification);

}  // namespace chiron::remediation
