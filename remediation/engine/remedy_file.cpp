#include "remediation/engine/remedy_file.h"

#include "exporter/base/parse.h"
#include "exporter/base/yaml_reader.h"
#include "remediation/actions/glob.h"
#include "remediation/engine/policy_keys.h"
#include "remediation/engine/step_keys.h"
#include "remediation/engine/step_runner.h"
#include "remediation/engine/target.h"
#include "remediation/engine/template_key.h"
#include "remediation/engine/trigger_keys.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

class RemedyReader {
 public:
  RemedyReader(std::string file, yaml::Reader& reader, const promql::Features& features)
      : file_(std::move(file)), reader_(reader) {
    out_.verify.features = features;
  }

  RemedySpec read() {
    out_.file = file_;
    out_.where = reader_.self().where();
    reader_.require({"name", "on", "steps"});
    out_.name = reader_.string("name").value_or("");
    if (reader_.has("name") && !is_name(out_.name))
      reader_.fail("name", "invalid-name", fmt::format("\"{}\" is no name of a remedy", out_.name),
                   "lower-case letters, digits and dashes, a letter first");
    out_.description = reader_.string("description").value_or("");
    read_triggers();
    read_target();
    read_needs();
    TemplateScope acting = scope(true);
    acting.targets = only_scheduled() && out_.targets.has_value();
    out_.steps = read_steps(reader_, "steps", "step", acting);
    out_.lists_targets = std::ranges::any_of(out_.steps, lists_targets);
    out_.on_failure = read_steps(reader_, "on_failure", "on_failure, step", scope(true, true));
    read_verify();
    read_policy();
    reader_.finish();
    return std::move(out_);
  }

 private:
  static bool is_name(std::string_view name) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
           std::all_of(name.begin(), name.end(), allowed);
  }

  void read_triggers() {
    yaml::Reader on = reader_.mapping("on");
    has_schedule_ = on.has("schedule");
    out_.schedule = read_schedule(on);
    const std::vector<yaml::Node> items = on.list("alerts");
    if (on.self().is_mapping() && !on.self()["schedule"] && items.empty())
      on.fail_at(on.self(), "missing-key", "no alert and no schedule triggers this remedy",
                 "give matchers: alerts: ['alertname=\"DiskFull\"'], or schedule: {every: 6h}");
    out_.alerts = remediation::read_matchers(on, "alerts");
    on.finish();
  }

  /// Once the triggers are known.
  TemplateScope scope(bool target, bool run = false) const {
    return {.target = target, .run = run, .has_alert = !out_.schedule};
  }

  bool only_scheduled() const { return has_schedule_ && out_.alerts.empty(); }

  void read_needs() {
    const yaml::Node needs = reader_.node("needs");
    if (needs.is_scalar()) {
      out_.needs.push_back(read_paths({needs}));
      return;
    }
    for (const yaml::Node& item : reader_.list("needs")) {
      if (item.is_sequence() && item.items().empty())
        reader_.fail_at(item, "missing-value", "this list names no path",
                        "name paths of which one is enough");
      out_.needs.push_back(read_paths(item.is_sequence() ? item.items() : std::vector{item}));
    }
  }

  std::vector<std::string> read_paths(const std::vector<yaml::Node>& items) {
    std::vector<std::string> paths;
    for (const yaml::Node& item : items) {
      if (!item.is_scalar()) {
        reader_.fail_at(item, "wrong-type", "a path is wanted here",
                        "a list within `needs` holds paths, of which one is enough");
      } else if (!item.text().starts_with('/') && item.text() != kContainerEngine &&
                 !is_local_server(item.text())) {
        reader_.fail_at(item, "bad-path",
                        fmt::format("\"{}\" is no path from the root, no port of this host and not {}",
                                    item.text(), kContainerEngine),
                        "write it like /usr/bin/redis-server or 127.0.0.1:6379");
      } else {
        paths.push_back(item.text());
      }
    }
    return paths;
  }

  void read_target() {
    if (!only_scheduled()) {
      reader_.require({"target"});
    } else if (!reader_.has("target")) {
      out_.target = rules::Template::compile(out_.name).value_or(rules::Template());
    }
    if (const std::optional<std::string> text = reader_.string("target")) {
      if (trim(*text).empty()) reader_.fail("target", "missing-value", "the target must not be empty");
      out_.target = read_template(reader_, "target", *text, scope(false)).value_or(rules::Template());
    }
    out_.targets = reader_.strings("targets");
    if (!out_.targets) return;
    for (const std::string& glob : *out_.targets)
      if (glob.empty()) reader_.fail("targets", "missing-value", "an empty pattern allows nothing");
  }

  void read_verify() {
    if (!reader_.has("verify")) return;
    yaml::Reader verify = reader_.mapping("verify");
    if (const std::optional<std::string> text = verify.string("expr")) {
      out_.verify.expr = read_template(verify, "expr", *text, scope(true));
      if (out_.verify.expr) check_expression(verify, *text);
    }
    out_.verify.within = verify.duration("within").value_or(out_.verify.within);
    if (out_.verify.within <= Duration::zero())
      verify.fail("within", "out-of-range", "within must be more than 0s");
    verify.finish();
  }

  /// With the templates filled in by nothing an expression keeps its shape; positions hold when there are
  /// none.
  void check_expression(yaml::Reader& verify, const std::string& text) {
    const Result<std::string> expanded = out_.verify.expr->expand({});
    if (!expanded) return;
    const promql::Parsed parsed = promql::parse(*expanded, out_.verify.features);
    const bool literal = out_.verify.expr->is_literal();
    for (const promql::ParseError& error : parsed.errors)
      verify.fail("expr", "promql", error.message,
                  literal ? error.hint : fmt::format("with its templates empty it reads: {}", *expanded),
                  literal ? error.range.begin : 0,
                  literal ? error.range.end - std::min(error.range.begin, error.range.end) : text.size());
    if (parsed.ok() && parsed.type != promql::ValueType::vector && parsed.type != promql::ValueType::scalar)
      verify.fail("expr", "promql",
                  fmt::format("verification needs an instant vector or a scalar, this is a {}",
                              promql::to_string(parsed.type)));
  }

  void read_policy() {
    const auto reads = [](const StepSpec& step) { return step.action != nullptr && step.action->only_reads; };
    out_.policy.only_reads =
        std::ranges::all_of(out_.steps, reads) && std::ranges::all_of(out_.on_failure, reads);
    // Its schedule says how often it runs; a cooldown as long as the schedule's interval would skip every
    // other time.
    if (only_scheduled()) {
      out_.policy.cooldown = Duration::zero();
      out_.policy.budget_runs = kNoBudget;
    }
    if (!reader_.has("policy")) return;
    yaml::Reader policy = reader_.mapping("policy");
    const std::optional<Contradiction> fault = apply_policy(remediation::read_policy(policy), out_.policy);
    if (fault) policy.fail(fault->key, "contradiction", fault->message, fault->hint);
  }

  const std::string file_;
  yaml::Reader& reader_;
  RemedySpec out_;
  bool has_schedule_ = false;  // a faulty one too
};

}  // namespace

