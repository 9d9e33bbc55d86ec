#include "exporter/collectors/container_engine.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

// Whatever a server answers in place of an engine: decoding ends, and what it yields is fit for labels.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  if (const auto rows = chiron::decode_container_list(json); rows.ok()) {
    for (const chiron::ContainerSummary& row : *rows) {
      if (row.id.find_first_not_of("0123456789abcdef") != row.id.npos || row.id.size() > 64) __builtin_trap();
    }
  }
  if (const auto detail = chiron::decode_container_detail(json); detail.ok()) {
    if (detail->started_at != detail->started_at) __builtin_trap();
  }
  (void)chiron::decode_uses_systemd_cgroups(json).ok();
  return 0;
}
