#include "exporter/collectors/kernel_text.h"

#include "exporter/base/parse.h"

namespace chiron {

KernelLines::KernelLines(std::string_view text, std::string_view file, Problems& problems)
    : rest_(text), file_(file), problems_(problems) {}

bool KernelLines::next(std::string_view& line) {
  if (!next_line(rest_, line)) return false;
  ++number_;
  return true;
}

void KernelLines::bad(std::string_view what, std::string_view found) {
  problems_.corrupt(file_, number_, what, found);
}

std::optional<std::uint64_t> next_number(std::string_view& text) {
  std::string_view word;
  if (!next_word(text, word)) return std::nullopt;
  return parse_int<std::uint64_t>(word);
}

std::optional<std::uint64_t> next_hex(std::string_view& text) {
  std::string_view word;
  if (!next_word(text, word)) return std::nullopt;
  return parse_int<std::uint64_t>(word, 16);
}

bool next_name(std::string_view& line, std::string_view& name) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  name = trim(line.substr(0, colon));
  line.remove_prefix(colon + 1);
  return !name.empty();
}

bool is_network_device(std::string_view name) {
  constexpr std::size_t kLongest = 15;  // IFNAMSIZ - 1
  return !name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/: \t\n\v\f\r\0", 9)) == std::string_view::npos;
}

Error absent(std::string_view file) {
  return {ErrorCode::no_data, std::string(file) + ": this kernel does not have it"};
}

Error unless_absent(const Error& error, std::string_view file) {
  return error.code() == ErrorCode::not_found ? absent(file) : error;
}

}  // namespace chiron
