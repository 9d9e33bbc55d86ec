#include "exporter/collectors/text_format.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "exporter/collectors/problems.h"

#include <optional>
#include <set>
#include <unordered_map>

#include <spdlog/fmt/fmt.h>

namespace chiron {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

std::optional<MetricType> type_named(std::string_view name) {
  for (const MetricType type : {MetricType::counter, MetricType::gauge, MetricType::untyped,
                                MetricType::histogram, MetricType::summary}) {
    if (to_string(type) == name) return type;
  }
  return std::nullopt;
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view file) : rest_(text), file_(file) {}

  Result<std::vector<TextFamily>> parse() {
    if (!is_valid_utf8(rest_)) return Error(ErrorCode::corrupt, fmt::format("{}: is not UTF-8", file_));
    if (!rest_.empty() && rest_.back() != '\n') {
      return Error(ErrorCode::corrupt, fmt::format("{}: the last line does not end with a newline", file_));
    }
    while (next_line(rest_, line_)) {
      ++line_number_;
      at_ = 0;
      skip_blanks();
      if (at_ == line_.size()) continue;
      const bool good = line_[at_] == '#' ? parse_comment() : parse_sample();
      if (!good) return Error(ErrorCode::corrupt, std::move(message_));
    }
    std::erase_if(families_, [](const TextFamily& family) { return family.samples.empty(); });
    return std::move(families_);
  }

 private:
  struct Facts {
    bool has_help = false, has_type = false;
    std::set<std::pair<std::string, Labels>> seen;
  };

  bool fail(std::string_view what) {
    message_ = fmt::format("{}:{}:{}: {}", file_, line_number_, at_ + 1, what);
    if (at_ < line_.size()) message_ += fmt::format(", found '{}'", printable(line_.substr(at_)));
    return false;
  }

  void skip_blanks() {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
  }
  std::string_view take_word() {
    const std::size_t begin = at_;
    while (at_ < line_.size() && !is_blank(line_[at_])) ++at_;
    return line_.substr(begin, at_ - begin);
  }
  std::string_view take_name() {
    const std::size_t begin = at_;
    while (at_ < line_.size() && is_name_char(line_[at_])) ++at_;
    return line_.substr(begin, at_ - begin);
  }

  std::size_t family_index(std::string_view name) {
    const auto [place, added] = by_name_.emplace(std::string(name), families_.size());
    if (added) {
      families_.push_back(
          {.name = std::string(name), .help = {}, .type = MetricType::untyped, .samples = {}});
      facts_.emplace_back();
    }
    return place->second;
  }

  bool parse_comment() {
    ++at_;
    skip_blanks();
    const std::string_view keyword = take_word();
    if (keyword != "HELP" && keyword != "TYPE") return true;
    skip_blanks();
    const std::size_t name_at = at_;
    const std::string_view name = take_word();
    if (!is_valid_metric_name(name)) {
      at_ = name_at;
      return fail("expected the name of a metric");
    }
    skip_blanks();
    const std::size_t family = family_index(name);
    return keyword == "HELP" ? parse_help(family) : parse_type(family);
  }

  bool parse_help(std::size_t family) {
    if (facts_[family].has_help) return fail("a second HELP line for " + families_[family].name);
    facts_[family].has_help = true;
    std::string& help = families_[family].help;
    for (; at_ < line_.size(); ++at_) {
      if (line_[at_] != '\\') {
        help += line_[at_];
        continue;
      }
      const char next = at_ + 1 < line_.size() ? line_[at_ + 1] : '\0';
      if (next != '\\' && next != 'n') return fail(R"(expected \\ or \n after a backslash)");
      help += next == 'n' ? '\n' : '\\';
      ++at_;
    }
    return true;
  }

  bool parse_type(std::size_t family) {
    if (facts_[family].has_type) return fail("a second TYPE line for " + families_[family].name);
    if (!families_[family].samples.empty()) return fail("TYPE must come before the samples");
    const std::size_t type_at = at_;
    const std::optional<MetricType> type = type_named(take_word());
    skip_blanks();
    if (!type || at_ != line_.size()) {
      at_ = type_at;
      return fail("expected counter, gauge, histogram, summary or untyped");
    }
    facts_[family].has_type = true;
    families_[family].type = *type;
    return true;
  }

