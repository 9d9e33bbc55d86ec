#include "rules/promql/label_hash.h"

#include <array>
#include <bit>
#include <string>

namespace chiron::promql {
namespace {

constexpr std::uint64_t kPrime1 = 0x9e3779b185ebca87;
constexpr std::uint64_t kPrime2 = 0xc2b2ae3d27d4eb4f;
constexpr std::uint64_t kPrime3 = 0x165667b19e3779f9;
constexpr std::uint64_t kPrime4 = 0x85ebca77c2b2ae63;
constexpr std::uint64_t kPrime5 = 0x27d4eb2f165667c5;

std::uint64_t read_little(std::string_view data, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(data[i]);
  return value;
}

std::uint64_t mix(std::uint64_t accumulator, std::uint64_t input) {
  return std::rotl(accumulator + input * kPrime2, 31) * kPrime1;
}

void append_sized(std::string& out, std::string_view text) {
  constexpr std::size_t kLong = 255;
  if (text.size() < kLong) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    out.push_back(static_cast<char>(kLong));
    for (int shift = 0; shift < 24; shift += 8) out.push_back(static_cast<char>(text.size() >> shift & 0xff));
  }
  out += text;
}

}  // namespace

std::uint64_t xxhash64(std::string_view data) {
  const std::uint64_t size = data.size();
  std::uint64_t hash = kPrime5;
  if (data.size() >= 32) {
    std::array<std::uint64_t, 4> lanes = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
    for (; data.size() >= 32; data.remove_prefix(32)) {
      for (std::size_t i = 0; i < lanes.size(); ++i)
        lanes[i] = mix(lanes[i], read_little(data.substr(8 * i), 8));
    }
    hash =
        std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = (hash ^ mix(0, lane)) * kPrime1 + kPrime4;
  }
  hash += size;
  for (; data.size() >= 8; data.remove_prefix(8)) {
    hash = std::rotl(hash ^ mix(0, read_little(data, 8)), 27) * kPrime1 + kPrime4;
  }
  if (data.size() >= 4) {
    hash = std::rotl(hash ^ read_little(data, 4) * kPrime1, 23) * kPrime2 + kPrime3;
    data.remove_prefix(4);
  }
  for (const char c : data) hash = std::rotl(hash ^ static_cast<unsigned char>(c) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

double hash_share(const Labels& labels) {
  std::string data;
  for (const Label& label : labels) {
    append_sized(data, label.name);
    append_sized(data, label.value);
  }
  constexpr double kMost = 18446744073709551615.0;
  return static_cast<double>(xxhash64(data)) / kMost;
}

}  // namespace chiron::promql
