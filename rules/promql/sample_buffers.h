#pragma once

#include "exporter/series/sample.h"

#include <vector>

namespace chiron::promql {

/// Memory for the samples that queries look at, of which each query would otherwise keep its own: shared by
/// queries that are evaluated one after another, never one within another, as rules are. Limits::buffers. Not
/// thread-safe.
class SampleBuffers {
 public:
  /// Gives `samples`, which has none, memory until reclaim().
  void lend(std::vector<Sample>& samples);
  /// Takes back all that was lent, at the end of an evaluation: the borrowers are empty then.
  void reclaim();
  /// The same, and gives all memory back to the heap.
  void release();

 private:
  std::vector<std::vector<Sample>> free_;
  std::vector<std::vector<Sample>*> lent_;
};

}  // namespace chiron::promql
