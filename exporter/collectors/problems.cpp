#include "exporter/collectors/problems.h"

#include <spdlog/fmt/fmt.h>

namespace chiron {

void Problems::add(Error error) {
  if (first_) {
    ++more_;
  } else {
    first_ = std::move(error);
  }
}

void Problems::corrupt(std::string_view file, std::size_t line, std::string_view what,
                       std::string_view text) {
  // Only the first is told in full; do not format what nobody reads.
  if (first_) {
    ++more_;
    return;
  }
  const std::string place = line == 0 ? std::string(file) : fmt::format("{}:{}", file, line);
  add(Error(ErrorCode::corrupt, fmt::format("{}: {}, found '{}'", place, what, printable(text))));
}

Status Problems::status() const {
  if (!first_) return {};
  if (more_ == 0) return *first_;
  Error error = *first_;
  return std::move(error).wrap(fmt::format("{} problems, the first", more_ + 1));
}

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string out(text.substr(0, kLongest));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kLongest) out += "...";
  return out;
}

}  // namespace chiron
