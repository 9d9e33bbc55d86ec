#include "exporter/base/parse.h"
#include "rules/engine/template_program.h"

#include <fmt/format.h>

namespace chiron::rules {
namespace {

using Program = Template::Program;
using Operand = Program::Operand;
using Command = Program::Command;
using Pipeline = Program::Pipeline;

constexpr std::string_view kBlanks = " \t\r\n";
bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Deep enough for any template a person writes; keeps the recursion off the end of the stack.
constexpr int kMaxDepth = 32;

/// Recursive descent over text/template's grammar (pkg.go.dev/text/template). Every function returns false
/// after it filled the fault, which ends the parse.
class Parser {
 public:
  Parser(std::string_view text, TemplateFault& fault) : text_(text), fault_(fault) {}

  std::shared_ptr<const Program> parse() {
    program_.text = std::string(text_);
    while (at_ < text_.size()) {
      const std::size_t open = std::min(text_.find("{{", at_), text_.size());
      Program::Piece piece{std::string(text_.substr(at_, open - at_)), {}};
      if (trim_next_) piece.text.erase(0, std::min(piece.text.find_first_not_of(kBlanks), piece.text.size()));
      trim_next_ = false;
      at_ = open;
      if (open < text_.size() && !action(piece)) return nullptr;
      program_.pieces.push_back(std::move(piece));
    }
    std::sort(program_.label_names.begin(), program_.label_names.end());
    program_.label_names.erase(std::unique(program_.label_names.begin(), program_.label_names.end()),
                               program_.label_names.end());
    return std::make_shared<const Program>(std::move(program_));
  }

 private:
  bool fail(std::size_t offset, std::string message) {
    fault_ = {offset, std::move(message)};
    return false;
  }
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  /// At "}}", or " -}}" whose blank was skipped already.
  bool at_close() const { return starts("}}") || (starts("-}}") && is_blank(text_[at_ - 1])); }
  std::string_view word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool action(Program::Piece& piece) {
    program_.literal = false;
    const std::size_t begin = action_ = at_;
    at_ += 2;
    if (at_ + 1 < text_.size() && text_[at_] == '-' && is_blank(text_[at_ + 1])) {
      ++at_;
      piece.text.erase(piece.text.find_last_not_of(kBlanks) + 1);
    }
    const std::size_t inside = at_;
    blanks();
    if (starts("/*")) {
      if (at_ != inside && text_[inside - 1] != '-') return fail(at_, "a comment must start right after {{");
      if (!comment(begin)) return false;
    } else if (at_close()) {
      return fail(begin, "missing value for command");
    } else if (!pipeline(piece.pipeline, 0)) {
      return false;
    }
    blanks();
    if (at_ >= text_.size()) return fail(action_, "unclosed action: }} is missing");
    if (!at_close()) return fail(at_, fmt::format("unexpected \"{}\" in an action", text_[at_]));
    trim_next_ = text_[at_] == '-';
    at_ += trim_next_ ? 3 : 2;
    return true;
  }

  bool comment(std::size_t begin) {
    const std::size_t end = text_.find("*/", at_);
    if (end == std::string_view::npos) return fail(begin, "unclosed comment: */ is missing");
    at_ = end + 2;
    return true;
  }

  /// Commands separated by '|', up to "}}" or ')'.
  bool pipeline(Pipeline& out, int depth) {
    if (depth > kMaxDepth) return fail(at_, "too many parentheses");
    for (;;) {
      blanks();
      if (!command(out, depth)) return false;
      blanks();
      if (at_ >= text_.size() || text_[at_] != '|') return true;
      ++at_;
    }
  }

