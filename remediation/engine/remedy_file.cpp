#include "remediation/engine/remedy_file.h"

#include "exporter/base/parse.h"
#include "exporter/base/yaml_reader.h"
#include "remediation/engine/policy_keys.h"
#include "remediation/engine/step_runner.h"
#include "remediation/engine/trigger_keys.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// Actions of design.md, section 7, whether there already or not.
constexpr std::string_view kPlannedActions[] = {"service.start",
                                                "service.stop",
                                                "service.restart",
                                                "service.reload",
                                                "service.rolling_restart",
                                                "service.set_property",
                                                "container.start",
                                                "container.stop",
                                                "container.restart",
                                                "container.kill",
                                                "container.rolling_restart",
                                                "container.prune",
                                                "disk.rescue",
                                                "logs.rotate",
                                                "files.prune",
                                                "cache.prune",
                                                "process.signal",
                                                "updates.check",
                                                "updates.apply",
                                                "command.run",
                                                "http.request",
                                                "report.write",
                                                "notify"};

/// The whole of a list argument: the remedy's `targets`.
constexpr std::string_view kAllTargets = "{{ $targets }}";

bool is_all_targets(const ArgumentValue& value) {
  return value.shape == ArgumentValue::Shape::list && value.texts.size() == 1 &&
         value.texts[0] == kAllTargets;
}

std::optional<rules::Template> compile(yaml::Reader& reader, std::string_view key, const std::string& text,
                                       bool target_is_there, bool run_is_there = false) {
  rules::TemplateFault fault;
  std::optional<rules::Template> out = rules::Template::compile(text, fault);
  if (!out) {
    reader.fail(key, "template", fault.message, {}, fault.offset);
  } else if (out->uses_target() && !target_is_there) {
    reader.fail(key, "template", "undefined variable \"$target\"", "$target is what this template makes",
                text.find("target"));
    return std::nullopt;
  } else if (out->uses_run() && !run_is_there) {
    reader.fail(key, "template", "$remedy, $run, $state and $reason are there in on_failure only",
                "before the run has ended there are $labels, $value and $target", text.find('$'));
    return std::nullopt;
  }
  return out;
}

bool reads_labels(const std::string& text) {
  const Result<rules::Template> compiled = rules::Template::compile(text);
  return compiled && !compiled->label_names().empty();
}

bool tells_of_run(const std::string& text) {
  const Result<rules::Template> compiled = rules::Template::compile(text);
  return compiled && compiled->uses_run();
}

/// The texts of an argument that say what is acted on, or which program is run: no place for the reason of a
/// failure, which may hold what a stranger wrote, and which no allow-list is held against.
std::span<const std::string> naming_texts(const ArgumentValue& value, std::string_view name,
                                          std::string_view subject, const Arguments& arguments) {
  static constexpr std::string_view kThings[] = {"unit", "container", "path", "server"};
  const bool pattern = std::ranges::any_of(arguments.declared(), [name](const Arguments::Declared& one) {
    return one.patterns && one.name == name;
  });
  const std::span<const std::string> all(value.texts);
  if (pattern || lists_subjects(name)) return all;
  if (name != subject) return {};
  if (value.shape == ArgumentValue::Shape::list) return all.first(std::min<std::size_t>(1, all.size()));
  return std::ranges::count(kThings, subject) > 0 ? all : std::span<const std::string>();
}

/// Whether a shell or another interpreter is given a template's text as its script (sh -c, perl -e, php -r):
/// there it is no argument any more, but code.
bool becomes_code(const std::vector<std::string>& argv) {
  static constexpr std::string_view kInterpreters[] = {"sh",   "bash", "dash", "ash",  "ksh", "zsh",
                                                       "fish", "perl", "ruby", "node", "php", "lua"};
  bool interpreted = false, script = false;
  for (const std::string& text : argv) {
    if (script && text.find("{{") != std::string::npos) return true;
    const std::string_view name = std::string_view(text).substr(text.rfind('/') + 1);
    const bool known = std::ranges::count(kInterpreters, name) > 0 || name.starts_with("python");
    const bool option = text.size() > 1 && text[0] == '-' && text[1] != '-';
    script = interpreted && option && std::string_view("cer").find(text.back()) != std::string_view::npos;
    interpreted = interpreted || known;
  }
  return false;
}

class RemedyReader {
 public:
  RemedyReader(std::string file, yaml::Reader& reader) : file_(std::move(file)), reader_(reader) {}

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
    read_steps("steps", "step", out_.steps);
    read_steps("on_failure", "on_failure, step", out_.on_failure);
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

  bool only_scheduled() const { return has_schedule_ && out_.alerts.empty(); }

  /// A run that no alert asked for has no labels and no value.
  void check_needs_no_alert(yaml::Reader& reader, std::string_view key, const rules::Template& text) {
    if (!out_.schedule || (text.label_names().empty() && !text.uses_value())) return;
    reader.fail(key, "schedule-labels", "a run by schedule has no alert to read labels or a value from",
                "write it out; or give alerts and schedule to two remedies");
  }

