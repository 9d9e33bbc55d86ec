#include "remediation/actions/glob.h"

#include <optional>

namespace chiron::remediation {
namespace {

/// Matches one character against the set that starts at pattern[at] == '['. Nothing when the set is not
/// closed: the bracket stands for itself then, as in fnmatch(3).
std::optional<bool> match_set(std::string_view pattern, std::size_t& at, unsigned char c) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    const auto low = static_cast<unsigned char>(pattern[i]);
    unsigned char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    ++i;
    found = found || (low <= c && c <= high);
  }
  if (i >= pattern.size()) return std::nullopt;
  at = i + 1;
  return found != negated;
}

/// One character of text against one element of the pattern, which is stepped over when it matches.
bool match_one(std::string_view pattern, std::size_t& at, char c) {
  if (pattern[at] == '[') {
    if (const std::optional<bool> in_set = match_set(pattern, at, static_cast<unsigned char>(c)))
      return *in_set;
  }
  if (pattern[at] != '?' && pattern[at] != c) return false;
  ++at;
  return true;
}

}  // namespace

/// Goes back only to the last star, so that the cost stays below pattern times text whatever stands in them.
bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      resume = t;
      continue;
    }
    if (p < pattern.size() && match_one(pattern, p, text[t])) {
      ++t;
      continue;
    }
    if (star == std::string_view::npos) return false;
    p = star;
    t = ++resume;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace chiron::remediation
