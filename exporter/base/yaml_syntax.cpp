#include "exporter/base/yaml_syntax.h"

#include "exporter/base/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::yaml {
namespace {

struct Translation {
  std::string_view part;  // of yaml-cpp's message
  std::string_view message;
  std::string_view hint;
};

constexpr std::string_view kQuoteHint =
    "a value that contains \": \" or \" #\", or begins with one of { } [ ] , & * ! | > % @ ` must be in "
    "quotes";
constexpr std::string_view kIndentHint =
    "check the indentation: the keys of one mapping stand in the same column, and "
    "so do the dashes of one list";
constexpr std::string_view kEscapeHint = "write \\\\ for a backslash, or use single quotes";
constexpr std::string_view kBlockHint =
    "after | or > comes nothing, or + or -, and a digit from 1 to 9; the text begins on the next line";

constexpr Translation kTranslations[] = {
    {"illegal tab", "a tab where blanks belong", "indent with blanks: YAML allows no tabs there"},
    {"end of map flow not found", "a { is not closed", "add the missing }, or put the value in quotes"},
    {"end of sequence flow not found", "a [ is not closed", "add the missing ], or put the value in quotes"},
    {"illegal flow end", "a ] or } without its [ or {", kQuoteHint},
    {"illegal map value", "a \": \" that does not fit here", kQuoteHint},
    {"illegal map key", "a key that does not fit here", kIndentHint},
    {"illegal block entry", "a list entry that does not fit here", kIndentHint},
    {"end of map not found", "this does not belong to the mapping above it", kIndentHint},
    {"end of sequence not found", "this does not belong to the list above it", kIndentHint},
    {"illegal EOF in scalar", "the file ends inside a quoted text", "add the missing closing quote"},
    {"illegal document indicator in scalar", "a new document begins inside a quoted text",
     "add the missing closing quote"},
    {"illegal character in scalar", "a character that is not allowed here", kIndentHint},
    {"invalid escape", "an unknown escape in a double-quoted text", kEscapeHint},
    {"unknown escape", "an unknown escape in a double-quoted text", kEscapeHint},
    {"invalid unicode", "an escape of a character that does not exist", kEscapeHint},
    {"bad character found while scanning hex number", "an escape with too few hexadecimal digits",
     kEscapeHint},
    {"referenced anchor is not defined", "an alias (*name) of an anchor (&name) that is not above it",
     "text that begins with '*' must be in quotes"},
    {"anchor not found after &", "an '&' without a name", "text that begins with '&' must be in quotes"},
    {"alias not found after *", "a '*' without a name", "text that begins with '*' must be in quotes"},
    {"illegal character found while scanning", "a character that is not allowed in a name",
     "text that begins with '*', '&' or '!' must be in quotes"},
    {"unknown token", "a character that cannot begin a value", kQuoteHint},
    {"in block scalar", "a wrong indicator after | or >", kBlockHint},
    {"zero indentation", "a wrong indicator after | or >", kBlockHint},
    {"aliases can't have any content", "an alias (*name) with something else beside it",
     "text that begins with '*' must be in quotes"},
};

// A tab in the indentation of this line or the one before, the cause of many syntax errors that speak of
// another.
std::optional<Position> tab_in_indentation(const SourceText& source, std::size_t line) {
  for (const std::size_t number : {line, line - 1}) {
    const std::string_view text = source.line(number);
    const std::size_t tab = text.find('\t');
    if (tab < text.find_first_not_of(" \t")) return Position{number, tab + 1};
  }
  return std::nullopt;
}

Diagnostic syntax_error(const SourceText& source, std::size_t offset, std::string message,
                        std::string_view hint) {
  Diagnostic diagnostic;
  diagnostic.code = "yaml-syntax";
  diagnostic.message = std::move(message);
  diagnostic.hint = hint;
  diagnostic.file = source.file();
  diagnostic.where = source.position(offset);
  return diagnostic;
}

}  // namespace

std::optional<Diagnostic> check_characters(const SourceText& source) {
  const std::string_view text = source.text();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_sequence(text.substr(at));
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0) {
      return syntax_error(source, at, fmt::format("the byte 0x{:02x} is not UTF-8", byte),
                          "save the file as UTF-8");
    }
    const bool line_end = byte == '\r' && at + 1 < text.size() && text[at + 1] == '\n';
    const bool control = (byte < 0x20 && byte != '\t' && byte != '\n' && !line_end) || byte == 0x7F;
    if (control) {
      return syntax_error(
          source, at, fmt::format("the control character 0x{:02x} is not allowed", byte),
          byte == '\r' ? "end lines with a newline" : "remove it, or write it as an escape in double quotes");
    }
    at += length;
  }
  return std::nullopt;
}

Diagnostic translate_syntax_error(const SourceText& source, std::string_view message, std::size_t offset) {
  offset = std::min(offset, source.text().size());
  if (const auto tab = tab_in_indentation(source, source.position(offset).line)) {
    Diagnostic diagnostic =
        syntax_error(source, offset, std::string(kTranslations[0].message), kTranslations[0].hint);
    diagnostic.where = *tab;
    return diagnostic;
  }
  for (const Translation& one : kTranslations) {
    if (message.find(one.part) != std::string_view::npos) {
      if (one.hint == kEscapeHint) offset = std::min(source.text().rfind('\\', offset), offset);
      return syntax_error(source, offset, std::string(one.message), one.hint);
    }
  }
  return syntax_error(source, offset, std::string(message), kIndentHint);
}

}  // namespace chiron::yaml
