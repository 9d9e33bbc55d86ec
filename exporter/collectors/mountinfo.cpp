#include "exporter/collectors/mountinfo.h"

#include "exporter/base/parse.h"

#include <unordered_map>
#include <unordered_set>

namespace chiron {
namespace {

bool is_octal(char c) { return c >= '0' && c <= '7'; }

bool has_option(std::string_view options, std::string_view wanted) {
  std::string_view option;
  while (next_field(options, ',', option)) {
    if (option == wanted) return true;
  }
  return false;
}

/// Whose statfs only adds up counters (ext4_statfs(), shmem_statfs()). A project quota of the directory,
/// which ext4 looks up, may have to be read.
bool is_in_memory(std::string_view fstype, std::string_view super_options) {
  if (fstype == "tmpfs" || fstype == "devtmpfs") return true;
  return (fstype == "ext4" || fstype == "ext3" || fstype == "ext2") && !has_option(super_options, "prjquota");
}

/// ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG:VALUE]... - FSTYPE SOURCE SUPEROPTIONS
bool parse_line(std::string_view line, Mount& mount) {
  std::string_view id, parent, numbers, root, mountpoint, options;
  if (!next_word(line, id) || !next_word(line, parent) || !next_word(line, numbers) ||
      !next_word(line, root) || !next_word(line, mountpoint) || !next_word(line, options)) {
    return false;
  }
  std::string_view word;
  do {
    if (!next_word(line, word)) return false;
  } while (word != "-");
  std::string_view fstype, source, super_options;
  if (!next_word(line, fstype) || !next_word(line, source)) return false;
  // A source that is the empty string leaves its column empty; the next word is then the super options.
  if (!next_word(line, super_options)) super_options = std::exchange(source, {});

  const std::size_t colon = numbers.find(':');
  if (colon == std::string_view::npos || !parse_int<unsigned>(numbers.substr(0, colon)) ||
      !parse_int<unsigned>(numbers.substr(colon + 1)) || mountpoint.front() != '/') {
    return false;
  }
  mount.device = unescape_mount_path(source);
  mount.mountpoint = unescape_mount_path(mountpoint);
  mount.fstype = fstype;
  mount.major = numbers.substr(0, colon);
  mount.minor = numbers.substr(colon + 1);
  mount.read_only = has_option(options, "ro") || has_option(super_options, "ro");
  mount.in_memory = is_in_memory(fstype, super_options);
  return true;
}

/// SOURCE MOUNTPOINT FSTYPE OPTIONS 0 0 (fstab(5)); the options of the mount and of its file system.
bool parse_short_line(std::string_view line, Mount& mount) {
  std::string_view source, mountpoint, fstype, options;
  if (!next_word(line, source) || !next_word(line, mountpoint) || !next_word(line, fstype) ||
      !next_word(line, options) || mountpoint.front() != '/') {
    return false;
  }
  mount.device = unescape_mount_path(source);
  mount.mountpoint = unescape_mount_path(mountpoint);
  mount.fstype = fstype;
  mount.read_only = has_option(options, "ro");
  mount.in_memory = is_in_memory(fstype, options);
  return true;
}

}  // namespace

std::string unescape_mount_path(std::string_view escaped) {
  std::string out;
  out.reserve(escaped.size());
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] == '\\' && i + 3 < escaped.size() && is_octal(escaped[i + 1]) && escaped[i + 1] <= '3' &&
        is_octal(escaped[i + 2]) && is_octal(escaped[i + 3])) {
      const int code = (escaped[i + 1] - '0') * 64 + (escaped[i + 2] - '0') * 8 + (escaped[i + 3] - '0');
      out += static_cast<char>(code);
      i += 3;
    } else {
      out += escaped[i];
    }
  }
  return out;
}

std::vector<Mount> parse_mounts(MountTable table, std::string_view text, std::string_view file,
                                Problems& problems) {
  const auto parse = table == MountTable::mountinfo ? parse_line : parse_short_line;
  std::vector<Mount> mounts;
  std::unordered_map<std::string, std::size_t> by_mountpoint;
  std::string_view line;
  for (std::size_t number = 1; next_line(text, line); ++number) {
    Mount mount;
    if (!parse(line, mount)) {
      problems.corrupt(file, number, "expected a mount as in proc(5)", line);
      continue;
    }
    const auto [place, added] = by_mountpoint.emplace(mount.mountpoint, mounts.size());
    if (added) {
      mounts.push_back(std::move(mount));
    } else {
      mounts[place->second] = std::move(mount);
    }
  }
  return mounts;
}

void exclude_slow_ways(std::vector<Mount>& mounts) {
  std::unordered_set<std::string_view> slow;
  for (const Mount& mount : mounts) {
    if (!mount.in_memory) slow.insert(mount.mountpoint);
  }
  for (Mount& mount : mounts) {
    const std::string_view path = mount.mountpoint;
    mount.in_memory = !slow.contains("/") && !slow.contains(path);
    for (std::size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1))
      mount.in_memory = mount.in_memory && !slow.contains(path.substr(0, slash));
  }
}

}  // namespace chiron
