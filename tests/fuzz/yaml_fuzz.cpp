#include "exporter/base/utf8.h"
#include "exporter/base/yaml_position.h"
#include "exporter/base/yaml_reader.h"
#include "tests/fuzz/expect.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace chiron::fuzz {
namespace {

using yaml::Node;

void check_position(const yaml::SourceText& source, Position where) {
  expect(where.line > 0 && where.column > 0);
  expect(source.position(source.text().size()).line >= where.line);
  // One past the last character is the end of a line; its line end may be two bytes.
  expect(where.column <= source.line(where.line).size() + 2);
}

void check_scalar(const yaml::SourceText& source, const Node& node) {
  expect(is_valid_utf8(node.text()));
  const std::size_t size = node.text().size();
  for (const std::size_t offset : {std::size_t{0}, size / 3, size / 2, size, size + 7}) {
    const Position where = node.where(offset);
    expect(where.line > 0 && where.column > 0);
    expect(where.line <= source.position(source.text().size()).line + 1);
  }
}

bool is_white(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Outside double quotes each byte of a value that is no blank stands in the file as it is, where where()
// says.
void check_exact(const yaml::SourceText& source, const Node& node) {
  const Position begin = node.where();
  const char first = source.line(begin.line).substr(begin.column - 1, 1).empty()
                         ? '"'
                         : source.line(begin.line)[begin.column - 1];
  if (first == '"' || first == '&' || first == '!') return;
  for (std::size_t i = 0; i < std::min<std::size_t>(node.text().size(), 200); ++i) {
    if (is_white(node.text()[i])) continue;
    const Position where = node.where(i);
    const std::string_view line = source.line(where.line);
    expect(where.column <= line.size() && line[where.column - 1] == node.text()[i]);
  }
}

// Aliases share their target, so the walk is bounded by what parse() allows.
void check_node(const yaml::SourceText& source, const Node& node, int depth) {
  expect(depth <= 64);
  check_position(source, node.where());
  if (node.is_scalar()) {
    check_scalar(source, node);
    check_exact(source, node);
  }
  for (const Node& item : node.items()) check_node(source, item, depth + 1);
  for (const Node::Entry& entry : node.entries()) {
    expect(entry.key.is_scalar());
    check_node(source, entry.key, depth + 1);
    check_node(source, entry.value, depth + 1);
  }
}

void read_as_configuration(const Node& root) {
  DiagnosticSink sink;
  yaml::Reader reader(root, sink);
  reader.string("a");
  reader.duration("a");
  reader.bytes("a");
  reader.integer("a");
  reader.boolean("a");
  reader.strings("a");
  reader.string_map("a");
  reader.mapping("b").finish();
  reader.finish();
  for (const Diagnostic& one : sink.all()) to_text(one);
  to_json(sink.all());
}

}  // namespace
}  // namespace chiron::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chiron;
  std::string text(reinterpret_cast<const char*>(data), size);
  DiagnosticSink sink;
  const yaml::Node root = yaml::parse("f.yml", text, sink);
  while (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  const yaml::SourceText source("f.yml", text);
  if (sink.ok()) {
    fuzz::check_node(source, root, 0);
    fuzz::read_as_configuration(root);
  } else {
    fuzz::expect(root.is_null());
  }
  for (const Diagnostic& one : sink.all()) {
    fuzz::expect(!one.hint.empty() && one.where.line > 0);
    to_text(one);
  }
  return 0;
}
