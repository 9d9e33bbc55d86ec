#include "exporter/collectors/problems.h"

#include <spdlog/fmt/fmt.h>

namespace chiron {

void Problems::add(Error error) {
  if (named_.size() < kMostNamed) named_.push_back(std::move(error));
  ++count_;
}

void Problems::add(const Problems& others) {
  for (const Error& error : others.named_) add(error);
  count_ += others.count_ - others.named_.size();
}

void Problems::corrupt(std::string_view file, std::size_t line, std::string_view what,
                       std::string_view text) {
  if (named_.size() >= kMostNamed) {
    ++count_;
    return;
  }
  const std::string place = line == 0 ? std::string(file) : fmt::format("{}:{}", file, line);
  add(Error(ErrorCode::corrupt, fmt::format("{}: {}, found '{}'", place, what, printable(text))));
}

Status Problems::status() const {
  if (empty()) return {};
  Error error = named_.front();
  if (count_ == 1) return error;
  return std::move(error).wrap(fmt::format("{} problems, the first", count_));
}

Status Problems::report(Frame& frame) const {
  for (const Error& error : named_) frame.add_fault(error.to_string());
  frame.add_unnamed_faults(count_ - named_.size());
  return status();
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
