#include "rules/engine/template/functions.h"
#include "rules/engine/template/printer.h"
#include "rules/engine/template/unicode.h"

#include <iterator>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\0':
        append_rune(out, kReplacement);
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escape_js(std::string_view text) {
  static constexpr std::string_view kBackslashed = "\\'\"";
  static constexpr std::string_view kCoded = "<>&=";
  std::string out;
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    const char c = text[0];
    if (rune.size == 1 && kBackslashed.find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else if (rune.size == 1 && rune.valid && (c < ' ' || kCoded.find(c) != std::string_view::npos)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04X}",
                     static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else if (rune.code < 0x80 || (rune.valid && is_printable(rune.code))) {
      out += text.substr(0, rune.size);
    } else if (rune.code == kReplacement) {
      append_rune(out, kReplacement);
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04X}", static_cast<std::uint32_t>(rune.code));
    }
    text.remove_prefix(rune.size);
  }
  return out;
}

/// Go's url.QueryEscape: RFC 3986's unreserved characters stay, a blank is a plus.
std::string escape_query(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else if (c == ' ')
      out += '+';
    else
      fmt::format_to(std::back_inserter(out), "%{:02X}",
                     static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

template <std::string (*escape)(std::string_view)>
Result<Value> escaped(Context&, Arguments arguments) {
  Printer printer(Budget::kText);
  printer.put_all(arguments);
  Result<std::string> text = std::move(printer).take();
  if (!text) return std::move(text).error();
  return Value::of(escape(*text));
}

Result<Value> call_url_query_escape(Context&, Arguments arguments) {
  return Value::of(escape_query(arguments[0].text()));
}

Result<Value> call_graph_link(Context&, Arguments arguments) {
  return Value::of("/graph?g0.expr=" + escape_query(arguments[0].text()) + "&g0.tab=0");
}
Result<Value> call_table_link(Context&, Arguments arguments) {
  return Value::of("/graph?g0.expr=" + escape_query(arguments[0].text()) + "&g0.tab=1");
}

Result<Value> call_safe_html(Context&, Arguments arguments) { return Value(Type::html, arguments[0].text()); }

constexpr Function kFunctions[] = {
    {"graphLink", "t", call_graph_link},       {"html", "a*", escaped<escape_html>},
    {"js", "a*", escaped<escape_js>},          {"safeHtml", "t", call_safe_html},
    {"tableLink", "t", call_table_link},       {"urlQueryEscape", "t", call_url_query_escape},
    {"urlquery", "a*", escaped<escape_query>},
};

}  // namespace

std::span<const Function> escaping_functions() { return kFunctions; }

}  // namespace chiron::rules::tmpl
