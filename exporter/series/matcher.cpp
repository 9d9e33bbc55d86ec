#include "exporter/base/parse.h"
#include "exporter/base/regex_error.h"
#include "exporter/base/utf8.h"
#include "exporter/series/labels.h"

#include <re2/re2.h>

namespace chiron {
namespace {

std::unique_ptr<re2::RE2> compile(std::string_view expression, bool dot_matches_newline) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_dot_nl(dot_matches_newline);
  return std::make_unique<re2::RE2>(re2::StringPiece(expression.data(), expression.size()), options);
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

Error bad_regex(std::string_view expression, const std::string& reason) {
  return {ErrorCode::invalid_argument,
          "invalid regular expression \"" + shortened(expression) + "\": " + reason};
}

/// The text of a double-quoted matcher value; nothing when the quotes do not close at the end.
std::optional<std::string> unquote(std::string_view text) {
  if (text.size() < 2 || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    // As Alertmanager: \n, \" and \\ are escapes; another backslash stays, so that regular expressions read
    // well.
    if (text[i] == 'n') {
      out += '\n';
    } else {
      if (text[i] != '"' && text[i] != '\\') out += '\\';
      out += text[i];
    }
  }
  return out;
}

}  // namespace

struct Matcher::Regex {
  std::unique_ptr<re2::RE2> re;
};

Matcher::Matcher(MatchOp op, std::string name, std::string value)
    : op_(op), name_(std::move(name)), value_(std::move(value)) {}

Result<Matcher> Matcher::make(MatchOp op, std::string name, std::string value) {
  Matcher matcher(op, std::move(name), std::move(value));
  if (op == MatchOp::regex || op == MatchOp::not_regex) {
    auto re = compile(matcher.value_, true);
    if (!re->ok()) return Error(ErrorCode::invalid_argument, regex_error(*re));
    matcher.regex_ = std::make_shared<const Regex>(Regex{std::move(re)});
  }
  return matcher;
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::equal:
      return value == value_;
    case MatchOp::not_equal:
      return value != value_;
    case MatchOp::regex:
      return re2::RE2::FullMatch(piece(value), *regex_->re);
    case MatchOp::not_regex:
      return !re2::RE2::FullMatch(piece(value), *regex_->re);
  }
  return false;
}

std::string_view symbol(MatchOp op) {
  switch (op) {
    case MatchOp::equal:
      return "=";
    case MatchOp::not_equal:
      return "!=";
    case MatchOp::regex:
      return "=~";
    case MatchOp::not_regex:
      return "!~";
  }
  return "=";
}

std::string Matcher::to_string() const {
  std::string text = is_valid_label_name(name_) ? name_ : quoted(name_);
  return text.append(symbol(op_)).append(quoted(value_));
}

Result<Matcher> parse_matcher(std::string_view text) {
  const std::string_view whole = text = trim(text);
  const auto fail = [whole](std::string_view why) {
    return Error(ErrorCode::invalid_argument, "invalid matcher '" + std::string(whole) + "': " +
                                                  std::string(why) + "; write it as severity=\"critical\"");
  };
  const std::size_t at = text.find_first_of("=!");
  if (at == std::string_view::npos) return fail("it has no =, !=, =~ or !~");
  const std::string_view name = trim(text.substr(0, at));
  if (!is_valid_label_name(name)) return fail("'" + std::string(name) + "' is not a label name");
  text.remove_prefix(at);

  MatchOp op = MatchOp::equal;
  std::size_t length = 2;
  if (text.substr(0, 2) == "=~") {
    op = MatchOp::regex;
  } else if (text.substr(0, 2) == "!~") {
    op = MatchOp::not_regex;
  } else if (text.substr(0, 2) == "!=") {
    op = MatchOp::not_equal;
  } else if (text.front() == '=') {
    length = 1;
  } else {
    return fail("'!' must be followed by = or ~");
  }
  text = trim(text.substr(length));
  // As Alertmanager has it; catches == too.
  if (!text.starts_with('"') && text.find('"') != std::string_view::npos) {
    return fail("a value that is not quoted holds a quote");
  }
  if (text.empty() || text.front() != '"') return Matcher::make(op, std::string(name), std::string(text));
  auto value = unquote(text);
  if (!value) return fail("the quotes do not close at the end");
  return Matcher::make(op, std::string(name), *std::move(value));
}

struct Pattern::Regex {
  std::unique_ptr<re2::RE2> re;
};

Result<Pattern> Pattern::make(std::string_view expression) {
  auto re = compile(expression, false);
  if (!re->ok()) return bad_regex(expression, shortened(re->error()));
  Pattern pattern;
  pattern.expression_ = expression;
  pattern.regex_ = std::make_shared<const Regex>(Regex{std::move(re)});
  return pattern;
}

bool Pattern::search(std::string_view text) const { return re2::RE2::PartialMatch(piece(text), *regex_->re); }

}  // namespace chiron
