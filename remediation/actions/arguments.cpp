#include "remediation/actions/arguments.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using Shape = ArgumentValue::Shape;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kTimeout = "timeout";

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

bool is_template(std::string_view text) { return text.find("{{") != std::string_view::npos; }

Error wrong(std::string_view text, std::string_view what) {
  return {ErrorCode::invalid_argument, fmt::format("{} is not {}", quoted(text), what)};
}

Result<Amount> parse_amount(std::string_view text) {
  if (!text.empty() && text.back() == '%') {
    const std::optional<double> percent = parse_double(trim(text.substr(0, text.size() - 1)));
    if (!percent || !std::isfinite(*percent) || *percent < 0 || *percent > 100) {
      return wrong(text, "a share from 0% to 100%");
    }
    return Amount{.is_percent = true, .percent = *percent, .bytes = 0};
  }
  Result<std::uint64_t> bytes = parse_bytes(text);
  if (!bytes) return wrong(text, "a share (10%) or a size (5GiB)");
  return Amount{.is_percent = false, .percent = 0, .bytes = *bytes};
}

// Each converts one text; the overload is chosen by the member's type.
Status convert(std::string_view text, std::string& member) {
  member = text;
  return {};
}
Status convert(std::string_view text, std::int64_t& member) {
  const auto value = parse_int<std::int64_t>(text);
  if (!value) return wrong(text, "a whole number");
  member = *value;
  return {};
}
Status convert(std::string_view text, double& member) {
  const auto value = parse_double(text);
  if (!value || !std::isfinite(*value)) return wrong(text, "a number");
  member = *value;
  return {};
}
Status convert(std::string_view text, bool& member) {
  const auto value = parse_bool(text);
  if (!value) return wrong(text, "true or false");
  member = *value;
  return {};
}
Status convert(std::string_view text, Duration& member) {
  const auto value = parse_duration(text);
  if (!value) return wrong(text, "a duration such as 30s, 5m or 1h30m");
  member = *value;
  return {};
}
Status convert(std::string_view text, Amount& member) {
  auto value = parse_amount(text);
  if (!value) return std::move(value).error();
  member = *value;
  return {};
}

Shape shape_of(const Arguments::Member& member) {
  if (std::holds_alternative<std::vector<std::string>*>(member)) return Shape::list;
  return std::holds_alternative<Pairs*>(member) ? Shape::pairs : Shape::text;
}

std::string_view shape_name(Shape shape) {
  switch (shape) {
    case Shape::text:
      return "a single value";
    case Shape::list:
      return "a list";
    case Shape::pairs:
      return "a mapping";
  }
  return "";
}

Status check_choice(const Arguments::Declared& declared, std::string_view text) {
  if (declared.choices.empty() || std::ranges::count(declared.choices, text) > 0) return {};
  std::string message = fmt::format("{} is not one of {}", quoted(text), fmt::join(declared.choices, ", "));
  if (const std::string near = closest(text, declared.choices); !near.empty()) {
    message += fmt::format("; did you mean {}?", near);
  }
  return Error(ErrorCode::invalid_argument, std::move(message));
}

/// The value as the member would take it, or what is wrong. `into` false: only looks, templates count as
/// good.
Status take(const Arguments::Declared& declared, const ArgumentValue& value, bool into) {
  const Shape shape = shape_of(declared.member);
  if (value.shape != shape) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("is {}, and must be {}", shape_name(value.shape), shape_name(shape)));
  }
  if (shape == Shape::pairs) {
    if (into) *std::get<Pairs*>(declared.member) = value.pairs;
    return {};
  }
  for (const std::string& text : value.texts) {
    if (!into && is_template(text)) continue;
    if (Status status = check_choice(declared, text); !status) return status;
  }
  if (shape == Shape::list) {
    if (into) *std::get<std::vector<std::string>*>(declared.member) = value.texts;
    return {};
  }
  if (value.texts.size() != 1) return Error(ErrorCode::invalid_argument, "must be one value");
  const std::string& text = value.texts.front();
  if (!into && is_template(text)) return {};
  return std::visit(
      Overloaded{[](std::vector<std::string>*) { return Status(); }, [](Pairs*) { return Status(); },
                 [&](auto* member) {
                   auto converted = *member;
                   Status status = convert(text, converted);
                   if (status && into) *member = std::move(converted);
                   return status;
                 }},
      declared.member);
}

