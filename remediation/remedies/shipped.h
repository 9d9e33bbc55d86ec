#pragma once

#include <span>

#include "exporter/base/embedded_file.h"

namespace chiron::remediation {

/// The shipped remedies, all dry-run until armed; remedy_files: ['shipped:rescue-disk'] names one, 'shipped:*' all.
std::span<const EmbeddedFile> shipped_remedies();

}  // namespace chiron::remediation
