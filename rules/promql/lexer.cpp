#include "rules/promql/lexer.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/lexer_text.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

struct Word {
  std::string_view text;
  Tok kind;
  Op op;
  AggregateOp aggregate;
  Keyword keyword;
};
constexpr Word operator_word(std::string_view text, Op op) { return {text, Tok::op, op, {}, {}}; }
constexpr Word aggregate_word(std::string_view text, AggregateOp op) {
  return {text, Tok::aggregator, {}, op, {}};
}
constexpr Word keyword_word(std::string_view text, Keyword word) {
  return {text, Tok::keyword, {}, {}, word};
}

constexpr std::array kWords = {
    operator_word("and", Op::land),
    operator_word("or", Op::lor),
    operator_word("unless", Op::unless),
    operator_word("atan2", Op::atan2),
    aggregate_word("sum", AggregateOp::sum),
    aggregate_word("avg", AggregateOp::avg),
    aggregate_word("count", AggregateOp::count),
    aggregate_word("min", AggregateOp::min),
    aggregate_word("max", AggregateOp::max),
    aggregate_word("group", AggregateOp::group),
    aggregate_word("stddev", AggregateOp::stddev),
    aggregate_word("stdvar", AggregateOp::stdvar),
    aggregate_word("topk", AggregateOp::topk),
    aggregate_word("bottomk", AggregateOp::bottomk),
    aggregate_word("limitk", AggregateOp::limitk),
    aggregate_word("limit_ratio", AggregateOp::limit_ratio),
    aggregate_word("count_values", AggregateOp::count_values),
    aggregate_word("quantile", AggregateOp::quantile),
    keyword_word("by", Keyword::by),
    keyword_word("without", Keyword::without),
    keyword_word("on", Keyword::on),
    keyword_word("ignoring", Keyword::ignoring),
    keyword_word("group_left", Keyword::group_left),
    keyword_word("group_right", Keyword::group_right),
    keyword_word("bool", Keyword::bool_),
    keyword_word("offset", Keyword::offset),
    keyword_word("anchored", Keyword::anchored),
    keyword_word("smoothed", Keyword::smoothed),
    keyword_word("fill", Keyword::fill),
    keyword_word("fill_left", Keyword::fill_left),
    keyword_word("fill_right", Keyword::fill_right),
};

