#pragma once

#include "exporter/base/clock.h"
#include "exporter/collectors/engine_inventory.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::remediation {

enum class EngineKind { containers, networks, volumes, images, build_cache };
std::string_view to_string(EngineKind kind);

struct EngineItem {
  EngineKind kind = EngineKind::images;
  EngineObject object;
};
/// "image nginx:1.25", "volume data"
std::string describe(const EngineItem& item);

/// What of an engine's objects may go.
struct EngineRules {
  std::vector<EngineKind> kinds;  ///< in the order in which they go
  bool named_volumes = false;
  bool anonymous_volumes = true;  ///< those that got their name from the engine
  Duration older_than{};
  /// Globs over names, digests and ids, and over the image of a container; docker.io/library/ may be left
  /// out.
  std::vector<std::string> keep;
  std::vector<std::pair<std::string, std::string>> keep_labels;  ///< any of them keeps; value "": any value
};

/// Why objects of the kinds that were asked for stay.
struct EngineKept {
  std::uint64_t young = 0;
  std::uint64_t untold = 0;  ///< the engine does not say how old it is
  std::uint64_t in_use = 0;
  std::uint64_t listed = 0;   ///< keep or keep_labels names it
  std::uint64_t changed = 0;  ///< not any more what was found
  std::uint64_t refused = 0;  ///< the engine said no
  std::uint64_t over_budget = 0;

  EngineKept& operator+=(const EngineKept& other);
};
/// kept_young=3, ...: those reasons that kept something.
std::vector<std::pair<std::string, std::string>> kept_facts(const EngineKept& kept);
/// "kept 3 too young, 1 in use"; empty when nothing was kept.
std::string describe(const EngineKept& kept);

/// Whether the item may go as far as what the engine listed tells. Why not is counted in `kept`. `now` in
/// seconds since the epoch.
bool may_go(const EngineRules& rules, const EngineItem& item, double now, EngineKept& kept);

/// Texts that an engine gave and that go into a request as they are.
bool is_plain_word(std::string_view text);       ///< letters and digits
bool is_plain_reference(std::string_view text);  ///< and what names of images have: . _ - / : @
/// An id without "sha256:"
std::string_view digits_of(std::string_view id);

}  // namespace chiron::remediation
