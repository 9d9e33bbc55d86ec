#include "rules/engine/template_printf.h"

#include <fmt/format.h>

namespace chiron::rules {
namespace {

/// What stands between % and the verb.
struct Directive {
  bool plus = false, minus = false, space = false, zero = false, sharp = false;
  std::size_t width = 0;
  int precision = -1;
  char verb = 0;
};

constexpr std::size_t kMaxWidth = 1000;

/// Reads the directive that starts after the %; false when the format ends inside it.
bool read_directive(std::string_view format, std::size_t& at, Directive& out) {
  for (; at < format.size(); ++at) {
    const char c = format[at];
    if (c == '+')
      out.plus = true;
    else if (c == '-')
      out.minus = true;
    else if (c == ' ')
      out.space = true;
    else if (c == '0')
      out.zero = true;
    else if (c == '#')
      out.sharp = true;
    else
      break;
  }
  const auto number = [&] {
    std::size_t value = 0;
    for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at)
      value = std::min(value * 10 + static_cast<std::size_t>(format[at] - '0'), kMaxWidth);
    return value;
  };
  out.width = number();
  if (at < format.size() && format[at] == '.') {
    ++at;
    out.precision = static_cast<int>(number());
  }
  if (at >= format.size()) return false;
  out.verb = format[at++];
  return true;
}

std::string pad(std::string text, const Directive& how, bool number) {
  // Go counts width in runes; continuation bytes of UTF-8 do not count.
  const auto runes = static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  if (runes >= how.width) return text;
  const std::size_t missing = how.width - runes;
  if (how.minus) return text + std::string(missing, ' ');
  if (!how.zero || !number) return std::string(missing, ' ') + text;
  const bool has_sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
  return text.insert(has_sign ? 1 : 0, missing, '0');
}

std::string with_sign(std::string text, const Directive& how) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) return text;
  if (how.plus) return "+" + text;
  return how.space ? " " + text : text;
}

/// Go's strconv.Quote, bytes from 0x80 on taken as they are.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    static constexpr std::string_view kFrom = "\a\b\f\n\r\t\v\\\"";
    static constexpr std::string_view kTo = "abfnrtv\\\"";
    if (const std::size_t known = kFrom.find(c); known != std::string_view::npos) {
      out += '\\';
      out += kTo[known];
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string bad_verb(char verb, const TemplateValue& value) {
  return fmt::format("%!{}({}={})", verb, go_type_name(value), print_value(value));
}

std::string format_text(const std::string& text, const Directive& how, const TemplateValue& value) {
  if (how.verb == 'q') return pad(quote(text), how, false);
  if (how.verb != 's' && how.verb != 'v') return bad_verb(how.verb, value);
  if (how.precision < 0) return pad(text, how, false);
  std::size_t end = 0;
  for (int runes = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80 && runes++ == how.precision) break;
  return pad(text.substr(0, end), how, false);
}

std::string format_one(const Directive& how, const TemplateValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return format_text(*text, how, value);
  if (const auto* number = std::get_if<double>(&value)) {
    const std::string_view verbs = "vgef";
    if (verbs.find(how.verb) == std::string_view::npos) return bad_verb(how.verb, value);
    const char verb = how.verb == 'v' ? 'g' : how.verb;
    const int precision = how.precision < 0 && verb != 'g' ? 6 : how.precision;
    return pad(with_sign(format_float(verb, precision, *number), how), how, std::isfinite(*number));
  }
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (how.verb != 'd' && how.verb != 'v') return bad_verb(how.verb, value);
    return pad(with_sign(fmt::format("{}", *number), how), how, true);
  }
  if (const auto* flag = std::get_if<bool>(&value)) {
    if (how.verb != 't' && how.verb != 'v') return bad_verb(how.verb, value);
    return pad(*flag ? "true" : "false", how, false);
  }
  return how.verb == 'v' || how.verb == 's' ? pad(print_value(value), how, false) : bad_verb(how.verb, value);
}

/// Go writes an exponent from a million on, and below 0.0001.
std::string shortest(double value) {
  std::array<char, 32> buffer{};
  char* const begin = buffer.data();
  const auto scientific = std::to_chars(begin, begin + buffer.size(), value, std::chars_format::scientific);
  std::string text(begin, scientific.ptr);
  int exponent = 0;
  const char* digits = text.c_str() + text.find('e') + 1;
  if (*digits == '+') ++digits;
  std::from_chars(digits, text.c_str() + text.size(), exponent);
  constexpr int kFirstExponent = 6;
  if (exponent < -4 || exponent >= kFirstExponent) return text;
  return std::string(begin, std::to_chars(begin, begin + buffer.size(), value, std::chars_format::fixed).ptr);
}

}  // namespace

std::string format_float(char verb, int precision, double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (verb == 'g' && precision < 0) return shortest(value);
  switch (verb) {
    case 'f':
      return fmt::format("{:.{}f}", value, precision);
    case 'e':
      return fmt::format("{:.{}e}", value, precision);
    default:
      return fmt::format("{:.{}g}", value, precision);
  }
}

std::string_view go_type_name(const TemplateValue& value) {
  static constexpr std::string_view kNames[] = {"string", "float64", "int", "bool", "map[string]string"};
  return kNames[value.index()];
}

std::string print_value(const TemplateValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<double>(&value)) return format_float('g', -1, *number);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  std::string out = "map[";
  if (const Labels* labels = std::get<const Labels*>(value); labels != nullptr) {
    for (const Label& label : *labels) {
      if (out.back() != '[') out += ' ';
      out += label.name + ":" + label.value;
    }
  }
  return out + "]";
}

Result<std::string> go_printf(std::string_view format, std::span<const TemplateValue> arguments) {
  std::string out;
  std::size_t next = 0, at = 0;
  while (at < format.size()) {
    const std::size_t percent = std::min(format.find('%', at), format.size());
    out.append(format.substr(at, percent - at));
    if (percent == format.size()) break;
    at = percent + 1;
    Directive directive;
    if (!read_directive(format, at, directive)) {
      out += "%!(NOVERB)";
      break;
    }
    if (directive.sharp || std::string_view("*[xXobcUGEFT").find(directive.verb) != std::string_view::npos)
      return Error(ErrorCode::not_supported, fmt::format("not supported yet: printf %{}{}",
                                                         directive.sharp ? "#" : "", directive.verb));
    if (directive.verb == '%')
      out += '%';
    else if (next == arguments.size())
      out += fmt::format("%!{}(MISSING)", directive.verb);
    else
      out += format_one(directive, arguments[next++]);
  }
  if (next == arguments.size()) return out;
  out += "%!(EXTRA ";
  for (std::size_t i = next; i < arguments.size(); ++i)
    out +=
        fmt::format("{}{}={}", i == next ? "" : ", ", go_type_name(arguments[i]), print_value(arguments[i]));
  return out + ")";
}

}  // namespace chiron::rules
