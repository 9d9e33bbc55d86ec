#pragma once

#include "exporter/base/result.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// A glob over absolute paths: * ? [a-z] [!a-z] \x within one component, ** as a whole component for any
/// number of them, none included. Time is linear in the path for each component of the pattern, whatever the
/// pattern. Immutable; matching allocates little and is thread-safe.
class PathGlob {
 public:
  enum class Hidden {
    matched,   ///< a wildcard matches a leading dot: what protects should protect more
    explicit_  ///< a leading dot must be written out, as in a shell: what deletes should delete less
  };
  /// Refused: relative paths, "." and ".." components, an empty component, ** beside other characters.
  static Result<PathGlob> compile(std::string_view pattern, Hidden hidden);
  /// The path itself, with no character special.
  static PathGlob literal(std::string_view path);

  bool matches(std::string_view path) const;
  /// Whether the path or a directory above it matches: a protected directory protects all in it.
  bool covers(std::string_view path) const;
  /// Whether anything below this directory could match; what cannot is not walked.
  bool may_match_below(std::string_view directory) const;

  const std::string& text() const { return text_; }
  /// The directory before the first component with a special character; the parent, when there is none.
  const std::string& base() const { return base_; }

 private:
  struct Component {
    std::string pattern;
    bool any_depth = false;
    bool literal = false;
  };
  bool fits(const Component& component, std::string_view name) const;
  std::vector<char> reach(std::string_view path, bool stop_when_complete) const;

  std::string text_;
  std::string base_;
  std::vector<Component> components_;
  Hidden hidden_ = Hidden::matched;
};

/// Refuses {a,b} in a glob that a person wrote: a shell makes several words of it, here it would be a name
/// with braces, which nobody means. A brace that is meant is written \\{.
Status check_no_braces(std::string_view pattern);

/// Whether `path` is `directory` or below it; both absolute, without trailing slashes.
bool is_within(std::string_view path, std::string_view directory);
/// An absolute path with repeated and trailing slashes taken away. Refused: relative paths, "." and ".."
/// components, NUL: a path from a label must not lead elsewhere than it reads.
Result<std::string> clean_absolute_path(std::string_view path);

}  // namespace chiron::remediation
