#pragma once

#include "exporter/base/diagnostics.h"
#include "exporter/base/yaml_position.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace chiron::yaml {

/// The first byte that YAML does not allow (control characters, a carriage return of its own) or that is not
/// UTF-8.
std::optional<Diagnostic> check_characters(const SourceText& source);

/// yaml-cpp's message and byte offset, in words that tell how to mend it.
Diagnostic translate_syntax_error(const SourceText& source, std::string_view message, std::size_t offset);

}  // namespace chiron::yaml
