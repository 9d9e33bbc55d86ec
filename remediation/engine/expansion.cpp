#include "remediation/engine/expansion.h"

#include "rules/promql/lexer.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using promql::Tok;

/// Texts with every character replaced that `is_plain` does not know, and template data that shows them.
class Scrubbed {
 public:
  template <class IsPlain>
  Scrubbed(const rules::TemplateData& data, const IsPlain& is_plain) : target_(data.target), data_(data) {
    const auto scrub = [&is_plain](std::string& text) {
      std::ranges::replace_if(
          text, [&is_plain](char c) { return !is_plain(c); }, '_');
    };
    if (data.labels != nullptr) {
      for (const Label& label : *data.labels) {
        std::string value = label.value;
        scrub(value);
        labels_.set(label.name, std::move(value));
      }
      data_.labels = &labels_;
    }
    scrub(target_);
    data_.target = target_;
  }
  Scrubbed(const Scrubbed&) = delete;
  Scrubbed& operator=(const Scrubbed&) = delete;

  rules::TemplateData& data() { return data_; }

 private:
  Labels labels_;
  std::string target_;
  rules::TemplateData data_;
};

/// Characters that mean themselves wherever in an expression they stand.
bool is_plain_in_expression(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_:./-@").find(c) != std::string_view::npos;
}

bool is_plain_in_pattern(char c) { return std::string_view("*?[]\\").find(c) == std::string_view::npos; }

bool means_the_same(std::string_view text, std::string_view plain) {
  const std::vector<promql::Token> a = promql::lex(text), b = promql::lex(plain);
  const auto same_kind = [](const promql::Token& x, const promql::Token& y) {
    return x.kind == y.kind && x.op == y.op && x.aggregate == y.aggregate && x.keyword == y.keyword;
  };
  if (!std::ranges::equal(a, b, same_kind)) return false;
  for (std::size_t i = 1; i < a.size(); ++i) {
    const bool is_regex = a[i - 1].kind == Tok::equal_regex || a[i - 1].kind == Tok::not_equal_regex;
    if (is_regex && a[i].value != b[i].value) return false;
  }
  return true;
}

}  // namespace

Result<std::string> expand_expression(const rules::Template& expression, const rules::TemplateData& data) {
  Result<std::string> text = expression.expand(data);
  if (!text) return text;
  Scrubbed scrubbed(data, is_plain_in_expression);
  const Result<std::string> plain = expression.expand(scrubbed.data());
  if (plain && (*plain == *text || means_the_same(*text, *plain))) return text;
  return Error(
      ErrorCode::invalid_argument,
      fmt::format("a label would change what the expression means: {}; printf \"%q\" writes one as a string",
                  *text));
}

std::optional<std::string> widens_pattern(const rules::Template& pattern, const rules::TemplateData& data,
                                          bool target_too) {
  for (const std::string& name : pattern.label_names()) {
    if (data.labels == nullptr || data.labels->get(name).empty())
      return fmt::format("the label {} is empty: the pattern would match more than it was written for", name);
  }
  Scrubbed scrubbed(data, is_plain_in_pattern);
  if (!target_too) scrubbed.data().target = data.target;
  const Result<std::string> text = pattern.expand(data), plain = pattern.expand(scrubbed.data());
  if (text && plain && *text == *plain) return std::nullopt;
  return "a label would fill in a wildcard";
}

}  // namespace chiron::remediation
