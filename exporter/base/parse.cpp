#include "exporter/base/parse.h"

#include <clocale>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <locale.h>
#include <stdlib.h>

namespace chiron {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// from_chars says only "out of range"; strtod tells what is too large from what rounds to zero, as Go's
// ParseFloat.
std::optional<double> parse_out_of_range(std::string_view text) {
  static const locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
  if (c_locale == nullptr) return std::nullopt;
  const double value = ::strtod_l(std::string(text).c_str(), nullptr, c_locale);
  if (std::isinf(value)) return std::nullopt;
  return value;
}

std::size_t leading_digits(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  return count;
}

struct DurationUnit {
  std::string_view name;
  std::int64_t ms;
  bool only_whole;  // Prometheus prints 366d, not 1y1d: years and weeks only when nothing is left over
};
constexpr std::int64_t kDayMs = 86'400'000;
constexpr DurationUnit kDurationUnits[] = {
    {"y", 365 * kDayMs, true}, {"w", 7 * kDayMs, true}, {"d", kDayMs, false}, {"h", 3'600'000, false},
    {"m", 60'000, false},      {"s", 1000, false},      {"ms", 1, false},
};

Error bad_duration(std::string_view text, std::string_view why) {
  return {ErrorCode::invalid_argument,
          fmt::format("\"{}\" is not a duration: {}; write it like 30s, 5m or 1h30m", text, why)};
}

// Which unit, at or after `from`, `name` is; the table's size when none.
std::size_t find_unit(std::string_view name, std::size_t from) {
  std::size_t index = from;
  while (index < std::size(kDurationUnits) && kDurationUnits[index].name != name) ++index;
  return index;
}

Error bad_bytes(std::string_view text, std::string_view why) {
  return {ErrorCode::invalid_argument,
          fmt::format("\"{}\" is not a size: {}; write it like 4096, 16MB or 1.5GiB", text, why)};
}

constexpr std::string_view kByteUnits = "KMGTPE";

// Powers of 1024 for "", "B", "K", "KB", "KiB", ...; nothing for other text.
std::optional<int> byte_exponent(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0;
  const char letter = unit.front() == 'k' ? 'K' : unit.front();
  const std::size_t index = kByteUnits.find(letter);
  const std::string_view rest = unit.substr(1);
  if (index == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB")) return std::nullopt;
  return static_cast<int>(index) + 1;
}

}  // namespace

std::optional<double> parse_double(std::string_view text) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '-') return std::nullopt;
  }
  // from_chars would take C's "nan(payload)".
  if (text.empty() || text.back() == ')') return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end) return std::nullopt;
  if (error == std::errc::result_out_of_range) return parse_out_of_range(text);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

bool next_line(std::string_view& text, std::string_view& line) { return next_field(text, '\n', line); }

bool next_word(std::string_view& text, std::string_view& word) {
  // find_first_of() calls memchr() for every character, and kernel texts are words of a few.
  const char* const end = text.data() + text.size();
  const char* const first = std::find_if_not(text.data(), end, is_blank);
  const char* const last = std::find_if(first, end, is_blank);
  text = std::string_view(last, static_cast<std::size_t>(end - last));
  if (first == end) return false;
  word = std::string_view(first, static_cast<std::size_t>(last - first));
  return true;
}

bool next_field(std::string_view& text, char separator, std::string_view& field) {
  if (text.empty()) return false;
  const std::size_t end = text.find(separator);
  field = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return true;
}

Result<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return bad_duration(text, "it is empty");
  if (text == "0") return Duration::zero();
  constexpr std::int64_t kMaxMs = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  std::int64_t total = 0;
  std::size_t allowed = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t digits = leading_digits(rest);
    if (digits == 0) return bad_duration(text, "a whole number must stand before each unit");
    const auto count = parse_int<std::int64_t>(rest.substr(0, digits));
    rest.remove_prefix(digits);
    std::size_t letters = 0;
    while (letters < rest.size() && !is_digit(rest[letters])) ++letters;
    const std::string_view name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    if (name.empty()) return bad_duration(text, "the unit is missing");
    const std::size_t unit = find_unit(name, 0);
    if (unit == std::size(kDurationUnits)) {
      return bad_duration(text, fmt::format("\"{}\" is none of the units y w d h m s ms", name));
    }
    if (unit < allowed) return bad_duration(text, "units stand once each, from large to small");
    allowed = unit + 1;
    if (!count || *count > (kMaxMs - total) / kDurationUnits[unit].ms) {
      return bad_duration(text, "it is longer than 292 years");
    }
    total += *count * kDurationUnits[unit].ms;
  }
  return Duration(std::chrono::milliseconds(total));
}

std::string format_duration(Duration duration) {
  std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms == 0) return "0s";
  std::string text;
  if (ms < 0) {
    text = "-";
    ms = -ms;
  }
  for (const DurationUnit& unit : kDurationUnits) {
    if (ms < unit.ms || (unit.only_whole && ms % unit.ms != 0)) continue;
    text += fmt::format("{}{}", ms / unit.ms, unit.name);
    ms %= unit.ms;
  }
  return text;
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  std::size_t end = leading_digits(text);
  const bool fraction = end > 0 && end < text.size() && text[end] == '.';
  if (fraction) end += 1 + leading_digits(text.substr(end + 1));
  if (end == 0 || text[end - 1] == '.') return bad_bytes(text, "it does not begin with a number");
  const std::string_view number = text.substr(0, end);
  std::string_view unit = text.substr(end);
  if (unit.size() > 1 && unit.front() == ' ') unit.remove_prefix(1);
  const auto exponent = byte_exponent(unit);
  if (!exponent) return bad_bytes(text, fmt::format("\"{}\" is none of the units B K M G T P E", unit));
  const std::uint64_t factor = std::uint64_t{1} << (10 * *exponent);
  if (!fraction) {
    const auto count = parse_int<std::uint64_t>(number);
    if (!count || *count > std::numeric_limits<std::uint64_t>::max() / factor) {
      return bad_bytes(text, "it is larger than 16 EiB");
    }
    return *count * factor;
  }
  const double bytes = parse_double(number).value_or(HUGE_VAL) * static_cast<double>(factor);
  if (!(bytes < 0x1p64)) return bad_bytes(text, "it is larger than 16 EiB");
  return static_cast<std::uint64_t>(bytes);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto scaled = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would print as 1024.0.
  while (scaled >= 1023.95 && unit + 1 < kByteUnits.size()) {
    scaled /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}iB", scaled, kByteUnits[unit]);
}

std::optional<bool> parse_bool(std::string_view text) {
  struct Word {
    std::string_view text;
    bool value;
  };
  static constexpr Word kWords[] = {
      {"true", true}, {"True", true}, {"TRUE", true}, {"yes", true},    {"Yes", true},    {"YES", true},
      {"on", true},   {"On", true},   {"ON", true},   {"false", false}, {"False", false}, {"FALSE", false},
      {"no", false},  {"No", false},  {"NO", false},  {"off", false},   {"Off", false},   {"OFF", false},
  };
  for (const Word& word : kWords) {
    if (word.text == text) return word.value;
  }
  return std::nullopt;
}

}  // namespace chiron