  void read_needs() {
    out_.needs = reader_.strings("needs").value_or(std::vector<std::string>());
    for (const std::string& path : out_.needs) {
      if (!path.starts_with('/'))
        reader_.fail("needs", "bad-path", fmt::format("\"{}\" is no path from the root", path),
                     "write it like /usr/bin/redis-server");
    }
  }

  void read_target() {
    if (!only_scheduled()) {
      reader_.require({"target"});
    } else if (!reader_.has("target")) {
      out_.target = rules::Template::compile(out_.name).value_or(rules::Template());
    }
    if (const std::optional<std::string> text = reader_.string("target")) {
      if (trim(*text).empty()) reader_.fail("target", "missing-value", "the target must not be empty");
      out_.target = compile(reader_, "target", *text, false).value_or(rules::Template());
      check_needs_no_alert(reader_, "target", out_.target);
    }
    out_.targets = reader_.strings("targets");
    if (!out_.targets) return;
    for (const std::string& glob : *out_.targets)
      if (glob.empty()) reader_.fail("targets", "missing-value", "an empty pattern allows nothing");
  }

  void read_steps(std::string_view key, std::string_view what, std::vector<StepSpec>& out) {
    const std::vector<yaml::Node> items = reader_.list(key);
    if (items.empty() && reader_.has(key))
      reader_.fail(key, "missing-value", fmt::format("{} needs a step", key == "steps" ? "a remedy" : key));
    after_failure_ = &out == &out_.on_failure;
    for (const yaml::Node& item : items) {
      const std::string place = fmt::format("{} {}", what, out.size() + 1);
      StepSpec step;
      step.where = item.where();
      if (item.is_mapping() && item.entries().size() == 1) {
        yaml::Reader reader = reader_.child(item, place);
        read_step(reader, item.entries().front(), step);
      } else {
        reader_.fail_at(item, "wrong-type", "a step is one action with its arguments",
                        "write it like - service.restart: {unit: nginx.service}");
      }
      out.push_back(std::move(step));
    }
  }

  void read_step(yaml::Reader& reader, const yaml::Node::Entry& entry, StepSpec& step) {
    const std::string& name = entry.key.text();
    step.action = find_action(name);
    if (step.action == nullptr) {
      refuse_action(reader, entry.key);
      return;
    }
    yaml::Reader arguments = reader.mapping(name);
    const std::unique_ptr<Action> action = step.action->make();
    Arguments declared;
    action->declare(declared);
    bool good = true, expanded = true;
    for (const yaml::Node::Entry& argument : arguments.self().entries()) {
      ArgumentValue value;
      if (!read_value(arguments, argument, value)) good = false;
      if (is_all_targets(value)) {
        check_lists_targets(arguments, argument.key.text());
        expanded = false;
        step.arguments.emplace_back(argument.key.text(), std::move(value));
        continue;
      }
      for (const std::string& text : value.texts)
        expanded = check_text(arguments, argument.key.text(), text) && expanded;
      for (const auto& [key, text] : value.pairs)
        expanded = check_text(arguments, argument.key.text(), text) && expanded;
      const std::span<const std::string> naming =
          naming_texts(value, argument.key.text(), subject_of(*step.action), declared);
      if (std::ranges::any_of(naming, tells_of_run)) {
        arguments.fail(argument.key.text(), "bad-argument",
                       "what is acted on must not come from how a run failed",
                       "write it out; $remedy, $run, $state and $reason may fill in messages");
      }
      if (value.shape == ArgumentValue::Shape::list && !value.texts.empty() &&
          !lists_subjects(argument.key.text()) && reads_labels(value.texts.front()) &&
          argument.key.text() == subject_of(*step.action)) {
        arguments.fail(argument.key.text(), "bad-argument", "what is run must not come from labels",
                       "write the first element out; labels may fill in what follows");
      }
      if (value.shape == ArgumentValue::Shape::list && argument.key.text() == subject_of(*step.action) &&
          becomes_code(value.texts)) {
        arguments.fail(argument.key.text(), "bad-argument", "what a shell runs must not come from labels",
                       "give the script arguments: [/bin/sh, -c, 'echo \"$1\"', sh, '{{ $labels.x }}']");
      }
      step.arguments.emplace_back(argument.key.text(), std::move(value));
    }
    if (good) check_arguments(arguments, step, expanded);
  }

  /// What an alert names is held against `targets`; it does not act on all of them.
  void check_lists_targets(yaml::Reader& arguments, const std::string& key) {
    if (!only_scheduled() || !out_.targets) {
      arguments.fail(key, "template",
                     "$targets is there in a remedy that only a schedule triggers and that has `targets`",
                     "targets: [] leaves the list to the configuration");
    }
    out_.lists_targets = out_.targets.has_value();
  }

