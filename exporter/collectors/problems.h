#pragma once

#include "exporter/base/result.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chiron {

/// What went wrong while a collector read its files in one pass: the first failure in full, and how many came
/// after it. A collector goes on after a bad line; this carries the news to the end of collect().
class Problems {
 public:
  void add(Error error);
  /// ErrorCode::corrupt, "FILE:LINE: what, found 'text'". Lines count from 1; 0 leaves the line out.
  void corrupt(std::string_view file, std::size_t line, std::string_view what, std::string_view text);
  bool empty() const { return !first_; }
  Status status() const;

 private:
  std::optional<Error> first_;
  std::size_t more_ = 0;
};

/// Bytes of a stranger fit for a log line: at most 60, what is not printable ASCII as '?'.
std::string printable(std::string_view text);

}  // namespace chiron
