#pragma once

#include "exporter/series/chunk.h"
#include "exporter/series/reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

/// What the store is made of. For store.cpp alone.
namespace chiron {

constexpr std::size_t kSlots = Chunk::kMaxValues;
// A slot that its series was not in: another quiet NaN payload than any value has, compared by bits like the
// marker.
constexpr std::uint64_t kAbsentBits = 0x7ff8dead00000001;

using Column = std::array<std::uint64_t, kSlots>;

struct Block {
  std::uint32_t number = 0;
  std::size_t count = 0;
  std::array<TimestampMs, kSlots> times{};
  std::vector<SeriesId> members;

  /// Slots with t <= until.
  std::size_t slots_until(TimestampMs until) const {
    return static_cast<std::size_t>(
        std::upper_bound(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(count), until) -
        times.begin());
  }
};

constexpr std::size_t kBlockBytes = sizeof(Block) + 64;
constexpr std::size_t kOpenBytes = sizeof(Column);
/// What the allocator adds to a chunk, on average.
constexpr std::size_t kAllocationBytes = 16;

inline std::uint32_t count_samples(const Column& column) {
  return static_cast<std::uint32_t>(
      std::count_if(column.begin(), column.end(), [](std::uint64_t bits) { return bits != kAbsentBits; }));
}

/// The values of a series in a block that is full. There is one for each series and block: narrow on purpose.
struct SealedColumn {
  std::uint32_t block;  ///< 2^32 of them take centuries
  std::uint32_t samples;
  Chunk values;

  std::size_t bytes() const {
    return sizeof(SealedColumn) + (values.is_constant() ? 0 : values.bytes() + kAllocationBytes);
  }
};

/// The values of a series in the block that is being filled. Most series stay as they are for minutes, and
/// take no column until they change.
struct OpenColumn {
  std::uint32_t block = 0;
  std::size_t begin = 0, end = 0;  // slots that hold `bits`, while there are no values
  std::uint64_t bits = 0;
  std::unique_ptr<Column> values;

  bool empty() const { return end == 0; }
  std::uint64_t at(std::size_t slot) const {
    if (values) return (*values)[slot];
    return slot >= begin && slot < end ? bits : kAbsentBits;
  }
  Column column() const {
    Column all;
    for (std::size_t slot = 0; slot < kSlots; ++slot) all[slot] = at(slot);
    return all;
  }
};

/// The newest value of a column in (after, until]: none when it is the marker. False when older blocks may
/// have it.
template <class ValueAt>
bool last_in(const Block& block, const ValueAt& value_at, TimestampMs after, TimestampMs until,
             std::optional<Sample>& found) {
  for (std::size_t slot = block.slots_until(until); slot-- > 0;) {
    if (block.times[slot] <= after) return true;
    const std::uint64_t bits = value_at(slot);
    if (bits == kAbsentBits) continue;
    if (bits != kStaleBits) found = Sample{block.times[slot], std::bit_cast<double>(bits)};
    return true;
  }
  return false;
}

}  // namespace chiron
