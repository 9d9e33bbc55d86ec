#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/base/diagnostics.h"
#include "exporter/base/result.h"

namespace chiron::yaml {

enum class Kind { null, scalar, sequence, mapping };

/// One node of a parsed YAML file, with where it stands. Immutable; shares the tree, so copies are cheap.
/// Kind::scalar text is undecoded: the reader decides whether "5" is a number. Aliases are resolved when parsing.
class Node {
 public:
  struct Entry;

  Node() = default;  ///< Kind::null, nowhere

  Kind kind() const;
  bool is_null() const { return kind() == Kind::null; }
  bool is_scalar() const { return kind() == Kind::scalar; }
  bool is_sequence() const { return kind() == Kind::sequence; }
  bool is_mapping() const { return kind() == Kind::mapping; }
  explicit operator bool() const { return !is_null(); }

  /// Kind::scalar only.
  const std::string& text() const;
  /// Whether the scalar was written in quotes (then "true" is a string) or as a block.
  bool quoted() const;
  /// Sequence elements; empty otherwise.
  const std::vector<Node>& items() const;
  /// Mapping entries in the order written; empty otherwise. Duplicate keys were refused by parse().
  const std::vector<Entry>& entries() const;
  /// The value of a key, or a null node.
  Node operator[](std::string_view key) const;

  const std::string& file() const;
  /// Of the first character of the node.
  Position where() const;
  /// Where byte `offset` of text() stands in the file: exact for every style of scalar, except on the blanks and line
  /// ends that folding (`>`) changed, where it is near.
  Position where(std::size_t offset) const;

 private:
  friend class Builder;
  friend Node parse(std::string file, std::string text, DiagnosticSink& sink);
  struct Data;
  explicit Node(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

struct Node::Entry {
  Node key;
  Node value;
};

/// Parses one document, and registers the text with the sink. Syntax errors, duplicate keys, keys that are no scalar,
/// merge keys (`<<`), tags of an application's own, a second document, control characters, text that is not UTF-8, more
/// than 64 levels and alias bombs (more than 100,000 nodes once resolved) become diagnostics with a position, and a null
/// node is returned. So it is for an empty file, without a diagnostic; its file() and where() tell of it.
Node parse(std::string file, std::string text, DiagnosticSink& sink);

}  // namespace chiron::yaml
