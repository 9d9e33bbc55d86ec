#include "exporter/base/regex_error.h"
#include "exporter/base/url.h"
#include "rules/engine/template.h"
#include "rules/engine/template/functions.h"
#include "rules/engine/template/host_port.h"
#include "rules/engine/template/printer.h"
#include "rules/engine/template/unicode.h"
#include "rules/promql/regex_expand.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace chiron::rules::tmpl {
namespace {

Result<Value> as_text(Printer printer) {
  Result<std::string> text = std::move(printer).take();
  if (!text) return std::move(text).error();
  return Value::of(*std::move(text));
}

Result<Value> call_print(Context&, Arguments arguments) {
  Printer printer(Budget::kText);
  printer.print(arguments);
  return as_text(std::move(printer));
}
Result<Value> call_println(Context&, Arguments arguments) {
  Printer printer(Budget::kText);
  printer.println(arguments);
  return as_text(std::move(printer));
}
Result<Value> call_printf(Context&, Arguments arguments) {
  Printer printer(Budget::kText);
  printer.printf(arguments[0].text(), arguments.subspan(1));
  return as_text(std::move(printer));
}

template <char32_t (*convert)(char32_t)>
Result<Value> converted(Context&, Arguments arguments) {
  std::string out;
  for (std::string_view text = arguments[0].text(); !text.empty();) {
    const Rune rune = first_rune(text);
    append_rune(out, convert(rune.code));
    text.remove_prefix(rune.size);
  }
  return Value::of(std::move(out));
}

/// golang.org/x/text/cases, Title without lowering the rest: words as Unicode's text segmentation (UAX 29)
/// has them, in which an apostrophe, a point or a colon between letters, and an underscore, end none.
Result<Value> call_title(Context&, Arguments arguments) {
  std::string out;
  bool in_word = false;
  for (std::string_view text = arguments[0].text(); !text.empty();) {
    const Rune rune = first_rune(text);
    text.remove_prefix(rune.size);
    const bool letter = is_letter_or_digit(rune.code);
    append_rune(out, letter && !in_word ? to_upper_rune(rune.code) : rune.code);
    const bool joins = rune.code == '\'' || rune.code == '.' || rune.code == ':' || rune.code == 0x2019;
    const bool letter_follows = !text.empty() && is_letter_or_digit(first_rune(text).code);
    in_word = letter || (rune.code == '_' && in_word) || (joins && in_word && letter_follows);
  }
  return Value::of(std::move(out));
}

/// A regular expression takes more time and memory than its text: kept to what a person writes.
constexpr std::size_t kLongestRegex = 4096;
constexpr std::size_t kCompileSteps = 500;

Result<std::unique_ptr<RE2>> compile(Context& context, const std::string& text) {
  if (text.size() > kLongestRegex)
    return function_error(fmt::format("the regular expression is longer than {} bytes", kLongestRegex));
  if (!context.budget.take(kCompileSteps + text.size())) return out_of_steps();
  RE2::Options options(RE2::Quiet);
  constexpr std::int64_t kMemory = 1 << 20;
  options.set_max_mem(kMemory);
  return std::make_unique<RE2>(text, options);
}

Result<Value> call_match(Context& context, Arguments arguments) {
  Result<std::unique_ptr<RE2>> regex = compile(context, arguments[0].text());
  if (!regex) return std::move(regex).error();
  if (!(*regex)->ok()) return function_error(regex_error(**regex));
  return Value::of(RE2::PartialMatch(arguments[1].text(), **regex));
}

Result<Value> call_replace(Context& context, Arguments arguments) {
  Result<std::unique_ptr<RE2>> compiled = compile(context, arguments[0].text());
  if (!compiled) return std::move(compiled).error();
  const RE2& regex = **compiled;
  if (!regex.ok())
    return function_error(fmt::format("regexp: Compile(`{}`): {}", arguments[0].text(), regex_error(regex)));
  const std::string& text = arguments[2].text();
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) + 1);
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at <= text.size();) {
    if (!context.budget.take(1)) return out_of_steps();
    if (out.size() > Budget::kText) return function_error("the text grows too large");
    if (!regex.Match(text, at, text.size(), RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size())))
      break;
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    const std::size_t end = begin + groups[0].size();
    out.append(text, copied, begin - copied);
    // An empty match right after another one is none.
    if (end > copied || begin == 0)
      out += promql::expand_groups(regex, groups, arguments[1].text(), Budget::kText);
    copied = end;
    if (end > at)
      at = end;
    else
      at += at < text.size() ? first_rune(std::string_view(text).substr(at)).size : 1;
  }
  out.append(text, std::min(copied, text.size()));
  return Value::of(std::move(out));
}

Result<Value> call_strip_port(Context&, Arguments arguments) {
  return Value::of(strip_port(arguments[0].text()));
}
Result<Value> call_strip_domain(Context&, Arguments arguments) {
  return Value::of(strip_domain(arguments[0].text()));
}

Result<Value> call_external_url(Context& context, Arguments) {
  return Value::of(std::string(context.data.external_url));
}

Result<Value> call_path_prefix(Context& context, Arguments) {
  std::string_view url = context.data.external_url;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return Value::of(std::string());
  url.remove_prefix(scheme + 3);
  const std::size_t path = std::min(url.find('/'), url.size());
  url = url.substr(path);
  return Value::of(std::string(url.substr(0, url.find_first_of("?#"))));
}

constexpr Function kFunctions[] = {
    {"externalURL", "", call_external_url},
    {"match", "tt", call_match},
    {"pathPrefix", "", call_path_prefix},
    {"print", "a*", call_print},
    {"printf", "ta*", call_printf},
    {"println", "a*", call_println},
    {"reReplaceAll", "ttt", call_replace},
    {"stripDomain", "t", call_strip_domain},
    {"stripPort", "t", call_strip_port},
    {"title", "t", call_title},
    {"toLower", "t", converted<to_lower_rune>},
    {"toUpper", "t", converted<to_upper_rune>},
};

}  // namespace

std::span<const Function> text_functions() { return kFunctions; }

}  // namespace chiron::rules::tmpl
