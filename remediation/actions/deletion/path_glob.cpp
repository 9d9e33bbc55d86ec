#include "remediation/actions/deletion/path_glob.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::string_view kSpecial = "*?[\\";

struct ClassMatch {
  bool matched = false;
  std::size_t length =
      0;  // of the class in the pattern; 0: not a class, the bracket is an ordinary character
};

/// glob(7): a ']' right after the opening (or its '!') belongs to the set; a set without an end is no set.
ClassMatch match_class(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const auto low = static_cast<unsigned char>(pattern[i]);
    auto high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      i += 2;
      if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
      high = static_cast<unsigned char>(pattern[i]);
    }
    const auto value = static_cast<unsigned char>(c);
    found = found || (low <= value && value <= high);
    ++i;
  }
  if (i >= pattern.size()) return {};
  return {.matched = found != negated, .length = i + 1};
}

/// One pattern element other than '*' against one character; the element's length when it fits.
std::optional<std::size_t> match_one(std::string_view pattern, char c) {
  switch (pattern.front()) {
    case '?':
      return 1;
    case '[':
      if (const ClassMatch set = match_class(pattern, c); set.length > 0) {
        return set.matched ? std::optional(set.length) : std::nullopt;
      }
      break;
    case '\\':
      if (pattern.size() > 1) return pattern[1] == c ? std::optional<std::size_t>(2) : std::nullopt;
      break;
    default:
      break;
  }
  return pattern.front() == c ? std::optional<std::size_t>(1) : std::nullopt;
}

/// Going back only to the last star is enough: what stands before it has matched as early as it could.
bool match_component(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
      continue;
    }
    if (p < pattern.size()) {
      if (const auto length = match_one(pattern.substr(p), name[n])) {
        p += *length;
        ++n;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    p = star + 1;
    n = ++resume;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Error bad(std::string_view text, std::string_view why) {
  return {ErrorCode::invalid_argument, fmt::format("{} {}", quoted(text), why)};
}

/// Takes the next component off the front; false at the end.
bool next_component(std::string_view& path, std::string_view& component) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  if (path.empty()) return false;
  component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return true;
}

}  // namespace

Status check_no_braces(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
      continue;
    }
    if (pattern[i] != '{') continue;
    const std::string_view inside = pattern.substr(i, pattern.find('}', i) - i);
    const bool ends = i + inside.size() < pattern.size();
    if (ends && inside.find(',') != std::string_view::npos) {
      return bad(pattern, "has braces, which make no alternatives here; write one glob for each of them");
    }
  }
  return {};
}

bool is_within(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.substr(0, directory.size()) == directory &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

Result<std::string> clean_absolute_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return bad(path, "is not an absolute path");
  if (path.find('\0') != std::string_view::npos) return bad(path, "holds a NUL byte");
  std::string clean;
  std::string_view rest = path, component;
  while (next_component(rest, component)) {
    if (component == "." || component == "..") return bad(path, "must not contain . or .. components");
    clean += '/';
    clean += component;
  }
  return clean.empty() ? std::string("/") : clean;
}

Result<PathGlob> PathGlob::compile(std::string_view pattern, Hidden hidden) {
  Result<std::string> clean = clean_absolute_path(pattern);
  if (!clean) return std::move(clean).error();
  PathGlob glob;
  glob.hidden_ = hidden;
  bool all_literal = true;
  std::string_view rest = *clean, component;
  while (next_component(rest, component)) {
    const bool any_depth = component == "**";
    if (!any_depth && component.find("**") != std::string_view::npos) {
      return bad(pattern,
                 "has ** beside other characters; write it as a component of its own: /dir/**/*.log");
    }
    const bool literal = component.find_first_of(kSpecial) == std::string_view::npos;
    if (all_literal && literal && !rest.empty()) {
      glob.base_ += '/';
      glob.base_ += component;
    }
    all_literal = all_literal && literal;
    glob.components_.push_back({std::string(component), any_depth, literal});
  }
  if (glob.base_.empty()) glob.base_ = "/";
  glob.text_ = *std::move(clean);
  return glob;
}

PathGlob PathGlob::literal(std::string_view path) {
  PathGlob glob;
  glob.text_ = path;
  std::string_view rest = path, component;
  while (next_component(rest, component)) {
    if (!rest.empty()) glob.base_ += "/" + std::string(component);
    glob.components_.push_back({std::string(component), false, true});
  }
  if (glob.base_.empty()) glob.base_ = "/";
  return glob;
}

bool PathGlob::fits(const Component& component, std::string_view name) const {
  if (component.literal) return component.pattern == name;
  const bool dotted = !name.empty() && name.front() == '.';
  if (dotted && hidden_ == Hidden::explicit_ &&
      (component.any_depth ||
       (component.pattern.front() != '.' && component.pattern.substr(0, 2) != "\\."))) {
    return false;
  }
  return component.any_depth || match_component(component.pattern, name);
}

/// The pattern as a state machine over path components: state i means that the first i components are
/// matched. Marks the states reached after the whole path, or (stop_when_complete) after the first prefix
/// that matches.
std::vector<char> PathGlob::reach(std::string_view path, bool stop_when_complete) const {
  const std::size_t count = components_.size();
  std::vector<char> states(count + 1, 0), next(count + 1, 0);
  const auto skip_any_depth = [&](std::vector<char>& set) {
    for (std::size_t i = 0; i < count; ++i) {
      if (set[i] && components_[i].any_depth) set[i + 1] = 1;
    }
  };
  states[0] = 1;
  skip_any_depth(states);
  std::string_view component;
  while (next_component(path, component)) {
    if (stop_when_complete && states[count]) return states;
    std::ranges::fill(next, 0);
    for (std::size_t i = 0; i < count; ++i) {
      if (states[i] && fits(components_[i], component)) next[components_[i].any_depth ? i : i + 1] = 1;
    }
    skip_any_depth(next);
    states.swap(next);
  }
  return states;
}

bool PathGlob::matches(std::string_view path) const { return reach(path, false).back() != 0; }
bool PathGlob::covers(std::string_view path) const { return reach(path, true).back() != 0; }

bool PathGlob::may_match_below(std::string_view directory) const {
  const std::vector<char> states = reach(directory, false);
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (states[i]) return true;
  }
  return false;
}

}  // namespace chiron::remediation
