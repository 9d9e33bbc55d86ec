#include "rules/engine/template/printer.h"

#include "rules/engine/template.h"
#include "rules/engine/template/functions.h"
#include "rules/engine/template/go_quote.h"
#include "rules/engine/template/go_time.h"
#include "rules/engine/template/unicode.h"

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

bool one_of(char32_t verb, std::u32string_view verbs) {
  return verbs.find(verb) != std::u32string_view::npos;
}

std::string rune_text(char32_t rune) {
  std::string out;
  append_rune(out, rune);
  return out;
}

/// The first `count` characters.
std::string_view cut(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  for (; count > 0 && end < text.size(); --count) end += first_rune(text.substr(end)).size;
  return text.substr(0, end);
}

bool is_text(const Value& value) { return kind_of(value) == Kind::text; }

/// Go's fmt.Stringer: what the types of package time print for the verbs of texts.
std::optional<std::string> stringer(const Value& value) {
  switch (value.type()) {
    case Type::duration:
    case Type::duration_pointer:
      return duration_text(value.integer());
    case Type::time:
    case Type::time_pointer:
      return time_text(value.instant());
    case Type::month:
      return std::string(month_name(value.integer()));
    case Type::weekday:
      return std::string(weekday_name(value.integer()));
    default:
      return std::nullopt;
  }
}

}  // namespace

void Printer::add(std::string_view text) {
  if (!full()) out_.append(text.substr(0, limit_ + 1));
}

Result<std::string> Printer::take() && {
  if (!full()) return std::move(out_);
  return function_error(fmt::format("the text is larger than {} bytes", limit_));
}

void Printer::print(std::span<const Value> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0 && !is_text(values[i]) && !is_text(values[i - 1])) add(" ");
    argument(values[i], 'v', {});
  }
}

void Printer::println(std::span<const Value> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) add(" ");
    argument(values[i], 'v', {});
  }
  add("\n");
}

void Printer::put(const Value& value) {
  if (value.is_none()) {
    add("<no value>");
  } else if (value.type() == Type::sample && value.sample().sample != nullptr) {
    sample(value.sample(), 'v', {}, 1);
  } else {
    argument(value, 'v', {});
  }
}

void Printer::put_all(std::span<const Value> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0 && !is_text(values[i]) && !is_text(values[i - 1])) add(" ");
    put(values[i]);
  }
}

void Printer::argument(const Value& value, char32_t verb, const Flags& flags, int depth) {
  if (full()) return;
  if (verb == 'T') return add(padded(std::string(type_name(value.type())), flags));
  if (value.is_none()) return verb == 'v' ? add(padded("<nil>", flags)) : bad_verb(value, verb, flags, depth);
  if (!flags.sharp_v && one_of(verb, U"vsxXq")) {
    if (const std::optional<std::string> made = stringer(value))
      return text(*made, verb, flags, value, depth);
  }
  switch (kind_of(value)) {
    case Kind::boolean:
      if (!one_of(verb, U"tv")) return bad_verb(value, verb, flags, depth);
      return add(padded(value.boolean() ? "true" : "false", flags));
    case Kind::integer:
    case Kind::unsigned_integer:
      return integer(value, verb, flags, depth);
    case Kind::real:
      if (!one_of(verb, U"vbgGxXfFeE")) return bad_verb(value, verb, flags, depth);
      return add(print_float(value.real(), static_cast<char>(verb), flags));
    case Kind::complex:
      if (!one_of(verb, U"vbgGxXfFeE")) return bad_verb(value, verb, flags, depth);
      return add(print_complex(value.complex(), static_cast<char>(verb), flags));
    case Kind::text:
      return text(value.text(), verb, flags, value, depth);
    case Kind::map:
      return map(value, verb, flags, depth);
    case Kind::list:
      return list(value, verb, flags, depth);
    case Kind::pointer:
    case Kind::structure:
    case Kind::none:
      break;
  }
  if (value.type() == Type::sample) return sample(value.sample(), verb, flags, depth);
  if (value.type() == Type::data) return data(value.data(), verb, flags, depth);
  if (value.type() == Type::duration_pointer) return integer(value, verb, flags, depth);
  return bad_verb(value, verb, flags, depth);
}

void Printer::bad_verb(const Value& value, char32_t verb, const Flags& flags, int depth) {
  add("%!" + rune_text(verb) + "(");
  if (value.is_none()) {
    add("<nil>");
  } else {
    add(fmt::format("{}=", type_name(value.type())));
    argument(value, 'v', flags, depth);
  }
  add(")");
}

void Printer::text(const std::string& whole, char32_t verb, const Flags& flags, const Value& value,
                   int depth) {
  const std::string_view shown = flags.precision ? cut(whole, *flags.precision) : std::string_view(whole);
  switch (verb) {
    case 'v':
      if (flags.sharp_v) return add(padded(go_quote(shown), flags));
      return add(padded(std::string(shown), flags));
    case 's':
      return add(padded(std::string(shown), flags));
    case 'q':
      if (flags.sharp && can_backquote(shown)) return add(padded("`" + std::string(shown) + "`", flags));
      return add(padded(go_quote(shown, flags.plus), flags));
    case 'x':
    case 'X':
      return hexadecimal(whole, verb == 'X', flags);
    default:
      return bad_verb(value, verb, flags, depth);
  }
}

