#include "exporter/series/chunk.h"

#include <bit>
#include <limits>
#include <random>

namespace chiron {
namespace {

using Bits = std::vector<std::uint64_t>;

Bits bits_of(const std::vector<double>& values) {
  Bits bits;
  for (const double value : values) bits.push_back(std::bit_cast<std::uint64_t>(value));
  return bits;
}

template <class Value>
Bits column(Value value_at) {
  Bits bits;
  for (std::size_t i = 0; i < Chunk::kMaxValues; ++i)
    bits.push_back(std::bit_cast<std::uint64_t>(double{value_at(i)}));
  return bits;
}

Bits read_back(const Chunk& chunk, std::size_t count) {
  Bits out(Chunk::kMaxValues);
  chunk.decode(out);
  out.resize(count);
  return out;
}

std::size_t size_of(const Bits& bits) {
  const Chunk chunk(bits);
  EXPECT_EQ(read_back(chunk, bits.size()), bits);
  return chunk.bytes();
}

TEST(Chunk, ColumnsOfAHostAreSmall) {
  EXPECT_EQ(size_of(column([](std::size_t) { return 1.5; })), 0U);
  // A counter at a steady pace: a bit a value, and its pace once.
  EXPECT_LE(size_of(column([](std::size_t i) { return 1e9 + 4096.0 * static_cast<double>(i); })), 12U);
  // CPU seconds, in hundredths.
  EXPECT_LE(
      size_of(column([](std::size_t i) { return static_cast<double>(123456 + i * 480 + i % 7) / 100; })),
      50U);
  // A gauge that changes once.
  EXPECT_LE(size_of(column([](std::size_t i) { return i < 40 ? 0.1 : 0.3; })), 16U);
}

TEST(Chunk, WhatNoEncodingSuitsTakesLittleMoreThanACopy) {
  std::mt19937_64 random(1);
  Bits bits;
  for (std::size_t i = 0; i < Chunk::kMaxValues; ++i) bits.push_back(random());
  EXPECT_LE(size_of(bits), Chunk::kMaxValues * 8 + 120);
}

TEST(Chunk, EveryValueComesBackBitForBit) {
  constexpr double kInf = std::numeric_limits<double>::infinity(), kMax = std::numeric_limits<double>::max();
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  const std::vector<std::vector<double>> columns{
      {0.0},
      {-0.0, 0.0},
      {0.0, -0.0, 0.0},
      {kInf, -kInf, 1, kMax, -kMax, kTiny, -kTiny},
      {std::numeric_limits<double>::quiet_NaN(), 1, 2},
      {9007199254740991.0, -9007199254740991.0, 9007199254740991.0},
      {9007199254740992.0, 9007199254740993.0, 9007199254740994.0, 0},
      {9007199254.740991, -9007199254.740991, 0.000001},
      {0.1, 0.2, 0.30000000000000004, 0.3},
      {1e-7, 2e-7},
      {-1, 1, -2, 2, -3, 3},
  };
  for (const std::vector<double>& values : columns) size_of(bits_of(values));
  size_of({0x7ff0000000000002, 0x7ff8dead00000001, 0, 1, ~std::uint64_t{0}, std::uint64_t{1} << 63});
}

TEST(Chunk, MixedColumnsOfEveryLengthComeBack) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 4000; ++round) {
    Bits bits;
    const std::size_t count = random() % Chunk::kMaxValues + 1;
    const std::uint64_t kind = random() % 5;
    double value = static_cast<double>(random() % 1'000'000);
    for (std::size_t i = 0; i < count; ++i) {
      if (kind == 0) value += static_cast<double>(random() % 5);
      if (kind == 1) value += static_cast<double>(random() % 100'000) / 1000;
      if (kind == 2) value = static_cast<double>(static_cast<std::int64_t>(random() >> (random() % 64)));
      if (kind == 3) value = std::bit_cast<double>(random() >> (random() % 64));
      if (kind == 4) value = -value * (random() % 2 == 0 ? 1.0 : 1e-3);
      bits.push_back(random() % 40 == 0 ? 0x7ff8dead00000001 : std::bit_cast<std::uint64_t>(value));
    }
    size_of(bits);
  }
}

}  // namespace
}  // namespace chiron