struct Symbol {
  std::string_view text;
  Tok kind;
  Op op;
};
// The longer of two that start alike comes first.
constexpr std::array kSymbols = {
    Symbol{"==", Tok::op, Op::eq},         Symbol{"!=", Tok::op, Op::ne},
    Symbol{">=", Tok::op, Op::ge},         Symbol{"<=", Tok::op, Op::le},
    Symbol{"</", Tok::op, Op::trim_upper}, Symbol{">/", Tok::op, Op::trim_lower},
    Symbol{">", Tok::op, Op::gt},          Symbol{"<", Tok::op, Op::lt},
    Symbol{"+", Tok::op, Op::add},         Symbol{"-", Tok::op, Op::sub},
    Symbol{"*", Tok::op, Op::mul},         Symbol{"/", Tok::op, Op::div},
    Symbol{"%", Tok::op, Op::mod},         Symbol{"^", Tok::op, Op::pow},
    Symbol{",", Tok::comma, {}},           Symbol{"@", Tok::at, {}},
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (!done_) {
      skip_blanks();
      if (pos_ >= text_.size()) {
        at_end();
      } else if (in_braces_) {
        in_braces();
      } else {
        statement();
      }
    }
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }

  Token& emit(Tok kind, std::size_t size) {
    Token token;
    token.kind = kind;
    token.range = {pos_, pos_ + size};
    token.text = text_.substr(pos_, size);
    pos_ += size;
    return tokens_.emplace_back(std::move(token));
  }

  void fail(std::size_t begin, std::size_t end, std::string message) {
    pos_ = begin;
    emit(Tok::error, std::max(end, begin) - begin).value = std::move(message);
    done_ = true;
  }
  void fail_here(std::string_view what) {
    fail(pos_, pos_ + char_size(text_, pos_), fmt::format("{}{}", what, quote_char(text_, pos_)));
  }
  // At this character, of the one after it.
  void fail_behind(std::string_view what) {
    const std::size_t next = pos_ + 1;
    fail(pos_, next + char_size(text_, next), fmt::format("{}{}", what, quote_char(text_, next)));
  }

  void skip_blanks() {
    while (pos_ < text_.size()) {
      if (is_blank(text_[pos_])) {
        ++pos_;
      } else if (text_[pos_] == '#') {
        pos_ = std::min(text_.find('\n', pos_), text_.size());
      } else {
        return;
      }
    }
  }

  void at_end() {
    if (in_braces_) return fail(pos_, pos_, "unexpected end of input inside braces");
    if (in_brackets_ && tokens_.back().kind == Tok::left_bracket) {
      return fail(pos_, pos_, "unexpected end of input in duration expression");
    }
    if (open_parens_ > 0) return fail(pos_, pos_, "unclosed left parenthesis");
    if (in_brackets_) return fail(pos_, pos_, "unclosed left bracket");
    emit(Tok::end, 0);
    done_ = true;
  }

  void in_braces() {
    const char c = peek();
    if (is_alpha(c)) return identifier(false);
    if (c == '"' || c == '\'' || c == '`') return string();
    if (c == ',') return void(emit(Tok::comma, 1));
    if (c == '=') return void(peek(1) == '~' ? emit(Tok::equal_regex, 2) : emit(Tok::equal, 1));
    if (c == '!' && peek(1) == '~') return void(emit(Tok::not_equal_regex, 2));
    if (c == '!' && peek(1) == '=') return void(emit(Tok::op, 2).op = Op::ne);
    if (c == '!') {
      return pos_ + 1 < text_.size() ? fail_behind("unexpected character after '!' inside braces: ")
                                     : fail(pos_ + 1, pos_ + 1, "unexpected end of input inside braces");
    }
    if (c == '}') {
      in_braces_ = false;
      emit(Tok::right_brace, 1);
      return;
    }
    if (c == '{') return fail(pos_, pos_ + 1, "unexpected left brace '{'");
    fail_here("unexpected character inside braces: ");
  }

  void statement() {
    const char c = peek();
    if (in_brackets_ && !number_in_brackets_ && !may_begin_duration(c)) return;
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (in_brackets_ && is_alpha(c)) return duration_word();
    if (is_alpha(c) || (c == ':' && !in_brackets_)) return identifier(true);
    if (c == '"' || c == '\'' || c == '`') return string();
    for (const Symbol& symbol : kSymbols) {
      if (text_.substr(pos_).starts_with(symbol.text)) {
        emit(symbol.kind, symbol.text.size()).op = symbol.op;
        return;
      }
    }
    if (c == '=' || c == '!') return equal_or_bang(c);
    bracket_or_other(c);
  }

  // "= =" and "=" are told apart from "=~" for the message only: outside braces all of them are wrong.
  void equal_or_bang(char c) {
    if (c == '=' && peek(1) != '~') return void(emit(Tok::equal, 1));
    if (pos_ + 1 >= text_.size())
      return fail(pos_, pos_ + 1, fmt::format("unexpected end of input after '{}'", c));
    fail_behind(fmt::format("unexpected character after '{}': ", c));
  }

  void bracket_or_other(char c) {
    switch (c) {
      case '(':
        ++open_parens_;
        return void(emit(Tok::left_paren, 1));
      case ')':
        // Prometheus says the column behind it.
        if (open_parens_ == 0) return fail(pos_ + 1, pos_ + 1, "unexpected right parenthesis ')'");
        --open_parens_;
        return void(emit(Tok::right_paren, 1));
      case '{':
        in_braces_ = true;
        return void(emit(Tok::left_brace, 1));
      case '}':
        return fail(pos_, pos_ + 1, "unexpected right brace '}'");
      case '[':
        if (in_brackets_) return fail(pos_, pos_ + 1, "unexpected left bracket '['");
        in_brackets_ = true;
        number_in_brackets_ = false;
        seen_colon_ = false;
        return void(emit(Tok::left_bracket, 1));
      case ']':
        if (!in_brackets_) return fail(pos_, pos_ + 1, "unexpected right bracket ']'");
        in_brackets_ = false;
        return void(emit(Tok::right_bracket, 1));
      case ':':
        if (seen_colon_) return fail(pos_, pos_ + 1, "unexpected colon ':'");
        seen_colon_ = true;
        return void(emit(Tok::colon, 1));
      default:
        fail_here("unexpected character: ");
    }
  }

  // Only the functions of duration expressions are words in brackets.
  void duration_word() {
    std::size_t size = 0;
    while (is_alpha(peek(size))) ++size;
    const std::string word = to_lower(text_.substr(pos_, size));
    if (word == "step" || word == "range" || word == "min_of" || word == "max_of") {
      emit(Tok::identifier, size);
    } else if (number_in_brackets_) {
      fail(pos_, pos_ + 1, fmt::format("unexpected character: '{}', expected ':'", peek()));
    } else {
      fail_here("unexpected character in duration expression: ");
    }
  }

  // Up to the first number brackets hold nothing but a duration expression.
  bool may_begin_duration(char c) {
    if (c == ':' && tokens_.back().kind == Tok::left_bracket) {
      fail(pos_, pos_ + 1, "unexpected colon before duration in duration expression");
    } else if (!is_alnum(c) && std::string_view("()+-*/%^,:].").find(c) == std::string_view::npos) {
      fail_here("unexpected character in duration expression: ");
    }
    return !done_;
  }

  void identifier(bool colons) {
    std::size_t size = 0;
    bool has_colon = false;
    while (is_alnum(peek(size)) || (colons && !in_brackets_ && peek(size) == ':')) {
      has_colon = has_colon || peek(size) == ':';
      ++size;
    }
    Token& token = emit(has_colon ? Tok::metric_identifier : Tok::identifier, size);
    if (has_colon) return;
    const std::string lower = to_lower(token.text);
    if (!in_braces_ && (lower == "inf" || lower == "nan")) {
      token.kind = Tok::number;
      return;
    }
    const auto word =
        std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return w.text == lower; });
    if (word == kWords.end() || (lower.starts_with("fill") && !before_parenthesis())) return;
    token.kind = word->kind;
    token.op = word->op;
    token.aggregate = word->aggregate;
    token.keyword = word->keyword;
  }

  // So that metrics may be named fill.
  bool before_parenthesis() const {
    const std::size_t next = text_.find_first_not_of(" \t\n\r", pos_);
    return next != std::string_view::npos && text_[next] == '(';
  }

  void number() {
    number_in_brackets_ = true;
    const NumberScan scan = scan_number(text_.substr(pos_));
    if (scan.kind == NumberScan::Kind::bad) {
      const std::string_view bad = text_.substr(pos_, scan.size);
      return fail(pos_, pos_ + scan.size, fmt::format("bad number or duration syntax: \"{}\"", bad));
    }
    emit(scan.kind == NumberScan::Kind::number ? Tok::number : Tok::duration, scan.size);
  }

  void string() {
    StringScan scan = scan_string(text_.substr(pos_));
    if (!scan.error.empty()) {
      return fail(pos_, pos_ + scan.size, std::move(scan.error));
    }
    emit(Tok::string, scan.size).value = std::move(scan.value);
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  std::vector<Token> tokens_;
  std::size_t open_parens_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool number_in_brackets_ = false;
  bool seen_colon_ = false;
  bool done_ = false;
};

