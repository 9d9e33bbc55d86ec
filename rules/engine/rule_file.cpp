#include "rules/engine/rule_file.h"

#include "exporter/base/parse.h"
#include "exporter/base/yaml_reader.h"
#include "rules/engine/template.h"
#include "rules/promql/label_functions.h"

#include <set>

#include <fmt/format.h>

namespace chiron::rules {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// What Prometheus takes, and what leaves an error text in place of each annotation.
void warn_of_failures(const yaml::Reader& labels, const yaml::Node::Entry& entry, const Template& text) {
  for (const TemplateFault& warning : text.warnings()) {
    std::vector<std::string> path = labels.path();
    path.push_back(entry.key.text());
    labels.sink().add({.severity = Severity::warning,
                       .code = "template",
                       .message = warning.message,
                       .hint = warning.hint,
                       .file = entry.value.file(),
                       .path = std::move(path),
                       .where = entry.value.where(warning.offset),
                       .length = 1,
                       .source_line = {}});
  }
}

/// Prometheus' template data has no $target; that one is for remedies.
void check_template(yaml::Reader& labels, const yaml::Node::Entry& entry) {
  const std::string& name = entry.key.text();
  const std::string& text = entry.value.text();
  TemplateFault fault;
  const std::optional<Template> compiled = Template::compile(text, fault);
  if (!compiled) {
    labels.fail(name, "template", fault.message, fault.hint, fault.offset, 1);
  } else if (compiled->uses_target()) {
    labels.fail(name, "template", "undefined variable \"$target\"", "$target is there in remedies only",
                text.find("target"));
  } else if (compiled->uses_run()) {
    labels.fail(name, "template", "$remedy, $run, $state and $reason are there in remedies only",
                "of an alert there are $labels, $value and $externalLabels", text.find('$'));
  } else {
    warn_of_failures(labels, entry, *compiled);
  }
}

/// labels: or annotations:, their names checked, and their values as templates where they are some.
Pairs read_pairs(yaml::Reader& owner, std::string_view key, std::string_view what, bool templates) {
  Pairs out = owner.string_map(key).value_or(Pairs());
  const yaml::Node node = owner.node(key);
  const bool of_series = what == "label";
  yaml::Reader reader = owner.child(node.is_mapping() ? node : yaml::Node(), std::string(key));
  for (const yaml::Node::Entry& entry : node.entries()) {
    const std::string& name = entry.key.text();
    if (!promql::is_utf8_name(name)) {
      owner.fail_at(entry.key, "invalid-name", fmt::format("invalid {} name: {}", what, name),
                    "any UTF-8, but not nothing");
    } else if (of_series && name == kMetricName) {
      owner.fail_at(entry.key, "invalid-name", fmt::format("invalid {} name: {}", what, name),
                    "the name is that of the alert or of what is recorded");
    }
    if (templates && entry.value.is_scalar()) check_template(reader, entry);
  }
  return out;
}

class FileReader {
 public:
  FileReader(std::string file, DiagnosticSink& sink, const promql::Features& features)
      : file_(std::move(file)), sink_(sink), features_(features) {}

  std::vector<GroupSpec> read(const yaml::Node& document) {
    yaml::Reader reader(document, sink_);
    std::vector<GroupSpec> out;
    for (const yaml::Node& node : reader.list("groups")) {
      const std::string name = node["name"].is_scalar() ? node["name"].text() : std::string();
      yaml::Reader group = reader.child(node, name.empty() ? fmt::format("group {}", out.size() + 1) : name);
      out.push_back(read_group(group));
    }
    reader.finish();
    return out;
  }

