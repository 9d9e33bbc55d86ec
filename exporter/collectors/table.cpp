#include "exporter/collectors/collector.h"
#include "exporter/collectors/filesystem.h"

namespace chiron {
namespace {

constexpr CollectorInfo kCollectors[] = {
    {"filesystem", "Size, free space and free inodes of mounted file systems", true, false,
     kFilesystemOptions, make_filesystem_collector},
};

}  // namespace

std::span<const CollectorInfo> all_collectors() { return kCollectors; }

const CollectorInfo* find_collector(std::string_view name) {
  for (const CollectorInfo& info : kCollectors) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

}  // namespace chiron
