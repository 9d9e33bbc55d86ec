#include "rules/promql/promql.h"
#include "tests/fuzz/expect.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

// What parses prints, and what it prints parses to the same text again; what does not parse says why, inside
// the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chiron::promql;
  using chiron::fuzz::expect;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Parsed parsed = parse(text, Features::all());
  if (!parsed.ok()) {
    expect(!parsed.errors.empty());
    for (const ParseError& error : parsed.errors) {
      expect(!error.message.empty() && error.range.begin <= error.range.end && error.range.end <= size);
    }
    return 0;
  }
  const std::string printed = to_string(*parsed.expr);
  const Parsed again = parse(printed, Features::all());
  expect(again.ok());
  expect(again.type == parsed.type && to_string(*again.expr) == printed);
  return 0;
}