/// `timeout: 0s` would quietly mean the default.
Status take_timeout(const ArgumentValue& value, Duration& timeout, bool into) {
  Duration wanted{};
  const Arguments::Declared declared{kTimeout, &wanted, Need::optional, "", "", {}};
  if (Status status = take(declared, value, false); !status) return status;
  const bool known = value.texts.size() == 1 && !is_template(value.texts.front());
  if (!known && !into) return {};
  if (Status status = take(declared, value, true); !status) return status;
  if (wanted <= Duration::zero()) return Error(ErrorCode::invalid_argument, "must be more than 0s");
  if (into) timeout = wanted;
  return {};
}

/// What no expanded template may have produced, whatever the type.
Status check_expanded(const Arguments::Declared& declared, const ArgumentValue& value) {
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  const bool nul =
      std::ranges::any_of(value.texts, has_nul) || std::ranges::any_of(value.pairs, [&](const auto& pair) {
        return has_nul(pair.first) || has_nul(pair.second);
      });
  if (nul) return Error(ErrorCode::invalid_argument, "holds a NUL byte");
  if (declared.need == Need::optional || value.shape == Shape::pairs) return {};
  const bool empty = value.texts.empty() || (value.shape == Shape::text && value.texts.front().empty());
  if (empty) return Error(ErrorCode::invalid_argument, "is empty");
  return {};
}

std::string exact_size(std::uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

std::string text_of(const Arguments::Member& member) {
  return std::visit(
      Overloaded{[](const std::string* value) { return *value; },
                 [](const std::int64_t* value) { return fmt::format("{}", *value); },
                 [](const double* value) { return fmt::format("{}", *value); },
                 [](const bool* value) { return std::string(*value ? "true" : "false"); },
                 [](const Duration* value) { return format_duration(*value); },
                 [](const Amount* value) {
                   return value->is_percent ? fmt::format("{}%", value->percent) : exact_size(value->bytes);
                 },
                 [](const std::vector<std::string>* value) {
                   return value->empty() ? std::string() : fmt::format("[{}]", fmt::join(*value, ", "));
                 },
                 [](const Pairs* value) {
                   std::string text;
                   for (const auto& [key, content] : *value) {
                     text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, content);
                   }
                   return text.empty() ? text : "{" + text + "}";
                 }},
      member);
}

std::string at(const ArgumentValue& value) {
  if (value.where.line == 0) return value.file.empty() ? "" : value.file + ": ";
  return fmt::format("{}:{}:{}: ", value.file, value.where.line, value.where.column);
}

}  // namespace

Result<std::optional<std::uint64_t>> optional_size(std::string_view name, const std::string& text) {
  if (text.empty()) return std::optional<std::uint64_t>();
  Result<std::uint64_t> bytes = parse_bytes(text);
  if (!bytes) return std::move(bytes).error().wrap(std::string(name));
  if (*bytes > static_cast<std::uint64_t>(INT64_MAX)) {
    return Error(ErrorCode::invalid_argument, fmt::format("{}: {} is more than any disk holds", name, text));
  }
  return std::optional(*bytes);
}

void Arguments::add(std::string_view name, Member member, Need need, std::string_view help,
                    std::vector<std::string_view> choices) {
  std::string fallback = need == Need::required ? std::string() : text_of(member);
  declared_.push_back({name, member, need, help, std::move(fallback), std::move(choices)});
}

void Arguments::mark_subject(std::string_view name) {
  for (Declared& one : declared_) one.subject = one.subject || one.name == name;
}

void Arguments::mark_url(std::string_view name) {
  for (Declared& one : declared_) one.url = one.url || one.name == name;
}

void Arguments::add_patterns(std::string_view name, std::vector<std::string>* member, std::string_view help,
                             Need need) {
  add(name, member, need, help);
  declared_.back().patterns = true;
}

std::string_view Arguments::type_name(const Member& member) {
  return std::visit(Overloaded{[](const std::string*) { return std::string_view("text"); },
                               [](const std::int64_t*) { return std::string_view("whole number"); },
                               [](const double*) { return std::string_view("number"); },
                               [](const bool*) { return std::string_view("true or false"); },
                               [](const Duration*) { return std::string_view("duration"); },
                               [](const Amount*) { return std::string_view("share or size"); },
                               [](const std::vector<std::string>*) { return std::string_view("list"); },
                               [](const Pairs*) { return std::string_view("mapping"); }},
                    member);
}