  bool command(Pipeline& out, int depth) {
    const std::size_t begin = at_;
    Command made;
    if (at_ < text_.size() && is_word(text_[at_]) && !is_digit(text_[at_])) {
      const std::string_view name = word();
      if (name == "true" || name == "false") {
        made.operands.push_back({Operand::Kind::constant, name == "true", {}, {}});
      } else if (!function(name, begin, made)) {
        return false;
      }
      if (!separated()) return false;
    }
    for (blanks(); at_ < text_.size() && text_[at_] != '|' && text_[at_] != ')' && !at_close(); blanks()) {
      const std::size_t where = at_;
      Operand next;
      if (!operand(next, depth) || !separated()) return false;
      if (made.function == nullptr && !made.operands.empty())
        return fail(where, "can't give an argument to what is no function");
      made.operands.push_back(std::move(next));
    }
    if (at_ >= text_.size()) return fail(action_, "unclosed action: }} is missing");
    return check_command(made, begin, out);
  }

  bool function(std::string_view name, std::size_t begin, Command& made) {
    made.function = find_template_function(name);
    if (made.function != nullptr) return true;
    if (is_known_elsewhere(name)) return fail(begin, fmt::format("not supported yet: {}", name));
    return fail(begin, fmt::format("function \"{}\" not defined", name));
  }

  bool check_command(Command& made, std::size_t begin, Pipeline& out) {
    const bool piped = !out.empty();
    if (made.function == nullptr) {
      if (made.operands.empty()) return fail(begin, "missing value for command");
      if (piped) return fail(begin, "a value can't be piped into what is no function");
    } else {
      const std::size_t count = made.operands.size() + (piped ? 1 : 0);
      if (count < made.function->min_arguments || count > made.function->max_arguments)
        return fail(
            begin, fmt::format("wrong number of arguments for {}: want {}{}, got {}", made.function->name,
                               made.function->max_arguments > made.function->min_arguments ? "at least " : "",
                               made.function->min_arguments, count));
      note_index(made);
    }
    out.push_back(std::move(made));
    return true;
  }

  /// index $labels "name" reads that label.
  void note_index(const Command& made) {
    if (made.function->name != "index" || made.operands.size() != 2) return;
    const auto* name = std::get_if<std::string>(&made.operands[1].constant);
    if (made.operands[0].kind == Operand::Kind::labels && made.operands[1].kind == Operand::Kind::constant &&
        name != nullptr)
      program_.label_names.push_back(*name);
  }

  /// After an operand stands a blank, or what ends the command.
  bool separated() {
    if (at_ >= text_.size() || is_blank(text_[at_]) || text_[at_] == '|' || text_[at_] == ')' || starts("}}"))
      return true;
    return fail(at_,
                fmt::format("unexpected \"{}\" after an operand; a blank must separate them", text_[at_]));
  }