 private:
  GroupSpec read_group(yaml::Reader& reader) {
    GroupSpec out;
    out.file = file_;
    reader.require({"name"});
    out.name = reader.string("name").value_or("");
    if (reader.has("name") && out.name.empty())
      reader.fail("name", "missing-key", "the group's name must not be empty");
    if (!out.name.empty() && !group_names_.insert(out.name).second)
      reader.fail("name", "duplicate-group",
                  fmt::format("groupname: \"{}\" is repeated in the same file", out.name),
                  "alert states are kept by group and rule: give each group a name of its own");
    out.interval = reader.duration("interval");
    if (out.interval == Duration::zero()) out.interval.reset();
    out.limit = static_cast<std::size_t>(reader.integer("limit", 0, 1'000'000'000).value_or(0));
    out.query_offset = reader.duration("query_offset").value_or(Duration::zero());
    const std::vector<yaml::Node> rules = reader.list("rules");
    // Labels of the group are templates to its alerting rules, and plain text to those that record.
    const bool alerting =
        std::any_of(rules.begin(), rules.end(), [](const yaml::Node& rule) { return bool{rule["alert"]}; });
    out.labels = read_pairs(reader, "labels", "label", alerting);
    for (const yaml::Node& node : rules) {
      yaml::Reader rule = reader.child(node, rule_name(node, out.rules.size() + 1));
      RuleSpec spec = read_rule(rule);
      check_duplicate(rule, spec, out);
      out.rules.push_back(std::move(spec));
    }
    reader.finish();
    return out;
  }

  static std::string rule_name(const yaml::Node& node, std::size_t number) {
    for (const std::string_view key : {"alert", "record"})
      if (const yaml::Node name = node[key]; name.is_scalar() && !name.text().empty()) return name.text();
    return fmt::format("rule {}", number);
  }

  RuleSpec read_rule(yaml::Reader& reader) {
    RuleSpec out;
    out.file = file_;
    out.where = reader.self().where();
    read_name(reader, out);
    read_expression(reader, out);
    const bool alerting = out.kind == RuleSpec::Kind::alerting;
    if (!alerting) {
      for (const std::string_view key : {"for", "keep_firing_for", "annotations"})
        if (reader.has(key))
          reader.fail(key, "not-for-recording", fmt::format("invalid field '{}' in recording rule", key),
                      "only alerting rules have it");
    }
    out.hold = reader.duration("for").value_or(Duration::zero());
    out.keep_firing_for = reader.duration("keep_firing_for").value_or(Duration::zero());
    out.labels = read_pairs(reader, "labels", "label", alerting);
    out.annotations = read_pairs(reader, "annotations", "annotation", alerting);
    reader.finish();
    return out;
  }

  void read_name(yaml::Reader& reader, RuleSpec& out) {
    const std::string alert = reader.string("alert").value_or("");
    const std::string record = reader.string("record").value_or("");
    out.kind = alert.empty() && !record.empty() ? RuleSpec::Kind::recording : RuleSpec::Kind::alerting;
    out.name = alert.empty() ? record : alert;
    if (!alert.empty() && !record.empty()) {
      reader.fail("record", "alert-and-record", "only one of 'record' and 'alert' must be set",
                  "make two rules of it: one that records, one that alerts");
    } else if (out.name.empty() && reader.self().is_mapping()) {
      reader.fail_at(reader.self(), "missing-key", "one of 'record' or 'alert' must be set");
    } else if (out.kind == RuleSpec::Kind::recording && !promql::is_utf8_name(record)) {
      reader.fail("record", "invalid-name", fmt::format("invalid recording rule name: {}", record),
                  "any UTF-8, but not nothing");
    } else if (out.kind == RuleSpec::Kind::recording && record.find_first_of("{}") != std::string::npos) {
      reader.fail("record", "invalid-name",
                  fmt::format("braces present in the recording rule name; should it be in expr?: {}", record),
                  "labels of what is recorded belong under labels:");
    }
  }

  void read_expression(yaml::Reader& reader, RuleSpec& out) {
    const std::optional<std::string> text = reader.string("expr");
    if (!text || trim(*text).empty()) {
      if (reader.self().is_mapping() && (text || !reader.has("expr")))
        reader.fail_at(reader.self(), "missing-key", "field 'expr' must be set in rule");
      return;
    }
    out.expr_text = std::string(trim(*text));
    promql::Parsed parsed = promql::parse(*text, features_);
    for (const promql::ParseError& error : parsed.errors)
      reader.fail("expr", "promql", error.message, error.hint, error.range.begin,
                  error.range.end - std::min(error.range.begin, error.range.end));
    if (!parsed.ok()) return;
    for (const promql::ParseError& error : promql::check_literals(*parsed.expr))
      reader.fail("expr", "promql", error.message, "the rule could never be evaluated", error.range.begin,
                  error.range.end - error.range.begin);
    if (parsed.type != promql::ValueType::vector && parsed.type != promql::ValueType::scalar)
      reader.fail("expr", "promql",
                  fmt::format("a rule needs an instant vector or a scalar, this is a {}",
                              promql::to_string(parsed.type)));
    out.expr = std::move(parsed.expr);
  }

  /// Only a warning: Prometheus takes such a file.
  void check_duplicate(yaml::Reader& reader, const RuleSpec& rule, const GroupSpec& group) {
    if (rule.name.empty() || rule.expr_text.empty()) return;
    const auto sorted = [](Pairs pairs) {
      std::sort(pairs.begin(), pairs.end());
      return pairs;
    };
    for (const RuleSpec& other : group.rules) {
      if (other.kind != rule.kind || other.name != rule.name || other.expr_text != rule.expr_text ||
          sorted(other.labels) != sorted(rule.labels))
        continue;
      sink_.add({.severity = Severity::warning,
                 .code = "duplicate-rule",
                 .message = fmt::format("the same rule stands at line {} already", other.where.line),
                 .hint = "remove one of them, or give them different labels",
                 .file = file_,
                 .path = reader.path(),
                 .where = rule.where,
                 .length = 1,
                 .source_line = {}});
      return;
    }
  }

  const std::string file_;
  DiagnosticSink& sink_;
  const promql::Features& features_;
  std::set<std::string> group_names_;
};

}  // namespace

std::vector<GroupSpec> parse_rule_file(std::string file, std::string text, DiagnosticSink& sink,
                                       const promql::Features& features) {
  const yaml::Node document = yaml::parse(file, std::move(text), sink);
  if (!document) return {};
  return FileReader(std::move(file), sink, features).read(document);
}

}  // namespace chiron::rules
