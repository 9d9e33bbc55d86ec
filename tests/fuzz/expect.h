#pragma once

#include <cstdlib>

namespace chiron::fuzz {

/// An invariant: libFuzzer reports the input of an aborted run. Unlike assert(3), checked in every build.
inline void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace chiron::fuzz
