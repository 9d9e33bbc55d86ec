#include "exporter/collectors/cgroup_place.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <sys/stat.h>

namespace chiron {
namespace {

bool is_directory(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

/// The path up to and with the first component that holds `id`; "" when none does or when it climbs: a
/// process outside our cgroup namespace is shown as /../.. (cgroup_namespaces(7)), which names nothing here.
std::string_view container_group(std::string_view path, std::string_view id) {
  if (path.find("/..") != path.npos) return {};
  const std::size_t at = path.find(id);
  if (id.empty() || at == path.npos) return {};
  return path.substr(0, path.find('/', at));
}

struct Controller {
  std::string_view name;
  std::string CgroupPlace::*directory;
};
constexpr Controller kControllers[] = {{"cpu", &CgroupPlace::cpu},
                                       {"cpuacct", &CgroupPlace::cpuacct},
                                       {"memory", &CgroupPlace::memory},
                                       {"blkio", &CgroupPlace::blkio},
                                       {"pids", &CgroupPlace::pids}};

/// Of a v1 hierarchy that may be mounted under one controller's name or under all of its controllers'.
std::string v1_directory(const HostPaths& paths, std::string_view controller, std::string_view controllers,
                         std::string_view group) {
  for (const std::string_view mount : {controller, controllers}) {
    std::string directory = paths.sys("fs/cgroup/" + std::string(mount)) + std::string(group);
    if (is_directory(directory)) return directory;
  }
  return {};
}

void find_v1(const HostPaths& paths, std::string_view controllers, std::string_view group,
             CgroupPlace& place) {
  std::string_view rest = controllers;
  std::string_view each;
  while (next_field(rest, ',', each)) {
    for (const Controller& known : kControllers) {
      if (known.name != each) continue;
      place.*known.directory = v1_directory(paths, each, controllers, group);
      if (!(place.*known.directory).empty()) place.path = group;
    }
  }
}

void find_unified(const HostPaths& paths, std::string_view group, CgroupPlace& place) {
  // Beside v1 hierarchies the unified one is mounted at "unified".
  for (const char* mount : {"fs/cgroup", "fs/cgroup/unified"}) {
    if (!exists(paths.sys(mount) + "/cgroup.controllers")) continue;
    std::string directory = paths.sys(mount) + std::string(group);
    if (!is_directory(directory)) continue;
    place.unified = std::move(directory);
    if (place.path.empty()) place.path = group;
    return;
  }
}

}  // namespace

Result<CgroupPlace> find_cgroup(const HostPaths& paths, std::string_view cgroup_file, std::string_view id) {
  CgroupPlace place;
  std::string_view line;
  while (next_line(cgroup_file, line)) {
    // hierarchy-ID:controller-list:cgroup-path, the list empty for v2; the path may hold colons.
    std::string_view hierarchy;
    std::string_view controllers;
    if (!next_field(line, ':', hierarchy) || !next_field(line, ':', controllers)) continue;
    const std::string_view group = container_group(line, id);
    if (group.empty()) continue;
    if (controllers.empty()) {
      find_unified(paths, group, place);
    } else {
      find_v1(paths, controllers, group, place);
    }
  }
  if (!place.path.empty()) return place;
  return Error(ErrorCode::not_found, "no control group of the container that can be seen from here");
}

}  // namespace chiron
