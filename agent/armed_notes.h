#pragma once

#include "agent/config.h"

#include <span>
#include <string>

namespace chiron::agent {

/// One line for each remedy that is armed for a time: for how long, and when that ends or ended as far as the
/// ledger in the state directory tells. "" when none is.
std::string armed_notes(const Config& config, std::span<const remediation::RemedySpec> remedies);

}  // namespace chiron::agent
