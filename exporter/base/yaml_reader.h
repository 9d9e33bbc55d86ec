#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/diagnostics.h"
#include "exporter/base/yaml.h"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::yaml {

/// Reads the fields of one mapping, once each, and reports every fault into a sink with file, path and
/// position. A field that is absent or null yields nothing, and so does one that is wrong, after a
/// diagnostic. Reading goes on after a fault, so that one pass finds all of them. Not thread-safe; the sink
/// must outlive it.
///
///   Reader rule(node, sink, {"host", "DiskFull"});
///   rule.require({"alert", "expr"});
///   spec.hold = rule.duration("for").value_or(Duration::zero());
///   rule.finish();
class Reader {
 public:
  /// `node` should be a mapping: else a diagnostic, and a reader of nothing. A null node is an empty mapping.
  Reader(Node node, DiagnosticSink& sink, std::vector<std::string> path = {});

  /// Whether the key is there with a value; the key counts as known from now on, as with all that follow.
  bool has(std::string_view key);
  /// Reports each key that is absent or null; true when all are there.
  bool require(std::initializer_list<std::string_view> keys);

  /// The text of any scalar, quoted or not.
  std::optional<std::string> string(std::string_view key);
  /// One of `words`.
  std::optional<std::string> one_of(std::string_view key, std::initializer_list<std::string_view> words);
  std::optional<Duration> duration(std::string_view key);
  std::optional<std::uint64_t> bytes(std::string_view key);
  /// Without quotes, within [least, most].
  std::optional<std::int64_t> integer(std::string_view key,
                                      std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                                      std::int64_t most = std::numeric_limits<std::int64_t>::max());
  std::optional<double> number(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  /// A list of scalars; a single scalar is a list of one.
  std::optional<std::vector<std::string>> strings(std::string_view key);
  /// A mapping of scalars, in the order written.
  std::optional<std::vector<std::pair<std::string, std::string>>> string_map(std::string_view key);

  /// The node, whatever it is; null when absent.
  Node node(std::string_view key);
  /// The elements of a list; none when absent or wrong.
  std::vector<Node> list(std::string_view key);
  /// A reader of the mapping under the key, of nothing when it is absent or wrong. Its finish() is the
  /// caller's.
  Reader mapping(std::string_view key);
  /// A reader of a mapping within this one's, under a name of the caller's choice: the n-th step, a rule by
  /// its name.
  Reader child(Node node, std::string name) const;

  /// Keys that a file may rightly hold but that do nothing yet: finish() reports them as "not-supported".
  void not_supported(std::initializer_list<std::string_view> keys);
  /// Reports each key that nothing above asked for, with the known key it may have been meant to be.
  void finish();

  /// Reports a fault of a field's value, at byte `offset` of it when it is a scalar.
  void fail(std::string_view key, std::string code, std::string message, std::string hint = {},
            std::size_t offset = 0, std::size_t length = 0);
  /// Reports a fault of any node within.
  void fail_at(const Node& node, std::string code, std::string message, std::string hint = {});

  const Node& self() const { return node_; }
  const std::vector<std::string>& path() const { return path_; }
  DiagnosticSink& sink() const { return *sink_; }

 private:
  Node take(std::string_view key);
  Node take_scalar(std::string_view key, std::string_view wanted);
  void report(Position where, std::size_t length, std::vector<std::string> path, std::string code,
              std::string message, std::string hint) const;

  Node node_;
  DiagnosticSink* sink_;
  std::vector<std::string> path_;
  std::vector<std::string> known_;
  std::vector<std::string> not_supported_;
};

}  // namespace chiron::yaml
