#include "remediation/actions/deletion/tmpfiles.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <array>
#include <set>

namespace chiron::remediation {
namespace {

constexpr std::array<std::string_view, 4> kDirectories = {"/etc/tmpfiles.d", "/run/tmpfiles.d",
                                                          "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"};
constexpr std::size_t kFileLimit = 1 << 20;

int octal_digit(char c) { return c >= '0' && c <= '7' ? c - '0' : -1; }
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// The C escapes of a field, `text` starting after the backslash. Takes what it read off the front.
void unescape(std::string_view& text, std::string& field) {
  if (text.empty()) return;
  const char c = text.front();
  text.remove_prefix(1);
  static constexpr std::string_view kNames = "abfnrtvs", kValues = "\a\b\f\n\r\t\v ";
  if (const std::size_t known = kNames.find(c); known != std::string_view::npos) {
    field += kValues[known];
  } else if (c == 'x' && text.size() >= 2 && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0) {
    field += static_cast<char>(hex_digit(text[0]) * 16 + hex_digit(text[1]));
    text.remove_prefix(2);
  } else if (octal_digit(c) >= 0 && text.size() >= 2 && octal_digit(text[0]) >= 0 &&
             octal_digit(text[1]) >= 0) {
    field +=
        static_cast<char>((octal_digit(c) * 64 + octal_digit(text[0]) * 8 + octal_digit(text[1])) & 0xff);
    text.remove_prefix(2);
  } else {
    field += '\\';
    field += c;  // the glob's own escapes pass through
  }
}

/// The next field of a line, quotes and escapes taken away. False when none is left.
bool next_field_of(std::string_view& line, std::string& field) {
  field.clear();
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  if (line.empty()) return false;
  char quote = 0;
  while (!line.empty()) {
    const char c = line.front();
    if (quote == 0 && (c == ' ' || c == '\t')) break;
    line.remove_prefix(1);
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '\\') {
      unescape(line, field);
    } else {
      field += c;
    }
  }
  return true;
}

std::string expand_specifiers(std::string_view path, std::string_view boot_id) {
  std::string expanded;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%' || i + 1 == path.size()) {
      expanded += path[i];
      continue;
    }
    switch (path[++i]) {
      case '%':
        expanded += '%';
        break;
      case 'b':
        std::ranges::copy_if(boot_id, std::back_inserter(expanded), [](char c) { return c != '-'; });
        break;
      case 't':
        expanded += "/run";
        break;
      case 'T':
        expanded += "/tmp";
        break;
      case 'V':
        expanded += "/var/tmp";
        break;
      case 'S':
        expanded += "/var/lib";
        break;
      case 'C':
        expanded += "/var/cache";
        break;
      case 'L':
        expanded += "/var/log";
        break;
      default:
        expanded += '*';
        break;
    }
  }
  return expanded;
}

/// fnmatch(3), which tmpfiles.d speaks, knows no **: it is *.
std::string collapse_stars(std::string_view pattern) {
  std::string collapsed;
  for (const char c : pattern) {
    if (c != '*' || collapsed.empty() || collapsed.back() != '*') collapsed += c;
  }
  return collapsed;
}

bool type_is(std::string_view type, char wanted) {
  static constexpr std::string_view kModifiers = "!+-=~^$?";
  return !type.empty() && type.front() == wanted &&
         type.substr(1).find_first_not_of(kModifiers) == std::string_view::npos;
}

}  // namespace

bool TmpfilesExclusions::excludes(std::string_view path) const {
  return std::ranges::any_of(trees, [&](const PathGlob& glob) { return glob.covers(path); }) ||
         std::ranges::any_of(paths, [&](const PathGlob& glob) { return glob.matches(path); });
}

void parse_tmpfiles(std::string_view text, std::string_view boot_id, TmpfilesExclusions& into) {
  std::string_view line;
  while (next_line(text, line)) {
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    std::string type, path;
    if (!next_field_of(line, type) || !next_field_of(line, path)) continue;
    const bool tree = type_is(type, 'x');
    if (!tree && !type_is(type, 'X')) continue;
    const std::string pattern = collapse_stars(expand_specifiers(path, boot_id));
    Result<PathGlob> glob = PathGlob::compile(pattern, PathGlob::Hidden::matched);
    if (glob) (tree ? into.trees : into.paths).push_back(*std::move(glob));
  }
}

Result<TmpfilesExclusions> load_tmpfiles(const HostPaths& paths, std::string_view boot_id) {
  TmpfilesExclusions exclusions;
  std::set<std::string> seen;
  for (const std::string_view directory : kDirectories) {
    const std::string real = paths.root(directory);
    Result<std::vector<std::string>> names = list_directory(real);
    if (!names) {
      if (names.error().code() == ErrorCode::not_found) continue;
      return std::move(names).error().wrap("exclusions of tmpfiles.d cannot be read");
    }
    for (const std::string& name : *names) {
      if (!name.ends_with(".conf") || !seen.insert(name).second) continue;
      Result<std::string> text = read_file(real + "/" + name, kFileLimit);
      if (text) {
        parse_tmpfiles(*text, boot_id, exclusions);
      } else if (text.error().code() != ErrorCode::not_found &&
                 text.error().code() != ErrorCode::invalid_argument) {
        // (not a regular file: a link to /dev/null, by which an administrator takes a file of that name away)
        return std::move(text).error().wrap("exclusions of tmpfiles.d cannot be read");
      }
    }
  }
  return exclusions;
}

}  // namespace chiron::remediation
