#include "agent/document.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#5b6570;--line:#dde2e7;--good:#1a7f37;--bad:#c1272d;
--warn:#8a5a00;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e8ec;--dim:#98a2ad;--line:#2e353c;--good:#4cc46a;
--bad:#ff7b72;--warn:#e0a53a;--link:#79b8ff}}
body{font:15px/1.5 system-ui,sans-serif;background:var(--bg);color:var(--fg);max-width:64rem;margin:1.5rem auto;
padding:0 1rem}
h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}p{margin:.3rem 0;
overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}.wide{overflow-x:auto}
th{text-align:left;font-weight:600;color:var(--dim);font-size:.85rem;white-space:nowrap}
th,td{padding:.3rem 1.2rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top;unicode-bidi:isolate}
th:last-child,td:last-child{padding-right:0}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.k{white-space:nowrap}
td.t{overflow-wrap:break-word}
td.c{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere;min-width:8em}
a{color:var(--link)}.dim{color:var(--dim)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.good,.bad,.warn{font-weight:600}
.foot{margin-top:1.5rem}
@media screen and (max-width:40rem){body{margin:1rem auto}table,tbody,tr,td{display:block}tr.h{display:none}
tr{border-bottom:1px solid var(--line);padding:.4rem 0}td,td.n{border:0;padding:.05rem 0;text-align:left;display:flex}
td.k,td.n{white-space:normal}td::before{content:attr(data-h);color:var(--dim);flex:0 0 7.5rem;font:13px/1.7 system-ui,sans-serif}
td[data-h=""]::before{display:none}td:empty{display:none}td>*{min-width:0}}
@media print{:root{--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--good:#1a7f37;--bad:#c1272d;--warn:#8a5a00;
--link:#000;color-scheme:light}body{max-width:none;margin:0;font-size:10pt}.wide{overflow:visible}tr{break-inside:avoid}
h2{break-after:avoid}})";

constexpr std::array<std::string_view, 5> kToneClass{"", "dim", "good", "warn", "bad"};
constexpr std::array<std::string_view, 4> kColumnClass{"t", "k", "c", "n"};

/// At most kLongestText bytes, cut between two characters; what steers a terminal or a printer is a space.
std::string bounded(std::string_view text) {
  std::string out(text.substr(0, kLongestText));
  if (text.size() > kLongestText) {
    while (!out.empty() && (static_cast<unsigned char>(text[out.size()]) & 0xC0U) == 0x80U) out.pop_back();
    out += "…";
  }
  std::ranges::replace_if(
      out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return out;
}

std::string escape_html(std::string_view text) {
  std::string html;
  for (const char c : bounded(text)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string html_of(const Text& part) {
  std::string html = escape_html(part.text);
  if (!part.link.empty()) html = fmt::format("<a href=\"{}\">{}</a>", escape_html(part.link), html);
  const std::string_view css = kToneClass[static_cast<std::size_t>(part.tone)];
  return css.empty() || part.text.empty() ? html : fmt::format("<span class=\"{}\">{}</span>", css, html);
}

std::string html_of(const Section& section) {
  if (section.rows.empty() && section.without.empty()) return {};
  std::string html = fmt::format("<h2>{}</h2>\n", escape_html(section.title));
  if (section.rows.empty())
    return html + fmt::format("<p class=\"dim\">{}</p>\n", escape_html(section.without));
  const bool headed =
      std::ranges::any_of(section.columns, [](const Column& column) { return !column.heading.empty(); });
  html += "<div class=\"wide\"><table>\n";
  if (headed) html += "<tr class=\"h\">";
  for (const Column& column : section.columns) {
    if (!headed) break;
    html +=
        fmt::format("<th{}>{}</th>", column.kind == ColumnKind::number ? " class=\"n\"" : "", column.heading);
  }
  if (headed) html += "</tr>\n";
  for (const std::vector<Text>& row : section.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const ColumnKind kind = i < section.columns.size() ? section.columns[i].kind : ColumnKind::text;
      html +=
          fmt::format("<td class=\"{}\" data-h=\"{}\">{}</td>", kColumnClass[static_cast<std::size_t>(kind)],
                      i < section.columns.size() ? section.columns[i].heading : "", html_of(row[i]));
    }
    html += "</tr>\n";
  }
  html += "</table></div>\n";
  if (section.more > 0) html += fmt::format("<p class=\"dim\">And {} more.</p>\n", section.more);
  if (!section.note.empty()) html += fmt::format("<p class=\"dim\">{}</p>\n", escape_html(section.note));
  return html;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// A backslash before what CommonMark or GitHub's tables and links would take for a mark, and before nothing
/// else: the text is also read as it is. An underscore inside a word is none.
std::string escape_markdown(std::string_view given) {
  const std::string text = bounded(given);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool inside = i > 0 && i + 1 < text.size() && is_word(text[i - 1]) && is_word(text[i + 1]);
    const std::string_view rest = std::string_view(text).substr(i);
    const bool mark = std::string_view("\\`*[]<>|~&$").find(c) != std::string_view::npos ||
                      (c == '_' && !inside) || rest.starts_with("://") ||
                      (c == '.' && i >= 3 && text.substr(i - 3, 3) == "www") || (i == 0 && c == '#');
    if (mark) out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_of(const Text& part) {
  const std::string text = escape_markdown(part.text);
  const bool strong = !text.empty() && (part.tone == Tone::bad || part.tone == Tone::warn);
  return strong ? fmt::format("**{}**", text) : text;
}

std::string markdown_of(const Section& section) {
  if (section.rows.empty() && section.without.empty()) return {};
  std::string out = fmt::format("\n## {}\n\n", escape_markdown(section.title));
  if (section.rows.empty()) return out + escape_markdown(section.without) + '\n';
  std::string rule = "|";
  out += '|';
  for (const Column& column : section.columns) {
    out += fmt::format(" {} |", column.heading);
    rule += column.kind == ColumnKind::number ? " ---: |" : " --- |";
  }
  out += '\n' + rule + '\n';
  for (const std::vector<Text>& row : section.rows) {
    out += '|';
    for (const Text& cell : row) out += fmt::format(" {} |", markdown_of(cell));
    out += '\n';
  }
  if (section.more > 0) out += fmt::format("\nAnd {} more.\n", section.more);
  if (!section.note.empty()) out += fmt::format("\n{}\n", escape_markdown(section.note));
  return out;
}

}  // namespace

void Section::add(std::vector<Text> row) {
  if (rows.size() < kMostRows) {
    rows.push_back(std::move(row));
  } else {
    ++more;
  }
}

std::string to_html(const Document& document) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  if (document.reload_seconds > 0) {
    html += fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">\n", document.reload_seconds);
  }
  const std::string title = escape_html(document.title);
  html +=
      fmt::format("<title>{}</title>\n<style>{}</style></head>\n<body>\n<h1>{}</h1>\n", title, kStyle, title);
  for (const std::vector<Text>& paragraph : document.lead) {
    std::string line;
    for (const Text& part : paragraph) line += (line.empty() ? "" : " &middot; ") + html_of(part);
    html += fmt::format("<p>{}</p>\n", line);
  }
  for (const Section& section : document.sections) html += html_of(section);
  return html + fmt::format("<p class=\"dim foot\">{}</p>\n</body>\n</html>\n", escape_html(document.foot));
}

std::string to_markdown(const Document& document) {
  std::string out = fmt::format("# {}\n", escape_markdown(document.title));
  for (const std::vector<Text>& paragraph : document.lead) {
    std::string line;
    for (const Text& part : paragraph) line += (line.empty() ? "" : " · ") + markdown_of(part);
    out += '\n' + line + '\n';
  }
  for (const Section& section : document.sections) out += markdown_of(section);
  return out + fmt::format("\n{}\n", escape_markdown(document.foot));
}

}  // namespace chiron::agent