std::vector<RemedySpec> parse_remedy_file(const std::string& file, std::string text, DiagnosticSink& sink,
                                          const promql::Features& features) {
  const yaml::Node document = yaml::parse(file, std::move(text), sink);
  std::vector<RemedySpec> out;
  if (!document) return out;
  yaml::Reader reader(document, sink);
  for (const yaml::Node& node : reader.list("remedies")) {
    const yaml::Node name = node["name"];
    const std::string shown = name.is_scalar() ? name.text() : fmt::format("remedy {}", out.size() + 1);
    yaml::Reader remedy = reader.child(node, shown);
    RemedySpec spec = RemedyReader(file, remedy, features).read();
    const auto same = [&](const RemedySpec& other) { return !spec.name.empty() && other.name == spec.name; };
    if (std::any_of(out.begin(), out.end(), same))
      remedy.fail("name", "duplicate-remedy",
                  fmt::format("there is a remedy \"{}\" in this file already", spec.name));
    out.push_back(std::move(spec));
  }
  reader.finish();
  return out;
}

Status fill_in_targets(RemedySpec& remedy) {
  if (!remedy.lists_targets || !remedy.targets || remedy.targets->empty()) return {};
  rules::TemplateData data;
  const std::string target = remedy.target.text();
  data.target = target;
  for (StepSpec& step : remedy.steps) {
    if (!lists_targets(step)) continue;
    for (auto& [name, value] : step.arguments) {
      if (is_all_targets(value)) value.texts = *remedy.targets;
    }
    if (Result<PreparedStep> sound = prepare_step(step, &data); !sound) return std::move(sound).error();
  }
  return {};
}

bool RemedySpec::matches(const Labels& alert) const {
  return std::any_of(alerts.begin(), alerts.end(), [&](const std::vector<Matcher>& all) {
    return std::all_of(all.begin(), all.end(),
                       [&](const Matcher& matcher) { return matcher.matches(alert); });
  });
}

bool RemedySpec::allows(std::string_view one) const {
  if (one.empty()) return false;
  if (target.is_literal() && one == target.text()) return true;
  if (!targets) return false;
  return std::any_of(targets->begin(), targets->end(),
                     [&](const std::string& pattern) { return glob_match(pattern, one); });
}

}  // namespace chiron::remediation
