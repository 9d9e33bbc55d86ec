#include "agent/cli.h"

#include "agent/cli_parts.h"
#include "agent/version.h"

#include <cstdio>

namespace chiron::agent {
namespace {

void gather_names(const CLI::App& app, std::vector<std::string>& options,
                  std::vector<std::string>& commands) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
  }
}

const CLI::App& innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.front());
}

/// "did you mean --x?" for the first argument that nothing expected.
std::string suggestion(const CLI::App& app) {
  const auto extras = app.remaining(true);
  if (extras.empty()) return {};
  std::vector<std::string> options;
  std::vector<std::string> commands;
  gather_names(innermost(app), options, commands);
  const std::string word = extras.front().substr(0, extras.front().find('='));
  const auto& candidates = word.starts_with("-") ? options : commands;
  const std::string near = closest(word, {candidates.begin(), candidates.end()});
  return near.empty() ? std::string() : "did you mean " + near + "?";
}

}  // namespace

void SettingOptions::add_to(CLI::App& command, Scope scope) {
  for (const Setting& setting : all_settings()) {
    if (scope == Scope::locate && setting.option != "config.file" && setting.option != "storage.path")
      continue;
    const bool collector = setting.option.starts_with("collector.");
    CLI::Option* option = nullptr;
    if (setting.kind == SettingKind::flag) {
      option = command.add_flag("--" + setting.option + ",!--no-" + setting.option, setting.help);
    } else {
      option = command.add_option("--" + setting.option, setting.help);
      if (setting.kind == SettingKind::list) {
        option->type_size(1)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      } else {
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      }
    }
    if (!setting.default_value.empty()) {
      option->description(setting.help + " [" + setting.default_value + "]");
    }
    option->group(collector ? "Collectors" : "Settings (file and environment too: see `chiron config show`)");
    options_.emplace_back(&setting, option);
  }
}

GivenOptions SettingOptions::given() const {
  GivenOptions given;
  for (const auto& [setting, option] : options_) {
    if (option->count() == 0) continue;
    if (setting->kind == SettingKind::flag) {
      given.emplace_back(setting->option, std::vector<std::string>{option->as<bool>() ? "true" : "false"});
    } else {
      given.emplace_back(setting->option, option->results());
    }
  }
  return given;
}

SettingOptions& Cli::add_settings(CLI::App& command, SettingOptions::Scope scope) {
  setting_options.push_back(std::make_unique<SettingOptions>());
  setting_options.back()->add_to(command, scope);
  return *setting_options.back();
}

CLI::App* Cli::add_command(CLI::App& parent, const std::string& name, const std::string& help,
                           std::function<int()> run) {
  CLI::App* command = parent.add_subcommand(name, help);
  if (run) {
    command->callback([this, run = std::move(run)] { chosen = run; });
  } else {
    command->require_subcommand(1);
  }
  return command;
}

int fail(const std::string& message) {
  std::fprintf(stderr, "chiron: %s\n", message.c_str());
  return kExitFailed;
}

std::optional<Config> load_or_complain(const SettingOptions& options) {
  DiagnosticSink sink;
  Config config = load_config(options.given(), process_environment(), sink);
  for (const Diagnostic& diagnostic : sink.all()) std::fprintf(stderr, "%s\n", to_text(diagnostic).c_str());
  if (!sink.ok()) return std::nullopt;
  return config;
}

int run_command_line(int argc, char** argv) {
  Cli cli;
  cli.app.name("chiron");
  cli.app.require_subcommand(1);
  cli.app.set_version_flag("--version", "chiron " + std::string(kVersion));
  cli.app.footer("`chiron COMMAND --help` tells more. Start with `chiron run`, then `chiron status`.");
  add_run_command(cli);
  add_check_commands(cli);
  add_query_commands(cli);
  add_remedy_commands(cli);
  cli.add_command(cli.app, "version", "Print the version.", [] {
    std::printf("chiron %s\n", std::string(kVersion).c_str());
    return kExitOk;
  });
  try {
    cli.app.parse(argc, argv);
  } catch (const CLI::Success& asked_for_help) {
    return cli.app.exit(asked_for_help);
  } catch (const CLI::ParseError& fault) {
    std::fprintf(stderr, "chiron: %s\n", fault.what());
    const std::string hint = suggestion(cli.app);
    std::fprintf(stderr, "%s\n", hint.empty() ? "`chiron --help` lists the commands" : hint.c_str());
    return kExitUsage;
  }
  return cli.chosen();
}

}  // namespace chiron::agent
