#include "remediation/engine/step_keys.h"

#include "exporter/base/parse.h"
#include "remediation/engine/step_runner.h"

#include <algorithm>
#include <memory>
#include <span>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// Named in the design, and not there yet: whoever writes one has made no spelling mistake.
constexpr std::string_view kPlannedActions[] = {"process.signal", "updates.apply"};

/// The whole of a list argument: the remedy's `targets`.
constexpr std::string_view kAllTargets = "{{ $targets }}";

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
  static constexpr std::string_view kThings[] = {"unit", "container", "path", "server", "url"};
  const Arguments::Declared* const declared = arguments.find(name);
  const std::span<const std::string> all(value.texts);
  if (declared != nullptr && (declared->patterns || declared->subject || declared->url)) return all;
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

class StepReader {
 public:
  StepReader(yaml::Reader& remedy, const TemplateScope& scope)
      : file_(remedy.self().file()), reader_(remedy), scope_(scope) {}

  std::vector<StepSpec> read(std::string_view key, std::string_view what) {
    std::vector<StepSpec> out;
    const std::vector<yaml::Node> items = reader_.list(key);
    if (items.empty() && reader_.has(key))
      reader_.fail(key, "missing-value", fmt::format("{} needs a step", key == "steps" ? "a remedy" : key));
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
    return out;
  }

 private:
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
          reads_labels(value.texts.front()) && argument.key.text() == subject_of(*step.action)) {
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
  void check_lists_targets(yaml::Reader& arguments, const std::string& key) const {
    if (scope_.targets) return;
    arguments.fail(key, "template",
                   "$targets is there in a remedy that only a schedule triggers and that has `targets`",
                   "targets: [] leaves the list to the configuration");
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
    const std::optional<rules::Template> compiled = read_template(arguments, key, text, scope_);
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

  const std::string file_;
  yaml::Reader& reader_;
  const TemplateScope scope_;
};

}  // namespace

bool is_all_targets(const ArgumentValue& value) {
  return value.shape == ArgumentValue::Shape::list && value.texts.size() == 1 &&
         value.texts[0] == kAllTargets;
}

bool lists_targets(const StepSpec& step) {
  return std::ranges::any_of(step.arguments, [](const auto& one) { return is_all_targets(one.second); });
}

std::vector<StepSpec> read_steps(yaml::Reader& remedy, std::string_view key, std::string_view what,
                                 const TemplateScope& scope) {
  return StepReader(remedy, scope).read(key, what);
}

}  // namespace chiron::remediation
