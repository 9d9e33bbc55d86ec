#include "exporter/base/yaml_position.h"

#include "exporter/base/parse.h"

#include <algorithm>

namespace chiron::yaml {
namespace {

constexpr std::string_view kWhite = " \t\r\n";

bool is_white(char c) { return kWhite.find(c) != std::string_view::npos; }

// What the source from `next` on stands for, after a step that yielded `bytes` of the value.
struct Step {
  std::size_t next;
  std::size_t bytes;
};

// A run of blanks with line ends in it is folded: one line end becomes a blank, more become one newline less.
Step step_over_white(std::string_view text, std::size_t at) {
  const std::size_t end = std::min(text.find_first_not_of(kWhite, at), text.size());
  const std::string_view run = text.substr(at, end - at);
  const auto breaks = static_cast<std::size_t>(std::count(run.begin(), run.end(), '\n'));
  if (breaks == 0) return {at + 1, 1};
  return {end, breaks == 1 ? 1 : breaks - 1};
}

std::size_t utf8_size(std::uint32_t code_point) {
  if (code_point < 0x80) return 1;
  if (code_point < 0x800) return 2;
  return code_point < 0x10000 ? 3 : 4;
}

// An escape of a double-quoted scalar (YAML 1.2, 5.7); `at` is at the backslash.
Step step_over_escape(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return {text.size(), 1};
  const char kind = text[at + 1];
  if (kind == '\n' || kind == '\r') {
    // The line goes on; only further empty lines leave a trace.
    const std::size_t end = std::min(text.find_first_not_of(kWhite, at + 1), text.size());
    const std::string_view run = text.substr(at + 1, end - at - 1);
    return {end, static_cast<std::size_t>(std::count(run.begin(), run.end(), '\n')) - 1};
  }
  const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (digits > 0) {
    const auto code_point = parse_int<std::uint32_t>(text.substr(at + 2, digits), 16);
    return {std::min(at + 2 + digits, text.size()), utf8_size(code_point.value_or(0))};
  }
  const std::size_t bytes = kind == 'N' || kind == '_' ? 2 : kind == 'L' || kind == 'P' ? 3 : 1;
  return {at + 2, bytes};
}

// Plain and quoted scalars; `quote` is 0 for plain. `at` is behind the opening quote.
std::size_t walk_flow(std::string_view text, std::size_t at, char quote, std::size_t offset) {
  std::size_t produced = 0;
  while (at < text.size()) {
    Step step{at + 1, 1};
    if (is_white(text[at])) {
      step = step_over_white(text, at);
    } else if (quote == '"' && text[at] == '\\') {
      step = step_over_escape(text, at);
    } else if (quote != 0 && text[at] == quote) {
      if (quote == '"' || at + 1 >= text.size() || text[at + 1] != quote) break;
      step = {at + 2, 1};
    }
    if (produced + step.bytes > offset) break;
    produced += step.bytes;
    at = step.next;
  }
  return at;
}

// `|`: the lines of the value are the lines of the source without their indentation.
Position locate_literal(const SourceText& source, std::size_t header_line, std::string_view value,
                        std::size_t offset) {
  const std::string_view before = value.substr(0, offset);
  const auto breaks = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t line_begin = breaks == 0 ? 0 : before.rfind('\n') + 1;
  const std::size_t line_size = std::min(value.find('\n', line_begin), value.size()) - line_begin;
  const std::size_t number = header_line + 1 + breaks;
  const std::size_t source_size = source.line(number).size();
  const std::size_t indentation = source_size > line_size ? source_size - line_size : 0;
  return {number, indentation + offset - line_begin + 1};
}

// `>`: folding changes only blanks, so the other bytes are found by counting them.
std::size_t walk_folded(std::string_view text, std::size_t at, std::string_view value, std::size_t offset) {
  const std::size_t first = std::min(value.find_first_not_of(kWhite), value.size());
  at = std::min(text.find_first_not_of(kWhite, at), text.size());
  for (std::size_t i = first; i < offset && at < text.size(); ++i) {
    if (is_white(value[i])) {
      const bool line_end = text[at] == '\n' || text[at] == '\r';
      if (!line_end && is_white(text[at])) ++at;
      continue;
    }
    at = std::min(text.find_first_not_of(kWhite, at), text.size());
    if (at < text.size()) ++at;
  }
  const bool wanted = offset < value.size() && !is_white(value[offset]);
  return wanted ? std::min(text.find_first_not_of(kWhite, at), text.size()) : at;
}

// Behind tags, anchors and the blanks, comments and line ends that follow them.
std::size_t skip_properties(std::string_view text, std::size_t at) {
  bool seen = false;
  while (at < text.size()) {
    if (text[at] == '&' || text[at] == '!') {
      at = std::min(text.find_first_of(kWhite, at), text.size());
      seen = true;
    } else if (seen && is_white(text[at])) {
      ++at;
    } else if (seen && text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else {
      break;
    }
  }
  return at;
}

}  // namespace

SourceText::SourceText(std::string file, std::string text) : file_(std::move(file)), text_(std::move(text)) {
  line_starts_.push_back(0);
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
    line_starts_.push_back(at + 1);
  }
}

Position SourceText::position(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const std::size_t start = *std::prev(after);
  return {static_cast<std::size_t>(after - line_starts_.begin()), offset - start + 1};
}

std::string_view SourceText::line(std::size_t number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  std::string_view line = std::string_view(text_).substr(line_starts_[number - 1]);
  line = line.substr(0, line.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

Position locate_in_scalar(const SourceText& source, std::size_t begin, std::string_view value,
                          std::size_t offset) {
  const std::string_view text = source.text();
  offset = std::min(offset, value.size());
  const std::size_t at = skip_properties(text, begin);
  if (at >= text.size()) return source.position(begin);
  const char first = text[at];
  if (first == '\'' || first == '"') return source.position(walk_flow(text, at + 1, first, offset));
  const std::size_t header_line = source.position(at).line;
  if (first == '|') return locate_literal(source, header_line, value, offset);
  if (first == '>') {
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    return source.position(walk_folded(text, line_end, value, offset));
  }
  return source.position(walk_flow(text, at, 0, offset));
}

std::size_t unclosed_quote(const SourceText& source, std::size_t begin) {
  const std::string_view text = source.text();
  const std::size_t at = skip_properties(text, begin);
  if (at >= text.size() || (text[at] != '\'' && text[at] != '"')) return std::string_view::npos;
  const std::size_t end = walk_flow(text, at + 1, text[at], std::string_view::npos - text.size());
  return end < text.size() ? std::string_view::npos : at;
}

}  // namespace chiron::yaml