  bool parse_sample() {
    const std::size_t name_at = at_;
    const std::string_view name = take_name();
    if (!is_valid_metric_name(name)) {
      at_ = name_at;
      return fail("expected the name of a metric");
    }
    TextSample sample;
    const std::size_t family = family_of(name, sample.suffix);
    skip_blanks();
    std::vector<Label> labels;
    if (at_ < line_.size() && line_[at_] == '{' && !parse_labels(labels)) return false;
    sample.labels = Labels(std::move(labels));
    skip_blanks();
    const std::size_t value_at = at_;
    const std::optional<double> value = parse_double(take_word());
    if (!value) {
      at_ = value_at;
      return fail("expected a number");
    }
    sample.value = *value;
    skip_blanks();
    if (at_ != line_.size()) return fail("expected the end of the line; timestamps are not taken");
    at_ = name_at;
    return add(family, std::move(sample));
  }

  /// x_sum belongs to x where x is a histogram or summary, else it is a metric of its own.
  std::size_t family_of(std::string_view name, std::string& suffix) {
    for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
      if (!name.ends_with(part)) continue;
      const auto base = by_name_.find(std::string(name.substr(0, name.size() - part.size())));
      if (base == by_name_.end()) continue;
      const MetricType type = families_[base->second].type;
      if (type == MetricType::histogram || (type == MetricType::summary && part != "_bucket")) {
        suffix = part;
        return base->second;
      }
    }
    return family_index(name);
  }

  bool add(std::size_t family, TextSample sample) {
    TextFamily& to = families_[family];
    const bool plain = sample.suffix.empty();
    if (to.type == MetricType::histogram && plain)
      return fail("a histogram has only _bucket, _sum and _count");
    if (sample.suffix == "_bucket" && !parse_double(sample.labels.get("le"))) {
      return fail("expected a number in the label le of a bucket");
    }
    if (to.type == MetricType::summary && plain && !parse_double(sample.labels.get("quantile"))) {
      return fail("expected a number in the label quantile of a summary");
    }
    if (!facts_[family].seen.emplace(sample.suffix, sample.labels).second)
      return fail("the same series twice");
    to.samples.push_back(std::move(sample));
    return true;
  }

  bool parse_labels(std::vector<Label>& labels) {
    ++at_;
    for (;;) {
      skip_blanks();
      if (at_ < line_.size() && line_[at_] == '}') {
        ++at_;
        return true;
      }
      Label label;
      if (!parse_label(label)) return false;
      for (const Label& other : labels) {
        if (other.name == label.name) return fail("the label " + label.name + " twice");
      }
      labels.push_back(std::move(label));
      skip_blanks();
      if (at_ < line_.size() && line_[at_] == ',') {
        ++at_;
      } else if (at_ == line_.size() || line_[at_] != '}') {
        return fail("expected a comma or a closing brace");
      }
    }
  }

  bool parse_label(Label& label) {
    const std::size_t name_at = at_;
    label.name = take_name();
    if (!is_valid_label_name(label.name) || label.name == kMetricName) {
      at_ = name_at;
      return fail("expected the name of a label");
    }
    skip_blanks();
    if (at_ == line_.size() || line_[at_] != '=') return fail("expected '=' after the name of a label");
    ++at_;
    skip_blanks();
    if (at_ == line_.size() || line_[at_] != '"')
      return fail("expected the value of a label in double quotes");
    ++at_;
    return parse_quoted(label.value);
  }

  bool parse_quoted(std::string& value) {
    for (; at_ < line_.size() && line_[at_] != '"'; ++at_) {
      if (line_[at_] != '\\') {
        value += line_[at_];
        continue;
      }
      const char next = at_ + 1 < line_.size() ? line_[at_ + 1] : '\0';
      if (next != '\\' && next != 'n' && next != '"')
        return fail(R"(expected \\, \" or \n after a backslash)");
      value += next == 'n' ? '\n' : next;
      ++at_;
    }
    if (at_ == line_.size()) return fail("the value of a label has no closing quote");
    ++at_;
    return true;
  }

  std::string_view rest_;
  const std::string_view file_;
  std::string_view line_;
  std::size_t line_number_ = 0;
  std::size_t at_ = 0;  // in line_
  std::string message_;
  std::vector<TextFamily> families_;
  std::vector<Facts> facts_;  // of each family
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace

Result<std::vector<TextFamily>> parse_text_format(std::string_view text, std::string_view file) {
  return Parser(text, file).parse();
}

}  // namespace chiron
