#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chiron {

/// The whole of `text` as an integer; nothing on overflow, a sign where T has none, blanks or trailing
/// characters.
template <class T>
std::optional<T> parse_int(std::string_view text, int base = 10) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

/// The whole of `text` as a decimal float; accepts inf, nan and a leading sign. Independent of the locale.
/// What is too large for a double is refused, what is too small is zero.
std::optional<double> parse_double(std::string_view text);

std::string_view trim(std::string_view text);

/// ASCII only, whatever the locale.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// ASCII only, whatever the locale: what protocols and languages mean by "regardless of case".
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string to_lower(std::string_view text);

/// Takes the next line off the front of `text`, without its newline. False at the end.
bool next_line(std::string_view& text, std::string_view& line);
/// Takes the next word separated by blanks or tabs off the front. False when none is left.
bool next_word(std::string_view& text, std::string_view& word);
/// Takes what stands before `separator` off the front, and the separator. False when text is empty.
bool next_field(std::string_view& text, char separator, std::string_view& field);

/// A Prometheus duration: 1h30m, 90s, 500ms; units y w d h m s ms, each once, in that order, integers. "0"
/// too.
Result<Duration> parse_duration(std::string_view text);
/// The form Prometheus prints, which reads back as the same milliseconds: 1h30m. Zero is "0s"; a negative one
/// has a '-'.
std::string format_duration(Duration duration);

/// A size: 16MB, 1.5GiB, 4096. K M G T P E mean 1024-multiples with or without iB/B, as systemd.directives(7)
/// has it.
Result<std::uint64_t> parse_bytes(std::string_view text);
/// 1.5 GiB; for people.
std::string format_bytes(std::uint64_t bytes);

/// true false yes no on off, as YAML 1.1 has them.
std::optional<bool> parse_bool(std::string_view text);

}  // namespace chiron
