#pragma once

#include <string>
#include <string_view>

namespace chiron {

/// `bytes` as a gzip file (RFC 1952); "" when there is no memory for it. Thread-safe.
std::string gzip(std::string_view bytes);

}  // namespace chiron
