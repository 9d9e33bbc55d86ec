#include "exporter/collectors/container_answers.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

// Whatever a server answers in place of an engine: decoding ends, and what it yields is fit for labels.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  if (const auto ids = chiron::decode_container_list(json); ids.ok()) {
    for (const std::string& id : *ids) {
      if (!chiron::is_container_id(id)) __builtin_trap();
    }
  }
  if (const auto detail = chiron::decode_container_detail(json); detail.ok()) {
    if (!chiron::is_container_id(detail->id)) __builtin_trap();
    if (std::isnan(detail->started_at) || std::isnan(detail->finished_at)) __builtin_trap();
  }
  if (const auto event = chiron::decode_container_event(json); event.ok()) {
    if (!event->id.empty() && !chiron::is_container_id(event->id)) __builtin_trap();
  }
  if (const auto disk = chiron::decode_engine_disk(json); disk.ok()) {
    if (disk->images.bytes < 0 || disk->images.reclaimable_bytes < 0) __builtin_trap();
    if (disk->volumes.reclaimable_bytes > disk->volumes.bytes) __builtin_trap();
  }
  (void)chiron::decode_uses_systemd_cgroups(json).ok();
  (void)chiron::decode_message(json);
  return 0;
}