// In quotes, as Prometheus shows values: after ten characters only that there are more bytes.
std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 10;
  if (text.size() <= kMost) return quoted(text);
  std::size_t size = 0;
  for (std::size_t i = 0; i < kMost; ++i) size += char_size(text, size);
  return quoted(text.substr(0, size)) + "...";
}

}  // namespace

std::vector<Token> lex(std::string_view text) { return Lexer(text).run(); }

std::string describe(const Token& token) {
  switch (token.kind) {
    case Tok::end:
      return "end of input";
    case Tok::error:
      return token.value;
    case Tok::identifier:
      return fmt::format("identifier \"{}\"", token.text);
    case Tok::metric_identifier:
      return fmt::format("metric identifier \"{}\"", token.text);
    case Tok::number:
      return "number " + shortened(token.text);
    case Tok::duration:
      return "duration " + shortened(token.text);
    case Tok::string:
      return "string " + shortened(token.text);
    case Tok::op:
      return fmt::format("<op:{}>", token.text);
    case Tok::aggregator:
      return fmt::format("<aggr:{}>", token.text);
    case Tok::keyword:
      return fmt::format("<{}>", token.text);
    case Tok::equal_regex:
    case Tok::not_equal_regex:
      return fmt::format("<op:{}>", token.text);
    default:
      return fmt::format("\"{}\"", token.text);
  }
}

}  // namespace chiron::promql
