#include "exporter/base/host_paths.h"

namespace chiron {
namespace {

void strip_trailing_slashes(std::string& path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
}

std::string join(const std::string& root, std::string_view relative) {
  while (!relative.empty() && relative.front() == '/') relative.remove_prefix(1);
  std::string path = root;
  if (relative.empty()) return path;
  if (path.back() != '/') path += '/';
  path += relative;
  return path;
}

}  // namespace

HostPaths::HostPaths(Roots roots) : roots_(std::move(roots)) {
  strip_trailing_slashes(roots_.procfs);
  strip_trailing_slashes(roots_.sysfs);
  strip_trailing_slashes(roots_.rootfs);
  if (roots_.udev_data.empty()) roots_.udev_data = root("/run/udev/data");
  strip_trailing_slashes(roots_.udev_data);
}

std::string HostPaths::proc(std::string_view relative) const { return join(roots_.procfs, relative); }
std::string HostPaths::sys(std::string_view relative) const { return join(roots_.sysfs, relative); }
std::string HostPaths::udev_data(std::string_view relative) const { return join(roots_.udev_data, relative); }
std::string HostPaths::root(std::string_view absolute) const { return join(roots_.rootfs, absolute); }

std::string HostPaths::strip_root(std::string_view path) const {
  const std::string& root = roots_.rootfs;
  if (root == "/" || path.substr(0, root.size()) != root) return std::string(path);
  const std::string_view rest = path.substr(root.size());
  if (rest.empty()) return "/";
  return rest.front() == '/' ? std::string(rest) : std::string(path);
}

bool HostPaths::live() const {
  return roots_.procfs == "/proc" && roots_.sysfs == "/sys" && roots_.rootfs == "/";
}

}  // namespace chiron
