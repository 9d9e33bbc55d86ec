#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace chiron {

/// A sealed column of values, kept bit for bit in the cheapest of three encodings: constant; whole numbers,
/// or decimal fractions where scaling by a power of ten is exact, as differences of differences (a steady
/// counter costs a bit a value); else each value's difference in bits to the one before (Pelkonen et al.,
/// "Gorilla", VLDB 2015). Immutable.
class Chunk {
 public:
  static constexpr std::size_t kMaxValues = 64;

  /// At least one value, at most kMaxValues.
  explicit Chunk(std::span<const std::uint64_t> bits);

  /// Writes all values; `out` has room for kMaxValues. How many there are is the caller's to know.
  void decode(std::span<std::uint64_t> out) const;
  /// Whether every value is this one.
  bool is_constant() const { return !data_; }
  /// On the heap.
  std::size_t bytes() const { return data_ ? size_ : 0; }

 private:
  enum class Encoding : std::uint8_t { constant, decimal, bits };

  std::uint64_t first_;
  std::unique_ptr<std::uint8_t[]> data_;
  std::uint16_t size_ = 0;
  std::uint8_t count_;
  Encoding encoding_ = Encoding::constant;
  std::uint8_t scale_ = 0;  // decimal: values are whole numbers over 10^scale_
};

}  // namespace chiron