const Arguments::Declared* Arguments::find(std::string_view name) const {
  const auto found = std::ranges::find(declared_, name, &Declared::name);
  return found == declared_.end() ? nullptr : &*found;
}

Diagnostic Arguments::unknown(const std::string& name, const ArgumentValue& value) const {
  std::vector<std::string_view> names;
  names.reserve(declared_.size() + 1);
  for (const Declared& declared : declared_) names.push_back(declared.name);
  if (!find(kTimeout)) names.push_back(kTimeout);
  const std::string near = closest(name, names);
  Diagnostic diagnostic;
  diagnostic.code = "unknown-argument";
  diagnostic.message = fmt::format("unknown argument {}", quoted(name));
  diagnostic.hint = near.empty() ? fmt::format("it takes: {}", fmt::join(names, ", "))
                                 : fmt::format("did you mean {}?", near);
  diagnostic.file = value.file;
  diagnostic.where = value.where;
  return diagnostic;
}

void Arguments::check(std::string_view action, const ArgumentValues& values, Position step,
                      DiagnosticSink& sink) const {
  for (const auto& [name, value] : values) {
    const Declared* declared = find(name);
    if (!declared && name != kTimeout) {
      Diagnostic diagnostic = unknown(name, value);
      diagnostic.path = {std::string(action), name};
      sink.add(std::move(diagnostic));
      continue;
    }
    Duration ignored{};
    const Declared general{kTimeout, &ignored, Need::optional, "", "", {}};
    Status status = declared ? take(*declared, value, false) : Status();
    if (name == kTimeout && status) status = take_timeout(value, ignored, false);
    if (!declared) declared = &general;
    if (!status) {
      Diagnostic diagnostic;
      diagnostic.code = "bad-argument";
      diagnostic.message = fmt::format("{}: {}", name, status.error().message());
      if (!declared->help.empty()) {
        diagnostic.hint = fmt::format("{} ({}): {}", name, type_name(declared->member), declared->help);
      }
      diagnostic.file = value.file;
      diagnostic.path = {std::string(action), name};
      diagnostic.where = value.where;
      sink.add(std::move(diagnostic));
    }
  }
  for (const Declared& declared : declared_) {
    const bool given = std::ranges::any_of(values, [&](const auto& v) { return v.first == declared.name; });
    if (given || declared.need == Need::optional) continue;
    Diagnostic diagnostic;
    diagnostic.code = "missing-argument";
    diagnostic.message = fmt::format("{} needs the argument {}", action, quoted(declared.name));
    diagnostic.hint = fmt::format("{} ({}): {}", declared.name, type_name(declared.member), declared.help);
    diagnostic.file = values.empty() ? std::string() : values.front().second.file;
    diagnostic.path = {std::string(action)};
    diagnostic.where = step;
    sink.add(std::move(diagnostic));
  }
}

Status Arguments::bind(const ArgumentValues& values) {
  timeout_ = Duration::zero();
  for (const auto& [name, value] : values) {
    const Declared* declared = find(name);
    if (!declared && name != kTimeout) {
      const Diagnostic diagnostic = unknown(name, value);
      return Error(ErrorCode::invalid_argument,
                   fmt::format("{}{}; {}", at(value), diagnostic.message, diagnostic.hint));
    }
    if (name == kTimeout) {
      if (Status status = take_timeout(value, timeout_, true); !status) {
        return Error(ErrorCode::invalid_argument,
                     fmt::format("{}{}: {}", at(value), name, status.error().message()));
      }
    }
    if (!declared) continue;
    Status status = check_expanded(*declared, value);
    if (status) status = take(*declared, value, true);
    if (!status) {
      return Error(ErrorCode::invalid_argument,
                   fmt::format("{}{}: {}", at(value), name, status.error().message()));
    }
  }
  for (const Declared& declared : declared_) {
    const bool given = std::ranges::any_of(values, [&](const auto& v) { return v.first == declared.name; });
    if (given || declared.need == Need::optional) continue;
    return Error(ErrorCode::invalid_argument,
                 fmt::format("the argument {} is missing", quoted(declared.name)));
  }
  return {};
}

}  // namespace chiron::remediation
