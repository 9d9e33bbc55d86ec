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

/// RFC 3986's unreserved characters, and the colon before a port: none of them ends a host or a path.
bool is_plain_in_url(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~:").find(c) != std::string_view::npos;
}

/// Whether labels fill in something, and nothing but plain characters.
template <class IsPlain>
std::optional<std::string> not_plain(const rules::Template& text, const rules::TemplateData& data,
                                     bool target_too, const IsPlain& is_plain, std::string_view if_empty,
                                     std::string_view otherwise) {
  for (const std::string& name : text.label_names()) {
    if (data.labels == nullptr || data.labels->get(name).empty())
      return fmt::format("the label {} is empty: {}", name, if_empty);
  }
  Scrubbed scrubbed(data, is_plain);
  if (!target_too) scrubbed.data().target = data.target;
  const Result<std::string> expanded = text.expand(data), plain = text.expand(scrubbed.data());
  if (expanded && plain && *expanded == *plain) return std::nullopt;
  return std::string(otherwise);
}

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
  return not_plain(pattern, data, target_too, is_plain_in_pattern,
                   "the pattern would match more than it was written for",
                   "a label would fill in a wildcard");
}

std::optional<std::string> alters_url(const rules::Template& url, const rules::TemplateData& data,
                                      bool target_too) {
  return not_plain(url, data, target_too, is_plain_in_url, "the URL would be another than was written",
                   "a label would fill in more than a name, a number or HOST:PORT");
}

}  // namespace chiron::remediation
