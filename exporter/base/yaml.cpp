#include "exporter/base/yaml.h"

#include "exporter/base/utf8.h"
#include "exporter/base/yaml_position.h"
#include "exporter/base/yaml_syntax.h"

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace chiron::yaml {

struct Node::Data {
  Kind kind = Kind::null;
  bool quoted = false;
  std::string text;
  std::vector<Node> items;
  std::vector<Entry> entries;
  std::shared_ptr<const SourceText> source;
  std::size_t begin = 0;
  std::size_t nodes = 1;   // with all that is below, each alias counted again
  std::size_t height = 1;  // levels, itself included
};

namespace {

constexpr std::size_t kMaxLevels = 64;
constexpr std::size_t kMaxNodes = 100'000;

// Ends a parse whose diagnostic is already in the sink; never leaves parse().
struct Stop {};

Diagnostic diagnostic_at(const SourceText& source, std::size_t offset, std::string code, std::string message,
                         std::string hint) {
  Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostic.file = source.file();
  diagnostic.where = source.position(offset);
  return diagnostic;
}

// yaml-cpp decodes the escapes \N and \_ to the bytes 0x85 and 0xA0 alone; all else it yields is UTF-8.
std::string with_valid_escapes(const std::string& value) {
  if (is_valid_utf8(value)) return value;
  std::string valid;
  for (std::string_view rest = value; !rest.empty();) {
    const std::size_t length = utf8_sequence(rest);
    if (length == 0) valid += '\xC2';
    valid += rest.substr(0, std::max<std::size_t>(length, 1));
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return valid;
}

bool starts_with_null_word(std::string_view text) {
  for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
    if (text.starts_with(word)) return true;
  }
  return false;
}

}  // namespace

/// Makes the tree out of yaml-cpp's events.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::shared_ptr<const SourceText> source, DiagnosticSink& sink)
      : source_(std::move(source)), sink_(sink) {}

  Node root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (!started_) {
      started_ = true;
      return;
    }
    const std::size_t at = offset_of(mark);
    if (source_->text().substr(at).starts_with("---")) {
      stop(at, "yaml-second-document", "a second document begins here",
           "a file holds one document: split it, or remove this line");
    }
    stop(at, "yaml-syntax", "the text before this is complete; this does not belong to it",
         "check the indentation: the keys of one mapping stand in the same column");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto data = make(Kind::null, mark);
    // The mark of a value that is not there is that of whatever comes next; its key is a better place.
    const bool absent = !starts_with_null_word(source_->text().substr(data->begin));
    if (absent && !open_.empty() && open_.back().has_key) data->begin = open_.back().key.data_->begin;
    finish(std::move(data), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      stop(offset_of(mark), "yaml-alias", "this alias stands inside the node it names",
           "a node cannot contain itself");
    }
    if (open_.size() + found->second.data_->height > kMaxLevels) stop_too_deep(offset_of(mark));
    add(found->second, offset_of(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto data = make(Kind::scalar, mark);
    check_tag(tag, data->begin);
    data->text = with_valid_escapes(value);
    data->quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    // yaml-cpp takes a quote that is open when the file ends with a newline.
    const std::size_t unclosed = unclosed_quote(*source_, data->begin);
    if (unclosed != std::string_view::npos) {
      stop(unclosed, "yaml-syntax", "this quote is not closed", "add the missing closing quote");
    }
    finish(std::move(data), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin_collection(Kind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end_collection(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin_collection(Kind::mapping, mark, tag, anchor);
  }
  void OnMapEnd() override { end_collection(); }

 private:
  struct Open {
    std::shared_ptr<Node::Data> data;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    Node key;
    std::unordered_map<std::string, Position> seen;
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    return mark.pos < 0 ? 0 : std::min(static_cast<std::size_t>(mark.pos), source_->text().size());
  }

  [[noreturn]] void stop(std::size_t at, std::string code, std::string message, std::string hint) {
    sink_.add(diagnostic_at(*source_, at, std::move(code), std::move(message), std::move(hint)));
    throw Stop{};
  }
  [[noreturn]] void stop_too_deep(std::size_t at) {
    stop(at, "yaml-too-deep", fmt::format("more than {} levels of nesting", kMaxLevels),
         "flatten the structure");
  }
  [[noreturn]] void stop_too_large(std::size_t at) {
    stop(at, "yaml-too-large", fmt::format("more than {} values, aliases counted", kMaxNodes),
         "split the file");
  }

  std::shared_ptr<Node::Data> make(Kind kind, const YAML::Mark& mark) {
    if (++made_ > kMaxNodes) stop_too_large(offset_of(mark));
    auto data = std::make_shared<Node::Data>();
    data->kind = kind;
    data->source = source_;
    data->begin = offset_of(mark);
    return data;
  }

  // "?" and "!" are yaml-cpp's own, for a node without a tag; the rest of YAML's core schema changes nothing
  // here.
  void check_tag(const std::string& tag, std::size_t at) {
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:")) return;
    stop(at, "yaml-tag", fmt::format("the tag \"{}\" means nothing here", tag),
         "text that begins with '!' must be in quotes");
  }

  void begin_collection(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    auto data = make(kind, mark);
    check_tag(tag, data->begin);
    if (open_.size() >= kMaxLevels) stop_too_deep(data->begin);
    Open open;
    open.data = std::move(data);
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void end_collection() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    finish(std::move(closed.data), closed.anchor);
  }

  void finish(std::shared_ptr<Node::Data> data, YAML::anchor_t anchor) {
    const std::size_t at = data->begin;
    const Node node(std::move(data));
    if (anchor != 0) anchors_[anchor] = node;
    add(node, at);
  }

  void add(const Node& node, std::size_t at) {
    if (open_.empty()) {
      root_ = node;
      return;
    }
    Open& parent = open_.back();
    if (parent.data->kind == Kind::mapping && !parent.has_key) {
      check_key(parent, node, at);
      parent.key = node;
      parent.has_key = true;
      ++parent.data->nodes;
      return;
    }
    parent.data->height = std::max(parent.data->height, node.data_->height + 1);
    parent.data->nodes += node.data_->nodes;
    if (parent.data->nodes > kMaxNodes) stop_too_large(at);
    if (parent.data->kind == Kind::sequence) {
      parent.data->items.push_back(node);
      return;
    }
    parent.data->entries.push_back({parent.key, node});
    parent.has_key = false;
  }

  void check_key(Open& mapping, const Node& key, std::size_t at) {
    if (key.is_mapping() && source_->text().substr(mapping.data->begin).starts_with("{{")) {
      stop(mapping.data->begin, "yaml-key", "text that begins with \"{{\" is a mapping to YAML",
           "put the whole value in quotes: '{{ ... }}'");
    }
    if (!key.is_scalar())
      stop(at, "yaml-key", "a key must be a word", "put it in quotes if it is meant as text");
    if (key.text() == "<<" && !key.quoted()) {
      stop(at, "yaml-merge-key", "merge keys (<<) are not supported",
           "write the keys out, or use an alias for the whole value");
    }
    const auto [first, added] = mapping.seen.emplace(key.text(), source_->position(at));
    if (added) return;
    Diagnostic diagnostic =
        diagnostic_at(*source_, at, "yaml-duplicate-key",
                      fmt::format("the key \"{}\" is already on line {}", key.text(), first->second.line),
                      "remove one of the two");
    diagnostic.length = std::max<std::size_t>(key.text().size(), 1);
    sink_.add(std::move(diagnostic));
  }

  std::shared_ptr<const SourceText> source_;
  DiagnosticSink& sink_;
  bool started_ = false;
  Node root_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::size_t made_ = 0;
};

Kind Node::kind() const { return data_ ? data_->kind : Kind::null; }

const std::string& Node::text() const {
  static const std::string empty;
  return data_ ? data_->text : empty;
}

bool Node::quoted() const { return data_ && data_->quoted; }

const std::vector<Node>& Node::items() const {
  static const std::vector<Node> empty;
  return data_ ? data_->items : empty;
}

const std::vector<Node::Entry>& Node::entries() const {
  static const std::vector<Entry> empty;
  return data_ ? data_->entries : empty;
}

Node Node::operator[](std::string_view key) const {
  for (const Entry& entry : entries()) {
    if (entry.key.text() == key) return entry.value;
  }
  return {};
}

const std::string& Node::file() const {
  static const std::string empty;
  return data_ ? data_->source->file() : empty;
}

Position Node::where() const { return data_ ? data_->source->position(data_->begin) : Position{}; }

Position Node::where(std::size_t offset) const {
  if (!is_scalar()) return where();
  return locate_in_scalar(*data_->source, data_->begin, data_->text, offset);
}

Node parse(std::string file, std::string text, DiagnosticSink& sink) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  while (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());  // yaml-cpp skips one too
  sink.add_source(file, text);
  const auto source = std::make_shared<const SourceText>(std::move(file), std::move(text));
  const std::size_t errors_before = sink.errors();
  Builder builder(source, sink);
  if (auto bad = check_characters(*source)) {
    sink.add(std::move(*bad));
    return {};
  }
  try {
    std::istringstream stream{std::string(source->text())};
    YAML::Parser parser(stream);
    // One document is wanted; the builder refuses the start of another.
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    return {};
  } catch (const YAML::Exception& exception) {
    const bool placed = exception.mark.pos >= 0;
    sink.add(translate_syntax_error(
        *source, exception.msg,
        placed ? static_cast<std::size_t>(exception.mark.pos) : source->text().size()));
    return {};
  } catch (const std::exception& exception) {
    sink.add(translate_syntax_error(*source, exception.what(), source->text().size()));
    return {};
  }
  if (sink.errors() > errors_before) return {};
  if (!builder.root().data_) {
    auto nothing = std::make_shared<Node::Data>();
    nothing->source = source;
    return Node(std::move(nothing));
  }
  return builder.root();
}

}  // namespace chiron::yaml
