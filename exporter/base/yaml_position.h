#pragma once

#include "exporter/base/diagnostics.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::yaml {

/// A text with its lines found, to turn byte offsets into positions.
class SourceText {
 public:
  SourceText(std::string file, std::string text);

  const std::string& file() const { return file_; }
  std::string_view text() const { return text_; }
  /// Of a byte offset; that of the end when it is beyond.
  Position position(std::size_t offset) const;
  /// A line without its line end, counted from 1; empty beyond the last.
  std::string_view line(std::size_t number) const;

 private:
  std::string file_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
};

/// Where byte `offset` of the decoded `value` of a scalar stands, whose source begins at byte `begin`: at its
/// first character, quote, block indicator, or the tag or anchor before it.
Position locate_in_scalar(const SourceText& source, std::size_t begin, std::string_view value,
                          std::size_t offset);

/// The byte of the opening quote of a quoted scalar at `begin` that no closing quote ends; npos when it is well.
std::size_t unclosed_quote(const SourceText& source, std::size_t begin);

}  // namespace chiron::yaml
