#include "exporter/collectors/cgroup_usage.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <sys/stat.h>

namespace chiron {
namespace {

bool is_directory(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool exists(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0;
}

/// The path up to and with the first component that holds `id`; "" when none does or when it climbs: a
/// process outside our cgroup namespace is shown as /../.. (cgroup_namespaces(7)), which names nothing here.
std::string_view container_group(std::string_view path, std::string_view id) {
  if (path.find("/..") != path.npos) return {};
  const std::size_t at = path.find(id);
  if (id.empty() || at == path.npos) return {};
  return path.substr(0, path.find('/', at));
}

bool lists(std::string_view controllers, std::string_view controller) {
  std::string_view each;
  while (next_field(controllers, ',', each)) {
    if (each == controller) return true;
  }
  return false;
}

/// Of a v1 hierarchy that may be mounted under one controller's name or under all of its controllers'.
std::string v1_directory(const HostPaths& paths, std::string_view controller, std::string_view controllers,
                         std::string_view group) {
  for (const std::string_view mount : {controller, controllers}) {
    std::string directory = paths.sys("fs/cgroup/" + std::string(mount)) + std::string(group);
    if (is_directory(directory)) return directory;
  }
  return {};
}

void use_unified(const HostPaths& paths, std::string_view group, CgroupPlace& place) {
  // Beside v1 hierarchies the unified one is mounted at "unified".
  for (const char* mount : {"fs/cgroup", "fs/cgroup/unified"}) {
    if (!exists(paths.sys(mount) + "/cgroup.controllers")) continue;
    const std::string directory = paths.sys(mount) + std::string(group);
    if (!is_directory(directory)) continue;
    const bool has_memory = exists(directory + "/memory.current");
    if (place.memory_directory.empty() && has_memory) place.memory_directory = directory;
    if (place.cpu_directory.empty()) {
      place.cpu_directory = directory;
      place.unified = true;
    }
    place.path = group;
    return;
  }
}

/// A file of one number. Nothing when it is absent or says "max".
std::optional<double> number_in(const std::string& directory, const char* file) {
  const Result<std::string> text = read_file(directory + "/" + file, 4096);
  if (!text.ok()) return std::nullopt;
  const auto value = parse_int<std::uint64_t>(trim(*text));
  return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
}

/// The value of "key value" in a flat-keyed file.
std::optional<double> value_in(const std::string& directory, const char* file, std::string_view key) {
  const Result<std::string> text = read_file(directory + "/" + file, 64 << 10);
  if (!text.ok()) return std::nullopt;
  std::string_view rest = *text;
  std::string_view line;
  std::string_view word;
  while (next_line(rest, line)) {
    if (!next_word(line, word) || word != key) continue;
    const auto value = parse_int<std::uint64_t>(trim(line));
    return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
  }
  return std::nullopt;
}

void read_memory(const std::string& directory, CgroupUsage& usage) {
  const bool unified = exists(directory + "/memory.current");
  usage.memory_bytes = number_in(directory, unified ? "memory.current" : "memory.usage_in_bytes");
  const auto inactive = value_in(directory, "memory.stat", unified ? "inactive_file" : "total_inactive_file");
  if (usage.memory_bytes && inactive)
    usage.working_set_bytes = std::max(0.0, *usage.memory_bytes - *inactive);
  if (!exists(directory + (unified ? "/memory.max" : "/memory.limit_in_bytes"))) return;
  const auto limit = number_in(directory, unified ? "memory.max" : "memory.limit_in_bytes");
  // v1 says "no limit" with a number: LONG_MAX rounded down to a page.
  constexpr double kNoLimit = 4611686018427387904.0;  // 2^62, as cAdvisor has it
  usage.memory_limit_bytes = limit && *limit < kNoLimit ? *limit : 0;
}

}  // namespace

Result<CgroupPlace> find_cgroup(const HostPaths& paths, std::int64_t pid, std::string_view id) {
  const std::string file = paths.proc(std::to_string(pid) + "/cgroup");
  const Result<std::string> text = read_file(file, 64 << 10);
  if (!text.ok()) return text.error();
  CgroupPlace place;
  std::string_view rest = *text;
  std::string_view line;
  std::string_view unified;
  while (next_line(rest, line)) {
    // hierarchy-ID:controller-list:cgroup-path, the list empty for v2; the path may hold colons.
    std::string_view hierarchy;
    std::string_view controllers;
    if (!next_field(line, ':', hierarchy) || !next_field(line, ':', controllers)) continue;
    const std::string_view group = container_group(line, id);
    if (group.empty()) continue;
    if (controllers.empty()) unified = group;
    if (lists(controllers, "memory")) {
      place.memory_directory = v1_directory(paths, "memory", controllers, group);
      place.path = group;
    }
    if (lists(controllers, "cpuacct")) {
      place.cpu_directory = v1_directory(paths, "cpuacct", controllers, group);
      place.path = group;
    }
  }
  const bool complete = !place.cpu_directory.empty() && !place.memory_directory.empty();
  if (!complete && !unified.empty()) use_unified(paths, unified, place);
  if (place.cpu_directory.empty() && place.memory_directory.empty()) {
    return Error(ErrorCode::not_found,
                 file + ": no control group of the container that can be seen from here");
  }
  return place;
}

Result<CgroupUsage> read_cgroup_usage(const CgroupPlace& place) {
  CgroupUsage usage;
  if (!place.cpu_directory.empty()) {
    const auto raw = place.unified ? value_in(place.cpu_directory, "cpu.stat", "usage_usec")
                                   : number_in(place.cpu_directory, "cpuacct.usage");
    if (raw) usage.cpu_seconds = *raw / (place.unified ? 1e6 : 1e9);
  }
  if (!place.memory_directory.empty()) read_memory(place.memory_directory, usage);
  if (!usage.cpu_seconds && !usage.memory_bytes) {
    return Error(ErrorCode::not_found, place.path + ": the control group is gone or cannot be read");
  }
  return usage;
}

}  // namespace chiron
