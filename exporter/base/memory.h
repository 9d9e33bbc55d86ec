#pragma once

#include <chrono>
#include <cstddef>

namespace chiron {

/// For a program that stays: its threads share one heap. glibc makes up to eight heaps a core otherwise, each
/// with its own free lists and slack (mallopt(3), M_ARENA_MAX): 3.5 MB for the agent's threads, which
/// allocate too little to wait for one another. And a block of 1 MiB or more is a mapping of its own, which
/// goes back when it is freed: glibc would come to keep blocks of up to 32 MB in the heap after the first of
/// them was freed, for good where something small lies behind them (mallopt(3), M_MMAP_THRESHOLD). Before the
/// first thread is made.
void share_one_heap();

/// Gives back what only starting needed, or some other work that is over: freed heap, and the pages of code
/// and constants, of the program and of its libraries. What is used again is mapped again from the page
/// cache, at under 1 us a fault. Any thread, any time.
void release_unused_memory();

/// Bytes of this process in memory (statm in proc(5)); 0 when that cannot be read.
std::size_t resident_memory();

/// When release_unused_memory() is worth its faults: once the start is over; when some rare work (a remedy, a
/// reload, a person's question) has left more than an ordinary minute needs; every ten minutes anyway.
class ReleaseTimes {
 public:
  static constexpr std::chrono::seconds kLookEvery{10};
  /// Asked so often; `resident` as resident_memory() tells.
  bool due(std::size_t resident);

 private:
  static constexpr int kMinute = 6, kTenMinutes = 60;  // in looks
  static constexpr std::size_t kWorthIt = 1 << 20;

  int looks_ = kTenMinutes - kMinute;  // the start takes its time
  int in_vain_ = 0;           // releases in a row that left more than is ordinary
  std::size_t ordinary_ = 0;  // a minute after the last release of every ten minutes; 0: to be learned
};

/// Gives back what the calling thread's stack has below the caller: pages that some deep call touched once
/// stay resident for as long as the thread waits. A few pages are left: giving them back costs a message to
/// every processor, and a fault for each when it is used again. Of threads that pthread_create(3) made; the
/// first thread's stack is left as it is.
void release_unused_stack();

}  // namespace chiron
