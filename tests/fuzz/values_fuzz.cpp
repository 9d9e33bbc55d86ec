#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "tests/fuzz/expect.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace chiron::fuzz {
namespace {

// What is accepted is what its own printed form says.
void check_values(std::string_view text) {
  if (const auto duration = parse_duration(text)) {
    expect(*duration >= Duration::zero());
    const auto again = parse_duration(format_duration(*duration));
    expect(again.ok() && *again == *duration);
  }
  if (const auto bytes = parse_bytes(text)) expect(!format_bytes(*bytes).empty());
  parse_double(text);
  parse_bool(text);
  expect(is_valid_utf8(replace_invalid_utf8(text)));
  if (is_valid_utf8(text)) expect(replace_invalid_utf8(text) == text);
}

void check_splitting(std::string_view text) {
  std::string_view rest = text;
  std::string_view part;
  std::size_t total = 0;
  while (next_line(rest, part)) total += part.size() + 1;
  expect(total == text.size() || total == text.size() + 1);
  for (rest = text; next_word(rest, part);) expect(!part.empty());
  expect(trim(text).size() <= text.size());
}

}  // namespace
}  // namespace chiron::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  chiron::fuzz::check_values(text);
  chiron::fuzz::check_splitting(text);
  return 0;
}
