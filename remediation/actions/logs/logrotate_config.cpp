#include "remediation/actions/logs/logrotate_config.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::size_t kFileLimit = 1 << 20;
constexpr std::size_t kMostFiles = 1000;
constexpr std::array<std::string_view, 6> kScripts = {"postrotate", "prerotate", "firstaction",
                                                      "lastaction", "preremove", "firstscript"};

/// logrotate hands its patterns to glob(3), which knows no **: it is *.
std::string collapse_stars(std::string_view pattern) {
  std::string collapsed;
  for (const char c : pattern) {
    if (c != '*' || collapsed.empty() || collapsed.back() != '*') collapsed += c;
  }
  return collapsed;
}

void add_log(std::string_view text, LogrotatePatterns& into) {
  if (text.empty() || text.front() != '/') return;
  Result<PathGlob> glob = PathGlob::compile(collapse_stars(text), PathGlob::Hidden::matched);
  if (glob) return into.logs.push_back(*std::move(glob));
  // Not a pattern that is understood: all below the directory that it certainly names.
  const std::size_t slash = text.substr(0, text.find_first_of("*?[\\")).rfind('/');
  if (Result<std::string> tree = clean_absolute_path(text.substr(0, std::max<std::size_t>(slash, 1))); tree) {
    into.trees.push_back(PathGlob::literal(*tree));
  }
}

/// `olddir` may be relative to the directory of each log.
void add_olddir(std::string_view path, const std::vector<std::string>& logs, LogrotatePatterns& into) {
  const auto add = [&into](const std::string& text) {
    Result<PathGlob> glob = PathGlob::compile(collapse_stars(text), PathGlob::Hidden::matched);
    if (glob) into.trees.push_back(*std::move(glob));
  };
  if (path.starts_with('/')) return add(std::string(path));
  for (const std::string& log : logs) {
    const std::size_t slash = log.rfind('/');
    if (slash != std::string::npos) add(fmt::format("{}/{}", log.substr(0, slash), path));
  }
}

/// One word, quotes and backslashes taken away; `{` ends it and stays.
std::string take_path(std::string_view& line) {
  std::string word;
  char quote = 0;
  while (!line.empty()) {
    const char c = line.front();
    if (quote == 0 && (c == ' ' || c == '\t' || c == '{')) break;
    line.remove_prefix(1);
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '\\' && !line.empty()) {
      word += c;
      word += line.front();
      line.remove_prefix(1);
    } else {
      word += c;
    }
  }
  line = trim(line);
  return word;
}

class Parser {
 public:
  Parser(LogrotatePatterns& into, std::vector<std::string>& includes) : into_(into), includes_(includes) {}

  bool parse(std::string_view text) {
    std::string_view line;
    while (next_line(text, line)) {
      line = trim(line);
      if (line.empty() || line.front() == '#') continue;
      if (in_script_) {
        in_script_ = first_word(line) != "endscript";
      } else if (in_block_) {
        block_line(line);
      } else {
        top_line(line);
      }
    }
    return whole_ && !in_block_ && !in_script_ && logs_.empty();
  }

 private:
  static std::string_view first_word(std::string_view line) {
    std::string_view word;
    next_word(line, word);
    return word;
  }

  void top_line(std::string_view line) {
    if (line.front() == '{' || line.front() == '/' || line.front() == '"' || line.front() == '\'') {
      while (!line.empty() && line.front() != '{') logs_.push_back(take_path(line));
      if (!line.empty()) open_block(trim(line.substr(1)));
      return;
    }
    std::string_view word;
    next_word(line, word);
    if (word == "include") {
      line = trim(line);
      if (line.starts_with('=')) line = trim(line.substr(1));
      includes_.push_back(take_path(line));
    } else if (std::ranges::count(kScripts, word) > 0) {
      in_script_ = true;
    } else if (word.find_first_of("/*") != std::string_view::npos ||
               line.find_first_of("{}") != std::string_view::npos) {
      whole_ = false;  // no directive has these in its name, and none opens or ends a block
    }
  }

  void open_block(std::string_view rest) {
    whole_ = whole_ && !logs_.empty();
    for (const std::string& log : logs_) {
      whole_ = whole_ && log.starts_with('/');
      add_log(log, into_);
    }
    in_block_ = true;
    if (!rest.empty() && rest.front() != '#') block_line(rest);
  }

  void block_line(std::string_view line) {
    const bool closes = line.ends_with('}');
    std::string_view word;
    next_word(line, word);
    if (std::ranges::count(kScripts, word) > 0) {
      in_script_ = true;
    } else if (word == "olddir") {
      line = trim(line);
      add_olddir(take_path(line), logs_, into_);
    } else if (word.find('{') != std::string_view::npos || word.starts_with('/')) {
      whole_ = false;
    }
    if (in_script_ || !closes) return;
    in_block_ = false;
    logs_.clear();
  }

  LogrotatePatterns& into_;
  std::vector<std::string>& includes_;
  std::vector<std::string> logs_;  // of the block that is open or about to be
  bool in_block_ = false, in_script_ = false, whole_ = true;
};

void add_all_paths(std::string_view text, LogrotatePatterns& into) {
  std::string_view line;
  while (next_line(text, line)) {
    for (std::size_t at = line.find('/'); at != std::string_view::npos; at = line.find('/', at)) {
      const std::string_view path = line.substr(at, line.substr(at).find_first_of(" \t\"'{};,"));
      add_log(path, into);
      at += std::max<std::size_t>(path.size(), 1);
    }
  }
}

}  // namespace

bool LogrotatePatterns::owns(std::string_view path) const {
  return std::ranges::any_of(logs, [&](const PathGlob& glob) { return glob.matches(path); }) ||
         std::ranges::any_of(trees, [&](const PathGlob& glob) { return glob.covers(path); });
}

bool parse_logrotate(std::string_view text, LogrotatePatterns& into, std::vector<std::string>& includes) {
  const bool whole = Parser(into, includes).parse(text);
  if (!whole) add_all_paths(text, into);
  return whole;
}

Result<LogrotatePatterns> load_logrotate(const HostPaths& paths) {
  LogrotatePatterns patterns;
  std::vector<std::string> pending = {"/etc/logrotate.conf", "/etc/logrotate.d"};
  std::set<std::string> seen;
  while (!pending.empty()) {
    const std::string path = std::move(pending.back());
    pending.pop_back();
    if (path.empty() || !seen.insert(path).second) continue;
    if (seen.size() > kMostFiles) {
      return Error(ErrorCode::exhausted, "logrotate's configuration has too many files to tell what it owns");
    }
    const std::string real = paths.root(path);
    // logrotate passes over some endings in a directory (.dpkg-old, ~); what they name is owned all the same.
    if (Result<std::vector<std::string>> names = list_directory(real); names) {
      for (const std::string& name : *names) pending.push_back(path + "/" + name);
      continue;
    }
    Result<std::string> text = read_file(real, kFileLimit);
    if (text) {
      parse_logrotate(*text, patterns, pending);
    } else if (text.error().code() != ErrorCode::not_found &&
               text.error().code() != ErrorCode::invalid_argument) {
      return std::move(text).error().wrap("what logrotate owns cannot be told");
    }
  }
  return patterns;
}

}  // namespace chiron::remediation
