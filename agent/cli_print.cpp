#include "agent/cli_print.h"

#include "agent/cli_parts.h"
#include "exporter/base/utf8.h"

#include <cerrno>
#include <cstdio>

namespace chiron::agent {
namespace {

void write(std::FILE* file, std::string_view text) { std::fwrite(text.data(), 1, text.size(), file); }

}  // namespace

std::string printable(std::string_view text) {
  std::string shown = replace_invalid_utf8(text);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto code = static_cast<unsigned char>(shown[i]);
    // U+0080 to U+009F, C2 80 to C2 9F, are controls too: U+009B begins an escape sequence.
    const bool c1 = code == 0xC2 && i + 1 < shown.size() && static_cast<unsigned char>(shown[i + 1]) < 0xA0;
    if ((code < 0x20 && code != '\n' && code != '\t') || code == 0x7F) shown[i] = '?';
    if (c1) shown.replace(i, 2, "?");
  }
  return shown;
}

void print(std::string_view text) { write(stdout, printable(text)); }

void print_drawing(std::string_view text) { write(stdout, text); }

void print_json(const Json& json) {
  write(stdout, json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
}

void print_answer(const Json& answer, bool as_json, std::string (*text)(const Json&)) {
  if (as_json) {
    print_json(answer);
  } else {
    print(text(answer));
  }
}

int fail(std::string_view message) {
  std::fflush(stdout);
  write(stderr, "chiron: " + printable(message) + '\n');
  return kExitFailed;
}

int fail_usage(std::string_view message, std::string_view hint) {
  fail(message);
  if (!hint.empty()) write(stderr, printable(hint) + '\n');
  return kExitUsage;
}

int finish_output(int code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const Error why = errno != 0 ? Error::from_errno(errno, "standard output")
                               : Error(ErrorCode::unavailable, "standard output did not take everything");
  std::clearerr(stdout);
  return fail("cannot print: " + why.to_string());
}

}  // namespace chiron::agent
