#pragma once

#include "exporter/base/result.h"
#include "exporter/series/frame.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// What went wrong while a collector read its files in one pass. A collector goes on after a bad line; this
/// carries the news to the end of collect(). Costs nothing while nothing goes wrong.
class Problems {
 public:
  /// The first so many are told in words, the rest is counted: a damaged file may have a fault in every line.
  static constexpr std::size_t kMostNamed = 20;

  void add(Error error);
  void add(const Problems& others);
  /// ErrorCode::corrupt, "FILE:LINE: what, found 'text'". Lines count from 1; 0 leaves the line out.
  void corrupt(std::string_view file, std::size_t line, std::string_view what, std::string_view text);
  bool empty() const { return count_ == 0; }
  /// The first in full, and how many there are.
  Status status() const;
  /// The same for the end of collect(): each fault goes to the frame as well, to be logged and counted.
  Status report(Frame& frame) const;

 private:
  std::vector<Error> named_;
  std::size_t count_ = 0;
};

/// Bytes of a stranger fit for a log line: at most 60, what is not printable ASCII as '?'.
std::string printable(std::string_view text);

}  // namespace chiron
