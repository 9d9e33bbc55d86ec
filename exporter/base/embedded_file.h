#pragma once

#include <string_view>

namespace chiron {

/// A text file compiled into the binary: a shipped rule file or remedy.
struct EmbeddedFile {
  std::string_view name;  ///< without ending: "host", "rescue-disk"
  std::string_view content;
};

}  // namespace chiron
