#pragma once

#include <cstdint>
#include <string_view>

namespace chiron {

/// FNV-1a of 64 bits: the same in every build and run, unlike std::hash.
class Fnv1a {
 public:
  void add(std::string_view text) {
    for (const char c : text) add(static_cast<unsigned char>(c));
  }
  void add(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace chiron
