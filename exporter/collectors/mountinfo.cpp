#include "exporter/collectors/mountinfo.h"

#include "exporter/base/parse.h"

#include <unordered_map>

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

std::vector<Mount> parse_mountinfo(std::string_view text, std::string_view file, Problems& problems) {
  std::vector<Mount> mounts;
  std::unordered_map<std::string, std::size_t> by_mountpoint;
  std::string_view line;
  for (std::size_t number = 1; next_line(text, line); ++number) {
    Mount mount;
    if (!parse_line(line, mount)) {
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

}  // namespace chiron
