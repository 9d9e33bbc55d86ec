#include "exporter/base/diagnostics.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron {
namespace {

// What a quoted source line may take on a terminal, and how much of it stands before the caret when it is
// longer.
constexpr std::size_t kQuoteLimit = 160;
constexpr std::size_t kQuoteLead = 80;

std::string_view line_of(std::string_view text, std::size_t number) {
  for (; number > 1; --number) {
    const std::size_t newline = text.find('\n');
    if (newline == std::string_view::npos) return {};
    text.remove_prefix(newline + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

// Files are written by people and by strangers: what would steer the terminal is shown as '?'.
std::string printable(std::string_view text) {
  std::string shown = replace_invalid_utf8(text);
  for (char& c : shown) {
    const auto code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\t') || code == 0x7F) c = '?';
  }
  return shown;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// The blanks under `text`: one for each character, tabs kept, so that what follows lines up.
std::string padding_under(std::string_view text) {
  std::string padding;
  for (const char c : text) {
    if (c == '\t') {
      padding += '\t';
    } else if (!is_continuation(c)) {
      padding += ' ';
    }
  }
  return padding;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

void append_quote(std::string& text, const Diagnostic& diagnostic) {
  const std::string& line = diagnostic.source_line;
  if (line.empty() || diagnostic.where.column == 0) return;
  std::size_t column = std::min(diagnostic.where.column - 1, line.size());
  std::size_t begin = 0;
  if (line.size() > kQuoteLimit && column > kQuoteLead) begin = column - kQuoteLead;
  while (begin > 0 && is_continuation(line[begin])) --begin;
  std::size_t end = std::min(line.size(), begin + kQuoteLimit);
  while (end < line.size() && is_continuation(line[end])) ++end;
  // Lengths are counted on the shown text, in which a broken byte has become one character.
  const std::string before = printable(std::string_view(line).substr(begin, column - begin));
  const std::size_t marked = std::min(std::max<std::size_t>(diagnostic.length, 1), end - column);
  const std::string under = printable(std::string_view(line).substr(column, marked));
  const std::string after = printable(std::string_view(line).substr(column + marked, end - column - marked));
  const std::string_view cut_front = begin > 0 ? "..." : "";
  const std::string_view cut_back = end < line.size() ? "..." : "";
  text += fmt::format("\n    {}{}{}{}{}", cut_front, before, under, after, cut_back);
  text += fmt::format("\n    {}{}^", std::string(cut_front.size(), ' '), padding_under(before));
  text.append(std::max<std::size_t>(characters(under), 1) - 1, '~');
}

std::string_view severity_name(Severity severity) {
  return severity == Severity::error ? "error" : "warning";
}

// Optimal string alignment: insertions, deletions, substitutions and swapped neighbours, regardless of case.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      const bool swapped = i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) &&
                           to_lower(a[i - 2]) == to_lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

void DiagnosticSink::add_source(std::string file, std::string text) {
  for (Source& source : sources_) {
    if (source.file != file) continue;
    source.text = std::move(text);
    return;
  }
  sources_.push_back({std::move(file), std::move(text)});
}

void DiagnosticSink::add(Diagnostic diagnostic) {
  if (diagnostic.source_line.empty() && diagnostic.where.line > 0) {
    for (const Source& source : sources_) {
      if (source.file == diagnostic.file)
        diagnostic.source_line = line_of(source.text, diagnostic.where.line);
    }
  }
  all_.push_back(std::move(diagnostic));
}

std::size_t DiagnosticSink::errors() const {
  return static_cast<std::size_t>(std::count_if(
      all_.begin(), all_.end(), [](const Diagnostic& one) { return one.severity == Severity::error; }));
}

std::string to_text(const Diagnostic& diagnostic) {
  std::string text = printable(diagnostic.file);
  if (diagnostic.where.line > 0) {
    text += fmt::format(":{}", diagnostic.where.line);
    if (diagnostic.where.column > 0) text += fmt::format(":{}", diagnostic.where.column);
  }
  if (!text.empty()) text += ": ";
  text += fmt::format("{}: {}", severity_name(diagnostic.severity), printable(diagnostic.message));
  if (!diagnostic.code.empty()) text += fmt::format(" [{}]", diagnostic.code);
  if (!diagnostic.path.empty())
    text += "\n  in " + printable(fmt::format("{}", fmt::join(diagnostic.path, " > ")));
  append_quote(text, diagnostic);
  if (!diagnostic.hint.empty()) text += "\n  hint: " + printable(diagnostic.hint);
  return text;
}

std::string to_json(const std::vector<Diagnostic>& diagnostics) {
  auto array = nlohmann::ordered_json::array();
  for (const Diagnostic& one : diagnostics) {
    array.push_back({{"severity", severity_name(one.severity)},
                     {"code", one.code},
                     {"message", one.message},
                     {"hint", one.hint},
                     {"file", one.file},
                     {"path", one.path},
                     {"line", one.where.line},
                     {"column", one.where.column},
                     {"length", one.length},
                     {"source_line", one.source_line}});
  }
  return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string closest(std::string_view word, const std::vector<std::string_view>& candidates) {
  // Nobody mistypes a word this long; it is data that slipped into the wrong place.
  constexpr std::size_t kLongest = 128;
  if (word.empty() || word.size() > kLongest) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, std::min<std::size_t>(word.size() / 3, 4)) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongest || candidate.size() > word.size() + 4) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return std::string(best);
}

}  // namespace chiron