/// The precision counts bytes here; with the blank flag each byte stands by itself.
void Printer::hexadecimal(std::string_view text, bool capitals, const Flags& flags) {
  if (flags.precision) text = text.substr(0, *flags.precision);
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (flags.space && i > 0) made += ' ';
    if (flags.sharp && (flags.space || i == 0)) made += capitals ? "0X" : "0x";
    const auto byte = static_cast<unsigned>(static_cast<unsigned char>(text[i]));
    made += capitals ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  add(padded(std::move(made), flags));
}

void Printer::integer(const Value& value, char32_t verb, const Flags& flags, int depth) {
  const std::int64_t number = value.integer();
  const bool negative = number < 0;
  const auto bits = static_cast<std::uint64_t>(number);
  const std::uint64_t magnitude = negative ? ~bits + 1 : bits;
  const auto code = static_cast<char32_t>(bits > kMaxRune ? kReplacement : bits);
  switch (verb) {
    case 'v':
      if (flags.sharp_v && kind_of(value) == Kind::unsigned_integer) {
        Flags sharp = flags;
        sharp.sharp = true;
        return add(print_integer(magnitude, false, 16, 'v', sharp));
      }
      [[fallthrough]];
    case 'd':
      return add(print_integer(magnitude, negative, 10, 'd', flags));
    case 'b':
      return add(print_integer(magnitude, negative, 2, 'b', flags));
    case 'o':
    case 'O':
      return add(print_integer(magnitude, negative, 8, static_cast<char>(verb), flags));
    case 'x':
    case 'X':
      return add(print_integer(magnitude, negative, 16, static_cast<char>(verb), flags));
    case 'c':
      return add(padded(rune_text(code), flags));
    case 'q':
      return add(padded(go_quote_rune(code, flags.plus), flags));
    case 'U':
      return add(print_code_point(bits, flags));
    default:
      return bad_verb(value, verb, flags, depth);
  }
}

void Printer::map(const Value& value, char32_t verb, const Flags& flags, int depth) {
  add(flags.sharp_v ? fmt::format("{}{{", type_name(value.type())) : "map[");
  bool first = true;
  const auto entry = [&](const std::string& key, const Value& element) {
    if (!first) add(flags.sharp_v ? ", " : " ");
    first = false;
    argument(Value::of(key), verb, flags, depth + 1);
    add(":");
    if (flags.sharp_v && element.is_none())
      add("interface {}(nil)");
    else
      argument(element, verb, flags, depth + 1);
  };
  if (value.type() == Type::labels) {
    if (value.labels().labels != nullptr)
      for (const Label& label : *value.labels().labels) entry(label.name, Value::of(label.value));
  } else {
    for (const auto& [key, element] : value.args().values) {
      if (full()) return;
      entry(key, element);
    }
  }
  add(flags.sharp_v ? "}" : "]");
}

/// Go prints the addresses of the samples; their contents are of more use, and the same at each evaluation.
void Printer::list(const Value& value, char32_t verb, const Flags& flags, int depth) {
  add(flags.sharp_v ? fmt::format("{}{{", type_name(value.type())) : "[");
  for (std::size_t i = 0; i < value.samples().size() && !full(); ++i) {
    if (i > 0) add(flags.sharp_v ? ", " : " ");
    sample(value.samples().at(i), verb, flags, depth);
  }
  add(flags.sharp_v ? "}" : "]");
}

void Printer::sample(const Sample& sample, char32_t verb, const Flags& flags, int depth) {
  if (sample.sample == nullptr) return add(flags.sharp_v ? "(*template.sample)(nil)" : "<nil>");
  if (depth == 0) add("&");
  add(flags.sharp_v ? "template.sample{" : "{");
  field("Labels", Value::of(LabelMap{&sample.sample->labels, sample.owner}), true, verb, flags, depth);
  field("Value", Value::of(sample.sample->v), false, verb, flags, depth);
  add("}");
}

void Printer::data(const TemplateData& data, char32_t verb, const Flags& flags, int depth) {
  add(flags.sharp_v ? fmt::format("{}{{", type_name(Type::data)) : "{");
  field("Labels", Value::of(LabelMap{data.labels, nullptr}), true, verb, flags, depth);
  field("ExternalLabels", Value::of(LabelMap{data.external_labels, nullptr}), false, verb, flags, depth);
  field("ExternalURL", Value::of(std::string(data.external_url)), false, verb, flags, depth);
  field("Value", Value::of(data.value), false, verb, flags, depth);
  add("}");
}

void Printer::field(std::string_view name, const Value& value, bool first, char32_t verb, const Flags& flags,
                    int depth) {
  if (!first) add(flags.sharp_v ? ", " : " ");
  if (flags.sharp_v || flags.plus_v) add(fmt::format("{}:", name));
  argument(value, verb, flags, depth + 1);
}

std::string brief(const Value& value) {
  constexpr std::size_t kShown = 200;
  Printer printer(kShown);
  printer.print(std::span<const Value>(&value, 1));
  Result<std::string> text = std::move(printer).take();
  return text ? *std::move(text) : "...";
}

}  // namespace chiron::rules::tmpl
