#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace chiron {

/// The series handles a collector keeps per device, mount, unit, ...: made at first sight, dropped when a pass went by
/// without it. `Handles` is a struct of SeriesId. Usage in collect():
///   map.begin_pass();  ... auto& h = map.at(key, [&] { return make_handles(key); }); ...  map.end_pass();
template <class Handles>
class SeriesMap {
 public:
  void begin_pass() { ++pass_; }
  template <class Make>
  Handles& at(std::string_view key, Make&& make) {
    auto it = entries_.find(key);
    if (it == entries_.end()) it = entries_.emplace(std::string(key), Entry{make(), 0}).first;
    it->second.pass = pass_;
    return it->second.handles;
  }
  void end_pass() {
    std::erase_if(entries_, [this](const auto& entry) { return entry.second.pass != pass_; });
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Handles handles;
    std::uint64_t pass;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  std::uint64_t pass_ = 0;
};

}  // namespace chiron
