#pragma once

#include <span>

#include "exporter/base/embedded_file.h"

namespace chiron::rules {

/// The shipped rule files; rule_files: ['packs:host'] names one, 'packs:*' all.
std::span<const EmbeddedFile> packs();

}  // namespace chiron::rules
