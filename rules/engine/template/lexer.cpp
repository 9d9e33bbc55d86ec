#include "rules/engine/template/lexer.h"

#include "exporter/base/utf8.h"
#include "rules/engine/template/unicode.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }

constexpr std::pair<std::string_view, Tok> kKeywords[] = {
    {"block", Tok::block}, {"break", Tok::break_}, {"continue", Tok::continue_}, {"define", Tok::define},
    {"else", Tok::else_},  {"end", Tok::end},      {"false", Tok::boolean},      {"if", Tok::if_},
    {"nil", Tok::nil},     {"range", Tok::range},  {"template", Tok::template_}, {"true", Tok::boolean},
    {"with", Tok::with},
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    bool trim = false;
    for (;;) {
      const std::size_t open = std::min(text_.find("{{", at_), text_.size());
      add_text(open, trim);
      trim = false;
      at_ = open;
      if (at_ == text_.size()) {
        add(Tok::end_of_text, at_);
        return std::move(tokens_);
      }
      if (!action(trim)) return std::move(tokens_);
    }
  }

 private:
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool at_end() const { return at_ >= text_.size(); }

  void add(Tok kind, std::size_t begin) {
    tokens_.push_back({kind, begin, std::string(text_.substr(begin, at_ - begin)), {}});
  }
  bool fail(std::size_t at, std::string message, std::string hint = {}) {
    tokens_.push_back({Tok::error, at, std::move(message), std::move(hint)});
    return false;
  }

  /// The text up to `end`, trimmed after -}} and before {{-.
  void add_text(std::size_t end, bool trim) {
    std::string_view text = text_.substr(at_, end - at_);
    std::size_t begin = at_;
    if (trim) {
      const std::size_t blanks = std::min(text.find_first_not_of(kBlanks), text.size());
      text.remove_prefix(blanks);
      begin += blanks;
    }
    const bool marker = end + 3 < text_.size() && text_[end + 2] == '-' && is_blank(text_[end + 3]);
    if (marker) text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    if (!text.empty()) tokens_.push_back({Tok::text, begin, std::string(text), {}});
  }

  bool action(bool& trim) {
    const std::size_t begin = at_;
    at_ += 2;
    if (peek() == '-' && at_ + 1 < text_.size() && is_blank(text_[at_ + 1])) {
      // The blank after the marker belongs to it.
      at_ += 2;
      if (const std::size_t next = text_.find_first_not_of(kBlanks, at_);
          next != std::string_view::npos && text_.substr(next).starts_with("/*"))
        at_ = next;
    }
    if (starts("/*")) return comment(begin, trim);
    add(Tok::open, begin);
    action_ = begin;
    depth_ = 0;
    for (;;) {
      if (const std::size_t marker = closing(); marker > 0) {
        if (depth_ > 0) return fail(at_, "unclosed left paren", "a ) is missing before the }}");
        const std::size_t close = at_;
        trim = text_[at_] != '}';
        at_ += marker;
        add(Tok::close, close);
        return true;
      }
      if (!token()) return false;
    }
  }

  /// Bytes of "}}" or " -}}" at this place, 0 when neither is here.
  std::size_t closing() const {
    if (starts("}}")) return 2;
    if (at_end() || !is_blank(text_[at_])) return 0;
    const std::size_t next = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
    return text_.substr(next).starts_with("-}}") ? next + 3 - at_ : 0;
  }

  bool comment(std::size_t begin, bool& trim) {
    const std::size_t end = text_.find("*/", at_ + 2);
    if (end == std::string_view::npos) return fail(begin, "unclosed comment", "a comment ends with */}}");
    at_ = end + 2;
    const std::size_t marker = closing();
    if (marker == 0)
      return fail(at_, "comment ends before closing delimiter", "}} must follow right after the */");
    trim = text_[at_] != '}';
    at_ += marker;
    return true;
  }

  bool token() {
    const std::size_t begin = at_;
    if (at_end()) return fail(action_, "unclosed action", "write }} where the action ends");
    const char c = text_[at_];
    if (is_blank(c)) {
      // No closing marker is behind them, or these blanks were a part of it.
      at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
      add(Tok::blank, begin);
      return true;
    }
    if (c == '"' || c == '\'') return quoted_literal(c);
    if (c == '`') return raw_literal();
    if (c == '$') return name(Tok::variable, Tok::variable);
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (c == '.' && (next < '0' || next > '9')) return name(Tok::field, Tok::dot);
    if (c == '.' || c == '+' || c == '-' || (c >= '0' && c <= '9')) return number();
    if (const Rune rune = first_rune(text_.substr(at_)); c == '_' || is_letter_or_digit(rune.code))
      return name(Tok::identifier, Tok::identifier);
    return punctuation();
  }

  bool punctuation() {
    const std::size_t begin = at_;
    const char c = text_[at_++];
    switch (c) {
      case '|':
        add(Tok::pipe, begin);
        return true;
      case '=':
        add(Tok::assign, begin);
        return true;
      case ',':
        add(Tok::comma, begin);
        return true;
      case ':':
        if (peek() != '=') return fail(begin, "expected :=", "a variable is declared with :=");
        ++at_;
        add(Tok::declare, begin);
        return true;
      case '(':
        ++depth_;
        add(Tok::open_parenthesis, begin);
        return true;
      case ')':
        if (--depth_ < 0) return fail(begin, "unexpected right paren", "there is no ( to it");
        add(Tok::close_parenthesis, begin);
        return true;
      default:
        break;
    }
    if (c > ' ' && c < '\x7f') {
      add(Tok::other, begin);
      return true;
    }
    const Rune rune = first_rune(text_.substr(begin));
    return fail(begin, fmt::format("unrecognized character in action: U+{:04X}",
                                   static_cast<std::uint32_t>(rune.code)));
  }

  void word() {
    while (!at_end()) {
      const Rune rune = first_rune(text_.substr(at_));
      if (text_[at_] != '_' && !is_letter_or_digit(rune.code)) return;
      at_ += rune.size;
    }
  }

  /// A variable, a field or an identifier; `alone` when nothing follows its $ or dot.
  bool name(Tok kind, Tok alone) {
    const std::size_t begin = at_;
    const bool prefixed = kind != Tok::identifier;
    if (prefixed) ++at_;
    const std::size_t first = at_;
    word();
    if (!at_terminator()) {
      const Rune rune = first_rune(text_.substr(at_));
      return fail(at_,
                  fmt::format("bad character U+{:04X} '{}'", static_cast<std::uint32_t>(rune.code),
                              text_.substr(at_, rune.size)),
                  text_[at_] == '-' && kind == Tok::field
                      ? "a label that is no plain name is read with: index $labels \"the-name\""
                      : "names are letters, digits and underscores; the query computes, a template does not");
    }
    if (prefixed) {
      add(at_ == first ? alone : kind, begin);
      return true;
    }
    const std::string_view text = text_.substr(begin, at_ - begin);
    const auto* const known = std::ranges::find(kKeywords, text, [](const auto& row) { return row.first; });
    add(known == std::end(kKeywords) ? kind : known->second, begin);
    return true;
  }

  /// What may follow a name: $x+2 must not be taken for something once there is arithmetic.
  bool at_terminator() const {
    return at_end() || is_blank(text_[at_]) ||
           std::string_view(".,|:)(").find(text_[at_]) != std::string_view::npos || text_[at_] == '}';
  }

  bool accept(std::string_view any) {
    if (at_end() || any.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  void accept_run(std::string_view any) {
    while (accept(any)) continue;
  }

  bool scan_number() {
    accept("+-");
    std::string_view digits = "0123456789_";
    if (accept("0")) {
      if (accept("xX"))
        digits = "0123456789abcdefABCDEF_";
      else if (accept("oO"))
        digits = "01234567_";
      else if (accept("bB"))
        digits = "01_";
    }
    accept_run(digits);
    if (accept(".")) accept_run(digits);
    const bool hex = digits.size() > 20, decimal = digits.size() == 11;
    if ((decimal && accept("eE")) || (hex && accept("pP"))) {
      accept("+-");
      accept_run("0123456789_");
    }
    accept("i");
    if (at_end()) return true;
    const Rune rune = first_rune(text_.substr(at_));
    if (text_[at_] != '_' && !is_letter_or_digit(rune.code)) return true;
    at_ += rune.size;
    return false;
  }

  bool number() {
    const std::size_t begin = at_;
    bool good = scan_number();
    if (good && (peek() == '+' || peek() == '-')) good = scan_number() && text_[at_ - 1] == 'i';
    if (!good)
      return fail(begin, fmt::format("bad number syntax: {}", quoted(text_.substr(begin, at_ - begin))));
    add(Tok::number, begin);
    return true;
  }

  bool quoted_literal(char delimiter) {
    const std::size_t begin = at_++;
    for (; !at_end() && text_[at_] != delimiter && text_[at_] != '\n'; ++at_)
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
    if (peek() != delimiter) {
      return delimiter == '"'
                 ? fail(begin, "unterminated quoted string", "a string ends with \" on the same line")
                 : fail(begin, "unterminated character constant",
                        "one character stands in '', a string in \"\" or ``");
    }
    ++at_;
    add(delimiter == '"' ? Tok::quoted : Tok::number, begin);
    return true;
  }

  bool raw_literal() {
    const std::size_t begin = at_;
    const std::size_t end = text_.find('`', at_ + 1);
    if (end == std::string_view::npos)
      return fail(begin, "unterminated raw quoted string", "a raw string ends with `");
    at_ = end + 1;
    add(Tok::raw_quoted, begin);
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t action_ = 0;  // where the {{ of the present action stands
  int depth_ = 0;           // of parentheses
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex_template(std::string_view text) { return Lexer(text).run(); }

}  // namespace chiron::rules::tmpl
