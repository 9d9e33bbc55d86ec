#include "agent/armed_notes.h"
#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/findings.h"
#include "agent/table.h"
#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/base/yaml.h"
#include "remediation/actions/action.h"
#include "remediation/engine/remedy_check.h"

#include <cerrno>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

/// One pass over the configuration, or over the files named.
class Checker {
 public:
  explicit Checker(const GivenOptions& options) : options_(options) {
    // Of the configuration in use, whose faults are told where it is checked.
    DiagnosticSink untold;
    features_ = load_config(options, process_environment(), untold).features();
  }

  void configuration(const GivenOptions& options) {
    const Config config = load_config(options, process_environment(), sink_);
    check_environment(process_environment_names(), sink_);
    Policies policies = load_policies(config, sink_);
    count(policies.groups);
    remedies_ += policies.remedies.size();
    ++files_;
    notes_ += armed_notes(config, policies.remedies);
    if (!configured_) {
      configured_.emplace();
      deletion_ = config.deletion;
    }
    std::move(policies.groups.begin(), policies.groups.end(), std::back_inserter(*configured_));
  }

  /// A file is a rule file when it has `groups`, a remedy file when its `remedies` is a list, else a
  /// configuration.
  void file(const std::string& path) {
    if (!read_.insert(path).second) return;
    auto text = read_file(path, 4 << 20);
    if (!text.ok()) {
      sink_.add(unreadable(path, text.error()));
      rules_are_faulty_ = true;
      return;
    }
    DiagnosticSink looked;
    const yaml::Node node = yaml::parse(path, *text, looked);
    if (!looked.ok()) {
      // Said once, whatever kind of file it was going to be.
      const yaml::Node again = yaml::parse(path, *std::move(text), sink_);
      rules_are_faulty_ = true;
    } else if (has_key(node, "groups")) {
      const std::size_t before = sink_.errors();
      const auto groups = rules::parse_rule_file(path, *std::move(text), sink_, features_);
      rules_are_faulty_ = rules_are_faulty_ || sink_.errors() > before;
      count(groups);
      std::move(groups.begin(), groups.end(), std::back_inserter(named_.groups));
    } else if (node["remedies"].is_sequence()) {
      auto remedies = remediation::parse_remedy_file(path, *std::move(text), sink_, features_);
      remedies_ += remedies.size();
      std::move(remedies.begin(), remedies.end(), std::back_inserter(named_.remedies));
    } else {
      configuration({{"config.file", {path}}});
      return;
    }
    ++files_;
  }

  /// Remedies named are held against the rules named and those of the configurations named, or of the one in
  /// use.
  void together() {
    if (named_.remedies.empty()) return;
    if (!configured_) {
      DiagnosticSink elsewhere;
      const Config config = load_config(options_, process_environment(), elsewhere);
      configured_ = load_policies(config, elsewhere).groups;
      deletion_ = config.deletion;
      rules_are_faulty_ = rules_are_faulty_ || !elsewhere.ok();
    }
    std::move(configured_->begin(), configured_->end(), std::back_inserter(named_.groups));
    check_together(named_, rules_are_faulty_, sink_);
    remediation::check_against_roots(named_.remedies, deletion_, sink_);
  }

  int report(bool json) const {
    const std::vector<Diagnostic> found = in_order(sink_);
    const auto errors = static_cast<std::size_t>(std::count_if(
        found.begin(), found.end(), [](const Diagnostic& one) { return one.severity == Severity::error; }));
    if (json) {
      print(to_json(found) + '\n');
    } else {
      for (const Diagnostic& diagnostic : found) print(to_text(diagnostic) + '\n');
      print(notes_);
      print(fmt::format("{}: {} in {}, {}; {}, {}\n", counted(files_, "file"), counted(rules_, "rule"),
                        counted(groups_, "group"), counted(remedies_, "remedy"), counted(errors, "error"),
                        counted(found.size() - errors, "warning")));
    }
    return sink_.ok() ? kExitOk : kExitFailed;
  }

 private:
  /// `groups:` with nothing after it too.
  static bool has_key(const yaml::Node& node, std::string_view key) {
    return std::any_of(node.entries().begin(), node.entries().end(),
                       [key](const yaml::Node::Entry& entry) { return entry.key.text() == key; });
  }

  void count(const std::vector<rules::GroupSpec>& groups) {
    groups_ += groups.size();
    for (const auto& group : groups) rules_ += group.rules.size();
  }

