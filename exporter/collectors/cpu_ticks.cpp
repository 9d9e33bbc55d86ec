#include "exporter/collectors/cpu_ticks.h"

#include "exporter/base/parse.h"

#include <algorithm>

namespace chiron {

std::optional<CpuTicks> parse_cpu_ticks(std::string_view columns) {
  constexpr std::size_t kFewest = 4;
  CpuTicks ticks{};
  std::size_t count = 0;
  std::string_view word;
  while (count < ticks.size() && next_word(columns, word)) {
    const std::optional<std::uint64_t> value = parse_int<std::uint64_t>(word);
    if (!value) return std::nullopt;
    ticks[count++] = *value;
  }
  if (count < kFewest) return std::nullopt;
  return ticks;
}

const CpuTicks& SteadyTicks::update(const CpuTicks& now) {
  constexpr std::uint64_t kThreeSeconds = 300;
  if (now[kIdle] < kept_[kIdle] && kept_[kIdle] - now[kIdle] >= kThreeSeconds) kept_ = {};
  for (std::size_t i = 0; i < now.size(); ++i) kept_[i] = std::max(kept_[i], now[i]);
  return kept_;
}

}  // namespace chiron
