#include "agent/cli_client.h"
#include "agent/table.h"
#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/base/yaml.h"
#include "remediation/actions/action.h"

#include <cstdio>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

struct Checked {
  std::size_t files = 0, groups = 0, rules = 0, remedies = 0;
};

void count(const std::vector<rules::GroupSpec>& groups, Checked& checked) {
  checked.groups += groups.size();
  for (const auto& group : groups) checked.rules += group.rules.size();
}

void check_config(const GivenOptions& options, DiagnosticSink& sink, Checked& checked) {
  const Config config = load_config(options, process_environment(), sink);
  const Policies policies = load_policies(config, sink);
  count(policies.groups, checked);
  checked.remedies += policies.remedies.size();
  ++checked.files;
}

/// A file is a rule file when it has `groups`, a remedy file when its `remedies` is a list, else a
/// configuration.
void check_file(const std::string& path, DiagnosticSink& sink, Checked& checked) {
  auto text = read_file(path, 4 << 20);
  if (!text.ok()) {
    Diagnostic diagnostic;
    diagnostic.code = "unreadable";
    diagnostic.message = text.error().to_string();
    diagnostic.file = path;
    sink.add(std::move(diagnostic));
    return;
  }
  DiagnosticSink looked;
  const yaml::Node node = yaml::parse(path, *text, looked);
  if (node["groups"]) {
    count(rules::parse_rule_file(path, *std::move(text), sink), checked);
  } else if (node["remedies"].is_sequence()) {
    checked.remedies += remediation::parse_remedy_file(path, *std::move(text), sink).size();
  } else {
    check_config({{"config.file", {path}}}, sink, checked);
    return;
  }
  ++checked.files;
}

int check(const SettingOptions& options, const std::vector<std::string>& files, bool json) {
  DiagnosticSink sink;
  Checked checked;
  if (files.empty()) check_config(options.given(), sink, checked);
  for (const std::string& file : files) check_file(file, sink, checked);
  if (json) {
    print(to_json(sink.all()) + '\n');
  } else {
    for (const Diagnostic& diagnostic : sink.all()) print(to_text(diagnostic) + '\n');
    const std::size_t warnings = sink.all().size() - sink.errors();
    print(fmt::format("{} {}: {} rules in {} groups, {} remedies; {} errors, {} warnings\n", checked.files,
                      checked.files == 1 ? "file" : "files", checked.rules, checked.groups, checked.remedies,
                      sink.errors(), warnings));
  }
  return sink.ok() ? kExitOk : kExitFailed;
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
  print(json ? list.dump(2) + '\n' : table.to_string());
  return kExitOk;
}

int init(const std::string& file) {
  if (file.empty()) {
    print(example_config());
    return kExitOk;
  }
  if (read_file(file).ok()) return fail(file + " exists already; nothing was changed");
  if (const Status written = write_file_atomically(file, example_config()); !written.ok()) {
    return fail(written.error().to_string());
  }
  print("wrote " + file + "; `chiron check` checks it\n");
  return kExitOk;
}

int show(const SettingOptions& options) {
  const auto config = load_or_complain(options);
  if (!config) return kExitFailed;
  print(show_config(*config));
  return kExitOk;
}

}  // namespace

void add_check_commands(Cli& cli) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto check_options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command =
      cli.add_command(cli.app, "check", "Check the configuration, or the rule and remedy files named.",
                      [&cli, files, check_options] { return check(**check_options, *files, cli.json); });
  *check_options = &cli.add_settings(*command, SettingOptions::Scope::all);
  command->add_option("FILE", *files,
                      "Rule file, remedy file or configuration; the configuration when absent.");
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
                      [show_options] { return show(**show_options); });
  *show_options = &cli.add_settings(*show_command, SettingOptions::Scope::all);
}

}  // namespace chiron::agent
