#include "exporter/base/yaml_reader.h"

#include "exporter/base/parse.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::yaml {
namespace {

std::string_view kind_name(const Node& node) {
  switch (node.kind()) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "a single value";
    case Kind::sequence:
      return "a list";
    case Kind::mapping:
      return "a mapping";
  }
  return "something else";
}

// What a caret may underline of a node: all of a scalar that is written as it is, else its first character.
std::size_t visible_length(const Node& node) {
  if (!node.is_scalar() || node.quoted() || node.text().find('\n') != std::string::npos) return 1;
  return std::max<std::size_t>(node.text().size(), 1);
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::string_view kQuotedHint = "write it without quotes";

}  // namespace

Reader::Reader(Node node, DiagnosticSink& sink, std::vector<std::string> path)
    : node_(std::move(node)), sink_(&sink), path_(std::move(path)) {
  if (node_.is_mapping() || node_.is_null()) return;
  report(node_.where(), visible_length(node_), path_, "wrong-type",
         fmt::format("must be a mapping of keys to values, but is {}", kind_name(node_)), "");
}

Node Reader::take(std::string_view key) {
  if (!contains(known_, key)) known_.emplace_back(key);
  return node_[key];
}

Node Reader::take_scalar(std::string_view key, std::string_view wanted) {
  Node value = take(key);
  if (value.is_scalar() || value.is_null()) return value;
  fail(key, "wrong-type", fmt::format("\"{}\" must be {}, but is {}", key, wanted, kind_name(value)));
  return {};
}

bool Reader::has(std::string_view key) { return !take(key).is_null(); }

bool Reader::require(std::initializer_list<std::string_view> keys) {
  bool all = true;
  for (const std::string_view key : keys) {
    if (has(key)) continue;
    all = false;
    const bool empty = std::any_of(node_.entries().begin(), node_.entries().end(),
                                   [key](const Node::Entry& entry) { return entry.key.text() == key; });
    if (empty) {
      fail(key, "missing-value", fmt::format("\"{}\" has no value", key), "give it one");
    } else {
      report(node_.where(), 1, path_, "missing-key", fmt::format("the key \"{}\" is missing", key), "add it");
    }
  }
  return all;
}

std::optional<std::string> Reader::string(std::string_view key) {
  const Node value = take_scalar(key, "a text");
  if (!value) return std::nullopt;
  return value.text();
}

std::optional<std::string> Reader::one_of(std::string_view key,
                                          std::initializer_list<std::string_view> words) {
  auto text = string(key);
  if (!text || std::find(words.begin(), words.end(), *text) != words.end()) return text;
  const std::string near = closest(*text, words);
  fail(key, "bad-value", fmt::format("\"{}\" cannot be \"{}\"", key, *text),
       near.empty() ? fmt::format("it is one of: {}", fmt::join(words, ", "))
                    : fmt::format("did you mean \"{}\"?", near));
  return std::nullopt;
}

std::optional<Duration> Reader::duration(std::string_view key) {
  const Node value = take_scalar(key, "a duration like 30s, 5m or 1h30m");
  if (!value) return std::nullopt;
  auto parsed = parse_duration(value.text());
  if (parsed) return *parsed;
  fail(key, "bad-duration", parsed.error().message());
  return std::nullopt;
}

std::optional<std::uint64_t> Reader::bytes(std::string_view key) {
  const Node value = take_scalar(key, "a size like 16MB or 1.5GiB");
  if (!value) return std::nullopt;
  auto parsed = parse_bytes(value.text());
  if (parsed) return *parsed;
  fail(key, "bad-size", parsed.error().message());
  return std::nullopt;
}

std::optional<std::int64_t> Reader::integer(std::string_view key, std::int64_t least, std::int64_t most) {
  const Node value = take_scalar(key, "a whole number");
  if (!value) return std::nullopt;
  const auto parsed = parse_int<std::int64_t>(value.text());
  if (!parsed || value.quoted()) {
    fail(key, "bad-number", fmt::format("\"{}\" must be a whole number, not \"{}\"", key, value.text()),
         parsed ? std::string(kQuotedHint) : "");
    return std::nullopt;
  }
  if (*parsed >= least && *parsed <= most) return parsed;
  fail(key, "out-of-range",
       most == std::numeric_limits<std::int64_t>::max()
           ? fmt::format("\"{}\" must be {} or more, not {}", key, least, *parsed)
           : fmt::format("\"{}\" must be from {} to {}, not {}", key, least, most, *parsed));
  return std::nullopt;
}

std::optional<double> Reader::number(std::string_view key) {
  const Node value = take_scalar(key, "a number");
  if (!value) return std::nullopt;
  const auto parsed = parse_double(value.text());
  if (parsed && !value.quoted()) return parsed;
  fail(key, "bad-number", fmt::format("\"{}\" must be a number, not \"{}\"", key, value.text()),
       parsed ? std::string(kQuotedHint) : "");
  return std::nullopt;
}

