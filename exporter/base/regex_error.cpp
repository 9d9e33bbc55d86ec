#include "exporter/base/regex_error.h"

#include <re2/re2.h>

namespace chiron {
namespace {

std::string_view fault_of(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case re2::RE2::ErrorPatternTooLarge:
      return "expression too large";
    default:
      return "internal error";
  }
}

}  // namespace

std::string regex_error(const re2::RE2& regex) {
  std::string text = "error parsing regexp: ";
  return text.append(fault_of(regex.error_code())).append(": `").append(shortened(regex.error_arg())) + '`';
}

std::string shortened(std::string_view expression) {
  constexpr std::size_t kMost = 1024;
  if (expression.size() <= kMost) return std::string(expression);
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(expression[end]) & 0xC0) == 0x80) --end;
  return std::string(expression.substr(0, end)) + "...";
}

}  // namespace chiron