  const GivenOptions options_;
  promql::Features features_;
  DiagnosticSink sink_;
  Policies named_;
  std::optional<std::vector<rules::GroupSpec>> configured_;  ///< of the configurations named
  remediation::DeletionPolicy deletion_;                     ///< of the first of them
  bool rules_are_faulty_ = false;
  std::set<std::string> read_;
  std::string notes_;  ///< what is no fault, and yet to be known
  std::size_t files_ = 0, groups_ = 0, rules_ = 0, remedies_ = 0;
};

int check(const SettingOptions& options, const std::vector<std::string>& files, bool json) {
  Checker checker(options.given());
  if (files.empty()) checker.configuration(options.given());
  for (const std::string& file : files) checker.file(file);
  checker.together();
  return checker.report(json);
}

int list_actions(bool json) {
  Json list = Json::array();
  Table table({"ACTION", "ARGUMENT", "TYPE", "DEFAULT", "MEANING"});
  for (const remediation::ActionInfo& info : remediation::all_actions()) {
    const auto action = info.make();
    remediation::Arguments arguments;
    action->declare(arguments);
    table.add({std::string(info.name), "", "", "", std::string(info.help)});
    Json entry{{"name", info.name}, {"help", info.help}, {"arguments", Json::array()}};
    for (const auto& argument : arguments.declared()) {
      const bool required = argument.need == remediation::Need::required;
      const std::string_view type = remediation::Arguments::type_name(argument.member);
      table.add({"", std::string(argument.name), std::string(type),
                 required ? "(required)" : argument.default_text, std::string(argument.help)});
      entry["arguments"].push_back({{"name", argument.name},
                                    {"type", type},
                                    {"required", required},
                                    {"default", argument.default_text},
                                    {"help", argument.help}});
    }
    list.push_back(std::move(entry));
  }
  if (json) {
    print_json(list);
  } else {
    print(table.to_string());
  }
  return kExitOk;
}

int init(const std::string& file) {
  if (file.empty()) {
    print(example_config());
    return kExitOk;
  }
  // Only a name that is free is taken: not a file that cannot be read, nor one that appears meanwhile.
  const FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd && errno == EEXIST) return fail(file + " exists already; nothing was changed");
  if (!fd && errno == ENOENT) {
    return fail("the directory of " + file + " is not there; make it first: mkdir -p \"$(dirname '" + file +
                "')\"");
  }
  if (!fd) return fail(Error::from_errno(errno, file).to_string());
  const std::string text = example_config();
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const Error why = Error::from_errno(errno, file);
    ::unlink(file.c_str());
    return fail(why.to_string());
  }
  print("wrote " + file + "; `chiron check` checks it\n");
  return kExitOk;
}

int show(const SettingOptions& options, bool json) {
  const auto config = load_or_complain(options);
  if (!config) return kExitFailed;
  Json list = Json::array();
  Table table({"SETTING", "FROM", "VALUE"});
  for (const ShownSetting& shown : shown_settings(*config)) {
    table.add({shown.name, shown.source, shown.as_yaml()});
    list.push_back({{"setting", shown.name}, {"from", shown.source}, {"value", nullptr}});
    if (shown.is_list) {
      list.back()["value"] = shown.values;
    } else {
      list.back()["value"] = shown.values.front();
    }
  }
  if (json) {
    print_json(list);
  } else {
    print(table.to_string());
  }
  return kExitOk;
}

}  // namespace

void add_check_commands(Cli& cli) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto check_options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command =
      cli.add_command(cli.app, "check", "Check the configuration, or the rule and remedy files named.",
                      [&cli, files, check_options] { return check(**check_options, *files, cli.json); });
  *check_options = &cli.add_settings(*command, SettingOptions::Scope::all_quietly);
  command->add_option("FILE", *files,
                      "Rule files, remedy files, configurations; without any, the configuration.");
  cli.add_json_flag(*command);

  CLI::App* actions =
      cli.add_command(cli.app, "actions", "The actions a remedy's steps can name, with their arguments.",
                      [&cli] { return list_actions(cli.json); });
  cli.add_json_flag(*actions);

  CLI::App* config =
      cli.add_command(cli.app, "config", "Make a configuration file, or show what is in force.", nullptr);
  auto file = std::make_shared<std::string>();
  CLI::App* init_command = cli.add_command(
      *config, "init", "Print a commented configuration file, or write it.", [file] { return init(*file); });
  init_command->add_option("FILE", *file, "Write it there, unless it exists.");
  auto show_options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* show_command =
      cli.add_command(*config, "show", "Every setting, its value and where it came from.",
                      [&cli, show_options] { return show(**show_options, cli.json); });
  *show_options = &cli.add_settings(*show_command, SettingOptions::Scope::all_quietly);
  cli.add_json_flag(*show_command);
}

}  // namespace chiron::agent
