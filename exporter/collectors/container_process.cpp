#include "exporter/collectors/container_process.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace chiron {
namespace {

constexpr std::size_t kLongest = 1 << 20;

/// A file of the process, to its end, into `buffer`.
Result<std::string_view> read_at(int directory, const char* name, std::vector<char>& buffer) {
  const FileDescriptor fd(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, name);
  std::size_t used = 0;
  while (used <= kLongest) {
    if (buffer.size() - used < 1024) buffer.resize(buffer.size() * 2 + 2048);
    const ssize_t count = ::read(fd.get(), buffer.data() + used, buffer.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, name);
    if (count == 0) return std::string_view(buffer.data(), used);
    used += static_cast<std::size_t>(count);
  }
  return Error(ErrorCode::exhausted, std::string(name) + ": larger than is read of it");
}

}  // namespace

Result<ContainerProcess> ContainerProcess::open(const HostPaths& paths, std::int64_t pid,
                                                std::string_view id) {
  const std::string path = paths.proc(std::to_string(pid));
  FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return Error::from_errno(errno, path);
  std::vector<char> buffer;
  const Result<std::string_view> text = read_at(directory.get(), "cgroup", buffer);
  if (!text) return Error(text.error()).wrap(path);
  Result<CgroupPlace> group = find_cgroup(paths, *text, id);
  // A process is there: what keeps its group from being seen is a fault, not an end.
  if (!group) return Error(ErrorCode::unavailable, path + "/cgroup: " + group.error().to_string());
  return ContainerProcess(std::move(directory), std::move(*group));
}

Result<std::string_view> ContainerProcess::network() { return read_at(directory_.get(), "net/dev", text_); }

}  // namespace chiron