  bool operand(Operand& out, int depth) {
    const char c = text_[at_];
    if (c == '$') return variable(out);
    if (c == '.' && !(at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return field(out);
    if (c == '"' || c == '`') return string_literal(out);
    if (is_digit(c) || c == '.' || c == '-' || c == '+') return number(out);
    if (c == '(') return parentheses(out, depth);
    const std::size_t begin = at_;
    const std::string_view name = word();
    if (name == "true" || name == "false") {
      out = {Operand::Kind::constant, name == "true", {}, {}};
      return true;
    }
    if (name.empty()) return fail(begin, fmt::format("unexpected \"{}\" in a command", c));
    Command alone;
    if (!function(name, begin, alone)) return false;
    return fail(begin, fmt::format("{} needs parentheses around it and its arguments here", name));
  }

  bool parentheses(Operand& out, int depth) {
    const std::size_t begin = at_++;
    auto inner = std::make_shared<Pipeline>();
    if (!pipeline(*inner, depth + 1)) return false;
    if (at_ >= text_.size() || text_[at_] != ')') return fail(begin, "unclosed left parenthesis");
    ++at_;
    out = {Operand::Kind::pipeline, {}, {}, std::move(inner)};
    return true;
  }

  bool variable(Operand& out) {
    const std::size_t begin = at_++;
    const std::string_view name = word();
    if (name == "labels") return map_field(Operand::Kind::labels, out);
    if (name == "externalLabels") return map_field(Operand::Kind::external_labels, out);
    if (name == "value") return plain(Operand::Kind::value, begin, out);
    if (name == "target") return plain(Operand::Kind::target, begin, out);
    for (const std::string_view fact : {"remedy", "run", "state", "reason"}) {
      if (name != fact) continue;
      out.label = fact;
      return plain(Operand::Kind::run, begin, out);
    }
    if (name == "externalURL") return fail(begin, "not supported yet: $externalURL");
    const std::size_t end = at_;
    blanks();
    if (starts(":=") || starts("=") || starts(","))
      return fail(begin, "not supported yet: variables of your own");
    return fail(begin, fmt::format("undefined variable \"{}\"", text_.substr(begin, end - begin)));
  }

  bool field(Operand& out) {
    const std::size_t begin = at_++;
    const std::string_view name = word();
    if (name == "Labels") return map_field(Operand::Kind::labels, out);
    if (name == "ExternalLabels") return map_field(Operand::Kind::external_labels, out);
    if (name == "Value") return plain(Operand::Kind::value, begin, out);
    if (name.empty()) return fail(begin, "not supported yet: . alone");
    if (name == "ExternalURL") return fail(begin, "not supported yet: .ExternalURL");
    return fail(begin,
                fmt::format("there is no .{} here; there are .Labels, .ExternalLabels and .Value", name));
  }

  bool plain(Operand::Kind kind, std::size_t begin, Operand& out) {
    if (at_ < text_.size() && text_[at_] == '.')
      return fail(at_, fmt::format("{} has no fields", text_.substr(begin, at_ - begin)));
    out.kind = kind;
    program_.uses_target |= kind == Operand::Kind::target;
    program_.uses_run |= kind == Operand::Kind::run;
    program_.uses_value |= kind == Operand::Kind::value;
    return true;
  }

  bool map_field(Operand::Kind kind, Operand& out) {
    out.kind = kind;
    if (at_ >= text_.size() || text_[at_] != '.') return true;
    ++at_;
    out.label = std::string(word());
    if (out.label.empty() || is_digit(out.label[0])) return fail(at_, "a label name must follow the dot");
    if (at_ < text_.size() && text_[at_] == '.')
      return fail(at_, fmt::format("label {} has no fields", out.label));
    if (kind == Operand::Kind::labels) program_.label_names.push_back(out.label);
    return true;
  }

  bool number(Operand& out) {
    const std::size_t begin = at_;
    std::string_view text = text_.substr(begin);
    text = text.substr(0, std::min(text.find_first_not_of("0123456789.eE+-_xXabcdfABCDF"), text.size()));
    at_ += text.size();
    std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
    if (const std::optional<std::int64_t> whole = parse_int<std::int64_t>(digits)) {
      out.constant = *whole;
      return true;
    }
    const std::optional<double> value = parse_double(digits);
    if (!value || digits.find_first_of("xX_") != std::string_view::npos)
      return fail(begin, fmt::format("bad number syntax: \"{}\"", text));
    out.constant = *value;
    return true;
  }

  bool string_literal(Operand& out) {
    const std::size_t begin = at_;
    const char delimiter = text_[at_++];
    std::string value;
    for (; at_ < text_.size() && text_[at_] != delimiter; ++at_) {
      if (delimiter == '"' && text_[at_] == '\n') break;
      if (delimiter == '`' || text_[at_] != '\\') {
        value += text_[at_];
        continue;
      }
      static constexpr std::string_view kFrom = "abfnrtv\\\"";
      static constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\\"";
      if (++at_ >= text_.size()) break;
      const std::size_t known = kFrom.find(text_[at_]);
      if (known == std::string_view::npos)
        return fail(at_ - 1, fmt::format("not supported yet: the escape \\{}", text_[at_]));
      value += kTo[known];
    }
    if (at_ >= text_.size() || text_[at_] != delimiter) return fail(begin, "unterminated string");
    ++at_;
    out.constant = std::move(value);
    return true;
  }

  const std::string_view text_;
  TemplateFault& fault_;
  std::size_t at_ = 0;
  std::size_t action_ = 0;  // where the {{ of the present action stands
  bool trim_next_ = false;
  Program program_;
};

}  // namespace

std::shared_ptr<const Program> parse_template(std::string_view text, TemplateFault& fault) {
  return Parser(text, fault).parse();
}

}  // namespace chiron::rules
