#include "exporter/series/chunk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include <endian.h>

namespace chiron {
namespace {

constexpr std::array<double, 7> kPowers{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
/// Beyond it a double does not hold every whole number.
constexpr double kExact = 9007199254740992.0;  // 2^53
/// The worst encoding is a plain copy and some bits.
constexpr std::size_t kMaxBytes = Chunk::kMaxValues * 10;

class BitWriter {
 public:
  /// The lowest `count` bits of `bits`, highest first.
  void put(std::uint64_t bits, unsigned count) {
    while (count > 0) {
      const unsigned room = 8 - used_ % 8;
      const unsigned taken = std::min(room, count);
      const std::uint64_t part = (bits >> (count - taken)) & ((1U << taken) - 1U);
      bytes_[used_ / 8] = static_cast<std::uint8_t>(bytes_[used_ / 8] | (part << (room - taken)));
      used_ += taken;
      count -= taken;
    }
  }
  std::span<const std::uint8_t> bytes() const { return std::span(bytes_).first((used_ + 7) / 8); }

 private:
  std::array<std::uint8_t, kMaxBytes> bytes_{};
  unsigned used_ = 0;
};

/// Takes bits from a word that is filled up by eight bytes at a time where there are as many.
class BitReader {
 public:
  explicit BitReader(std::span<const std::uint8_t> bytes)
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  std::uint64_t get(unsigned count) {
    if (count == 0) return 0;
    if (count > 32) {
      const std::uint64_t high = get(count - 32);
      return high << 32 | get(32);
    }
    fill(count);
    const std::uint64_t bits = word_ >> (64 - count);
    skip(count);
    return bits;
  }
  /// How many ones precede the next zero, `most` at most.
  unsigned ones(unsigned most) {
    fill(most + 1);
    const unsigned count = std::min(static_cast<unsigned>(std::countl_one(word_)), most);
    skip(count < most ? count + 1 : count);
    return count;
  }

 private:
  void fill(unsigned wanted) {
    if (there_ >= wanted) return;
    if (end_ - next_ >= 8) {
      std::uint64_t more = 0;
      std::memcpy(&more, next_, sizeof more);
      word_ |= be64toh(more) >> there_;
      const unsigned bytes = (63 - there_) / 8;
      next_ += bytes;
      there_ += bytes * 8;
      return;
    }
    for (; there_ <= 56 && next_ != end_; there_ += 8) word_ |= std::uint64_t{*next_++} << (56 - there_);
  }
  void skip(unsigned count) {
    word_ <<= count;
    there_ -= count;
  }

  const std::uint8_t* next_;
  const std::uint8_t* end_;
  std::uint64_t word_ = 0;  // its highest `there_` bits are the next ones; those below, if any, come after
  unsigned there_ = 0;
};

/// Bits of a difference, by how many ones stand before it.
constexpr std::array<unsigned, 6> kWidths{0, 4, 8, 13, 20, 64};

void put_signed(BitWriter& out, std::int64_t value) {
  // Zigzag: small magnitudes of either sign become small numbers.
  const std::uint64_t zigzag =
      (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  unsigned width = 0;
  while (kWidths[width] < static_cast<unsigned>(std::bit_width(zigzag))) ++width;
  if (width > 0) out.put((std::uint64_t{1} << width) - 1, width);
  if (width + 1 < kWidths.size()) out.put(0, 1);
  out.put(zigzag, kWidths[width]);
}

std::int64_t get_signed(BitReader& in) {
  const std::uint64_t zigzag = in.get(kWidths[in.ones(kWidths.size() - 1)]);
  return static_cast<std::int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
}

double over(std::int64_t number, std::size_t scale) { return static_cast<double>(number) / kPowers[scale]; }

/// The whole number that is `bits` times the power, when dividing it gives exactly these bits again.
std::optional<std::int64_t> scaled(std::uint64_t bits, std::size_t scale) {
  const double product = std::bit_cast<double>(bits) * kPowers[scale];
  if (!(std::abs(product) < kExact)) return std::nullopt;  // NaN too
  const auto number = static_cast<std::int64_t>(std::llround(product));
  if (std::bit_cast<std::uint64_t>(over(number, scale)) != bits) return std::nullopt;
  return number;
}

/// The values as whole numbers over the smallest power that does for all of them.
std::optional<std::size_t> scale_of(std::span<const std::uint64_t> bits, std::span<std::int64_t> numbers) {
  std::size_t scale = 0;
  for (std::size_t i = 0; i < bits.size();) {
    const auto number = scaled(bits[i], scale);
    if (number) {
      numbers[i++] = *number;
    } else {
      if (++scale == kPowers.size()) return std::nullopt;
      i = 0;
    }
  }
  return scale;
}

/// Differences of at most 2^54 stay far from overflow.
void put_numbers(BitWriter& out, std::span<const std::int64_t> numbers) {
  std::int64_t difference = 0;
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    const std::int64_t now = numbers[i] - numbers[i - 1];
    put_signed(out, now - difference);
    difference = now;
  }
}

/// Per value: 0 for the same again; 10 and the bits that fit the last window; 11, a new window (leading zeros
/// 6 bits, length less one 6 bits) and its bits.
void put_bits(BitWriter& out, std::span<const std::uint64_t> bits) {
  unsigned leading = 64, length = 0;
  for (std::size_t i = 1; i < bits.size(); ++i) {
    const std::uint64_t changed = bits[i] ^ bits[i - 1];
    if (changed == 0) {
      out.put(0, 1);
      continue;
    }
    const auto zeros = static_cast<unsigned>(std::countl_zero(changed));
    const auto trailing = static_cast<unsigned>(std::countr_zero(changed));
    const unsigned needed = 64 - zeros - trailing;
    const bool fits = length > 0 && zeros >= leading && trailing >= 64 - leading - length;
    if (fits && length < needed + 14) {
      out.put(2, 2);
    } else {
      leading = zeros;
      length = needed;
      out.put(3, 2);
      out.put(leading, 6);
      out.put(length - 1, 6);
    }
    out.put(changed >> (64 - leading - length), length);
  }
}

void get_bits(BitReader in, std::span<std::uint64_t> out) {
  unsigned leading = 0, length = 0;
  for (std::size_t i = 1; i < out.size(); ++i) {
    out[i] = out[i - 1];
    if (in.get(1) == 0) continue;
    if (in.get(1) == 1) {
      leading = static_cast<unsigned>(in.get(6));
      length = static_cast<unsigned>(in.get(6)) + 1;
    }
    out[i] ^= in.get(length) << (64 - leading - length);
  }
}

}  // namespace

Chunk::Chunk(std::span<const std::uint64_t> bits)
    : first_(bits.front()), count_(static_cast<std::uint8_t>(bits.size())) {
  if (std::all_of(bits.begin(), bits.end(), [this](std::uint64_t one) { return one == first_; })) return;
  BitWriter as_bits;
  put_bits(as_bits, bits);
  std::span<const std::uint8_t> best = as_bits.bytes();
  encoding_ = Encoding::bits;
  BitWriter as_decimal;
  std::array<std::int64_t, kMaxValues> numbers{};
  if (const auto scale = scale_of(bits, numbers)) {
    put_numbers(as_decimal, std::span(numbers).first(bits.size()));
    if (as_decimal.bytes().size() < best.size()) {
      best = as_decimal.bytes();
      encoding_ = Encoding::decimal;
      scale_ = static_cast<std::uint8_t>(*scale);
    }
  }
  size_ = static_cast<std::uint16_t>(best.size());
  data_ = std::make_unique_for_overwrite<std::uint8_t[]>(size_);
  std::copy(best.begin(), best.end(), data_.get());
}

void Chunk::decode(std::span<std::uint64_t> out) const {
  const std::span<std::uint64_t> values = out.first(count_);
  values[0] = first_;
  switch (encoding_) {
    case Encoding::constant:
      std::fill(values.begin(), values.end(), first_);
      return;
    case Encoding::bits:
      return get_bits(BitReader({data_.get(), size_}), values);
    case Encoding::decimal: {
      BitReader in({data_.get(), size_});
      std::int64_t number = *scaled(first_, scale_), difference = 0;
      for (std::size_t i = 1; i < values.size(); ++i) {
        difference += get_signed(in);
        number += difference;
        values[i] = std::bit_cast<std::uint64_t>(over(number, scale_));
      }
      return;
    }
  }
}

}  // namespace chiron