  static void refuse_action(yaml::Reader& reader, const yaml::Node& key) {
    const std::string& name = key.text();
    std::vector<std::string_view> names;
    for (const ActionInfo& action : all_actions()) names.push_back(action.name);
    if (std::find(std::begin(kPlannedActions), std::end(kPlannedActions), name) !=
        std::end(kPlannedActions)) {
      reader.fail_at(key, "not-supported", fmt::format("not supported yet: the action {}", name),
                     fmt::format("there are: {}", fmt::join(names, ", ")));
      return;
    }
    const std::string near = closest(name, names);
    reader.fail_at(key, "unknown-action", fmt::format("there is no action \"{}\"", name),
                   near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                : fmt::format("did you mean \"{}\"?", near));
  }

  bool read_value(yaml::Reader& arguments, const yaml::Node::Entry& argument, ArgumentValue& out) {
    const std::string& key = argument.key.text();
    out.file = file_;
    out.where = argument.value.where();
    switch (argument.value.kind()) {
      case yaml::Kind::null:
        arguments.fail_at(argument.key, "missing-value", fmt::format("\"{}\" has no value", key),
                          "give it one");
        return false;
      case yaml::Kind::scalar:
        out.texts = {argument.value.text()};
        return true;
      case yaml::Kind::sequence: {
        out.shape = ArgumentValue::Shape::list;
        std::optional<std::vector<std::string>> texts = arguments.strings(key);
        if (!texts) return false;
        out.texts = *std::move(texts);
        return true;
      }
      case yaml::Kind::mapping:
        break;
    }
    out.shape = ArgumentValue::Shape::pairs;
    std::optional<std::vector<std::pair<std::string, std::string>>> pairs = arguments.string_map(key);
    if (!pairs) return false;
    out.pairs = *std::move(pairs);
    return true;
  }

  /// Whether the text is the same for every alert.
  bool check_text(yaml::Reader& arguments, const std::string& key, const std::string& text) {
    const std::optional<rules::Template> compiled = compile(arguments, key, text, true, after_failure_);
    if (compiled) check_needs_no_alert(arguments, key, *compiled);
    return compiled && compiled->is_literal();
  }

  /// The action's own findings, put under this remedy and step.
  void check_arguments(yaml::Reader& reader, const StepSpec& step, bool expanded) {
    const std::unique_ptr<Action> action = step.action->make();
    Arguments arguments;
    action->declare(arguments);
    DiagnosticSink found;
    arguments.check(step.action->name, step.arguments, step.where, found);
    for (Diagnostic one : found.all()) {
      one.file = file_;
      if (!one.path.empty()) one.path.erase(one.path.begin());
      one.path.insert(one.path.begin(), reader.path().begin(), reader.path().end());
      reader_.sink().add(std::move(one));
    }
    if (!found.ok() || !expanded) return;
    Status status = arguments.bind(step.arguments);
    if (status) status = action->validate();
    if (!status)
      reader.fail_at(reader.self() ? reader.self() : reader_.self(), "bad-argument",
                     status.error().to_string());
  }

  void read_verify() {
    if (!reader_.has("verify")) return;
    yaml::Reader verify = reader_.mapping("verify");
    if (const std::optional<std::string> text = verify.string("expr")) {
      out_.verify.expr = compile(verify, "expr", *text, true);
      if (out_.verify.expr) {
        check_needs_no_alert(verify, "expr", *out_.verify.expr);
        check_expression(verify, *text);
      }
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
    const promql::Parsed parsed = promql::parse(*expanded);
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
    if (has_schedule_ && out_.policy.mode == Mode::approval) {
      policy.fail("mode", "contradiction", "what runs by a schedule does not wait for a person",
                  "approval is for alerts; of a schedule take automatic or dry-run");
    }
  }

  const std::string file_;
  yaml::Reader& reader_;
  RemedySpec out_;
  bool has_schedule_ = false;   // a faulty one too
  bool after_failure_ = false;  // the steps that are read
};

}  // namespace

std::vector<RemedySpec> parse_remedy_file(const std::string& file, std::string text, DiagnosticSink& sink) {
  const yaml::Node document = yaml::parse(file, std::move(text), sink);
  std::vector<RemedySpec> out;
  if (!document) return out;
  yaml::Reader reader(document, sink);
  for (const yaml::Node& node : reader.list("remedies")) {
    const yaml::Node name = node["name"];
    const std::string shown = name.is_scalar() ? name.text() : fmt::format("remedy {}", out.size() + 1);
    yaml::Reader remedy = reader.child(node, shown);
    RemedySpec spec = RemedyReader(file, remedy).read();
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
    bool filled = false;
    for (auto& [name, value] : step.arguments) {
      if (!is_all_targets(value)) continue;
      value.texts = *remedy.targets;
      filled = true;
    }
    if (!filled) continue;
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