std::optional<bool> Reader::boolean(std::string_view key) {
  const Node value = take_scalar(key, "true or false");
  if (!value) return std::nullopt;
  const auto parsed = parse_bool(value.text());
  if (parsed && !value.quoted()) return parsed;
  fail(key, "bad-boolean", fmt::format("\"{}\" must be true or false, not \"{}\"", key, value.text()),
       parsed ? std::string(kQuotedHint) : "");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Reader::strings(std::string_view key) {
  const Node value = take(key);
  if (value.is_null()) return std::nullopt;
  if (value.is_scalar()) return std::vector<std::string>{value.text()};
  if (value.is_mapping()) {
    fail(key, "wrong-type", fmt::format("\"{}\" must be a list, but is a mapping", key),
         "begin each entry with \"- \"");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  bool good = true;
  for (const Node& item : value.items()) {
    if (item.is_scalar()) {
      texts.push_back(item.text());
      continue;
    }
    good = false;
    std::vector<std::string> path = path_;
    path.emplace_back(key);
    report(item.where(), 1, std::move(path), "wrong-type",
           fmt::format("each entry of \"{}\" must be a text, but this is {}", key, kind_name(item)), "");
  }
  if (!good) return std::nullopt;
  return texts;
}

std::optional<std::vector<std::pair<std::string, std::string>>> Reader::string_map(std::string_view key) {
  const Node value = take(key);
  if (value.is_null()) return std::nullopt;
  if (!value.is_mapping()) {
    fail(key, "wrong-type",
         fmt::format("\"{}\" must be a mapping of names to texts, but is {}", key, kind_name(value)));
    return std::nullopt;
  }
  std::vector<std::pair<std::string, std::string>> texts;
  bool good = true;
  for (const Node::Entry& entry : value.entries()) {
    if (entry.value.is_scalar() || entry.value.is_null()) {
      texts.emplace_back(entry.key.text(), entry.value.text());
      continue;
    }
    good = false;
    std::vector<std::string> path = path_;
    path.emplace_back(key);
    path.push_back(entry.key.text());
    report(entry.value.where(), 1, std::move(path), "wrong-type",
           fmt::format("\"{}\" must be a text, but is {}", entry.key.text(), kind_name(entry.value)), "");
  }
  if (!good) return std::nullopt;
  return texts;
}

Node Reader::node(std::string_view key) { return take(key); }

std::vector<Node> Reader::list(std::string_view key) {
  const Node value = take(key);
  if (value.is_sequence() || value.is_null()) return value.items();
  fail(key, "wrong-type", fmt::format("\"{}\" must be a list, but is {}", key, kind_name(value)),
       "begin each entry with \"- \"");
  return {};
}

Reader Reader::mapping(std::string_view key) { return child(take(key), std::string(key)); }

Reader Reader::child(Node node, std::string name) const {
  std::vector<std::string> path = path_;
  path.push_back(std::move(name));
  return {std::move(node), *sink_, std::move(path)};
}

void Reader::not_supported(std::initializer_list<std::string_view> keys) {
  not_supported_.insert(not_supported_.end(), keys.begin(), keys.end());
}

void Reader::finish() {
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const Node::Entry& entry : node_.entries()) {
    const std::string& key = entry.key.text();
    if (contains(known_, key)) continue;
    if (contains(not_supported_, key)) {
      report(entry.key.where(), key.size(), path_, "not-supported",
             fmt::format("the key \"{}\" is not supported yet", key), "remove it");
      continue;
    }
    const std::string near = closest(key, known);
    std::string hint = fmt::format("did you mean \"{}\"?", near);
    if (near.empty())
      hint = known.empty() ? "no keys belong here" : fmt::format("known keys: {}", fmt::join(known, ", "));
    report(entry.key.where(), key.size(), path_, "unknown-key", fmt::format("unknown key \"{}\"", key),
           std::move(hint));
  }
}

void Reader::fail(std::string_view key, std::string code, std::string message, std::string hint,
                  std::size_t offset, std::size_t length) {
  const Node value = take(key);
  std::vector<std::string> path = path_;
  path.emplace_back(key);
  const bool within = value.is_scalar() && (offset > 0 || length > 0);
  Position where = within ? value.where(offset) : value.where();
  if (where.line == 0) where = node_.where();
  report(where, within ? std::max<std::size_t>(length, 1) : visible_length(value), std::move(path),
         std::move(code), std::move(message), std::move(hint));
}

void Reader::fail_at(const Node& node, std::string code, std::string message, std::string hint) {
  report(node.where(), visible_length(node), path_, std::move(code), std::move(message), std::move(hint));
}

void Reader::report(Position where, std::size_t length, std::vector<std::string> path, std::string code,
                    std::string message, std::string hint) const {
  Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostic.file = node_.file();
  diagnostic.path = std::move(path);
  diagnostic.where = where;
  diagnostic.length = std::max<std::size_t>(length, 1);
  sink_->add(std::move(diagnostic));
}

}  // namespace chiron::yaml
