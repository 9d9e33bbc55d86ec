#include "exporter/collectors/net_counters.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

namespace chiron {

NetCounters parse_net_counters(std::string_view line) {
  NetCounters counters;
  // An alias (eth0:1) has a colon of its own; the last one ends the name.
  const std::size_t colon = line.rfind(':');
  if (colon == std::string_view::npos) return counters;
  counters.device = trim(line.substr(0, colon));
  line.remove_prefix(colon + 1);
  auto& values = counters.values.emplace();
  for (std::uint64_t& value : values) {
    const std::optional<std::uint64_t> number = next_number(line);
    if (!number) {
      counters.values.reset();
      break;
    }
    value = *number;
  }
  return counters;
}

}  // namespace chiron
