#include "agent/cli.h"

#include "agent/cli_parts.h"
#include "agent/cli_print.h"
#include "agent/findings.h"
#include "agent/version.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

/// Options as their users know them from node_exporter: --[no-]collector.cpu, and no type where the help
/// tells it.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(34);
    label("OPTIONS", "OPTION...");
    label("SUBCOMMAND", "COMMAND");
    label("Positionals", "Arguments");
  }
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    if (is_positional || option->get_fnames().empty())
      return CLI::Formatter::make_option_name(option, is_positional);
    return "--[no-]" + option->get_lnames().front();
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    if (option->get_positional()) return option->get_expected_max() > 1 ? "..." : "";
    return type.empty() || option->get_items_expected_max() == 0 ? "" : ' ' + type;
  }
};

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

/// "chiron remedy plan"
std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + ' ' + app.get_name();
}

/// "remedy plan: ", or nothing for chiron itself.
std::string prefix(const CLI::App& command) {
  return command.get_parent() == nullptr ? "" : full_name(command).substr(sizeof("chiron")) + ": ";
}

bool takes_expression(const CLI::App& command) {
  const auto options = command.get_options();
  return std::any_of(options.begin(), options.end(),
                     [](const CLI::Option* option) { return option->get_name(true) == "EXPR"; });
}

struct Complaint {
  std::string message;
  std::string hint;
};

/// node_exporter's collectors that are not here: what a person's command line for it turns off is off.
constexpr std::array<std::string_view, 36> kElsewhere{
    "bcache",      "bcachefs",     "buddyinfo",   "cgroups",       "cpu_vulnerabilities",
    "dmmultipath", "drbd",         "exporter",    "ethtool",       "fibrechannel",
    "infiniband",  "ipvs",         "kernel_hung", "ksmd",          "lnstat",
    "logind",      "meminfo_numa", "mountstats",  "network_route", "nfs",
    "nfsd",        "ntp",          "pcidevice",   "perf",          "qdisc",
    "runit",       "slabinfo",     "softirqs",    "supervisord",   "swap",
    "sysctl",      "tapestats",    "wifi",        "xfrm",          "zfs",
    "zoneinfo"};

bool is_elsewhere(std::string_view option) {
  constexpr std::string_view kPrefix = "--collector.";
  if (!option.starts_with(kPrefix)) return false;
  option.remove_prefix(kPrefix.size());
  const std::string_view name = option.substr(0, option.find('.'));
  return std::find(kElsewhere.begin(), kElsewhere.end(), name) != kElsewhere.end();
}

/// About the first argument that nothing expected.
Complaint unexpected(const std::string& argument, const CLI::App& command) {
  std::vector<std::string> options;
  std::vector<std::string> commands;
  gather_names(command, options, commands);
  const std::string word = argument.substr(0, argument.find('='));
  const bool is_option = word.starts_with("-");
  const auto& candidates = is_option ? options : commands;
  Complaint complaint;
  if (is_elsewhere(word)) {
    return {prefix(command) + "there is no option " + word + ": only node_exporter has that collector",
            "its metrics can come from a node_exporter beside this one, with --collector.disable-defaults"};
  }
  if (is_option) {
    complaint.message = prefix(command) + "there is no option " + word;
  } else if (commands.empty()) {
    complaint.message = prefix(command) + "nothing takes the argument '" + argument + "'";
  } else {
    complaint.message = prefix(command) + "there is no command '" + word + "'";
  }
  const std::string near = closest(word, {candidates.begin(), candidates.end()});
  if (!near.empty()) complaint.hint = "did you mean " + near + "?";
  if (is_option && takes_expression(command) && (near.empty() || !word.starts_with("--")))
    complaint.hint = "`--` goes before an expression that begins with a dash";
  return complaint;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Complaint complaint_about(const CLI::App& app, const CLI::ParseError& fault) {
  const CLI::App& command = innermost(app);
  Complaint complaint;
  if (const auto extras = app.remaining(true); !extras.empty()) {
    complaint = unexpected(extras.front(), command);
  } else if (fault.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
    std::vector<std::string> options;
    std::vector<std::string> commands;
    gather_names(command, options, commands);
    const std::string text = fault.what();
    complaint.message =
        prefix(command) + (!commands.empty() ? "a command is missing: " + list_of(commands)
                                             : text.substr(0, text.find(' ')) + " is missing");
  } else if (fault.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch)) {
    const std::string text = fault.what();
    complaint.message = prefix(command) + text.substr(0, text.find(':')) + " needs a value";
  } else {
    complaint.message = prefix(command) + fault.what();
  }
  if (complaint.hint.empty()) complaint.hint = '`' + full_name(command) + " --help` tells what it takes";
  return complaint;
}

std::string type_of(const Setting& setting) {
  switch (setting.kind) {
    case SettingKind::flag:
      return "";
    case SettingKind::duration:
      return "DURATION";
    case SettingKind::bytes:
      return "SIZE";
    case SettingKind::count:
      return "NUMBER";
    case SettingKind::pattern:
      return "REGEX";
    case SettingKind::choice:
      return setting.choices;
    case SettingKind::path:
      return "PATH";
    case SettingKind::features:
      return "NAME";
    case SettingKind::addresses:
      return "HOST:PORT";
    case SettingKind::text:
    case SettingKind::list:
      return "VALUE";
  }
  return {};
}

}  // namespace

void SettingOptions::add_to(CLI::App& command, Scope scope) {
  for (const Setting& setting : all_settings()) {
    const bool locates = setting.option == "config.file" || setting.option == "storage.path";
    if (scope == Scope::locate && !locates) continue;
    CLI::Option* option = nullptr;
    if (setting.kind == SettingKind::flag) {
      option = command.add_flag("--" + setting.option + ",!--no-" + setting.option, setting.help);
    } else {
      option = command.add_option("--" + setting.option, setting.help);
      if (setting.is_list()) {
        option->type_size(1)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      } else {
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      }
      option->type_name(type_of(setting));
    }
    if (!setting.default_value.empty()) {
      option->description(setting.help + " [" + setting.default_value + "]");
    }
    const bool shown = scope != Scope::all_quietly || locates;
    option->group(!shown                                     ? ""
                  : setting.option.starts_with("collector.") ? "Collectors"
                  : scope == Scope::all ? "Settings (also in the configuration file and the environment)"
                                        : "Settings");
    options_.emplace_back(&setting, option);
  }
  if (scope != Scope::locate) {
    for (const std::string_view name : kElsewhere)
      command.add_flag("--no-collector." + std::string(name))->group("");
  }
  if (scope == Scope::all_quietly) {
    command.footer("Every other setting of `chiron run --help` can be given here too.");
  }
}

GivenOptions SettingOptions::given() const {
  GivenOptions given;
  for (const auto& [setting, option] : options_) {
    if (option->count() == 0) continue;
    if (setting->kind == SettingKind::flag) {
      // As text: `--collector.cpu=maybe` is for Settings to refuse.
      given.emplace_back(setting->option, std::vector<std::string>{option->results().back()});
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
  command->group("Commands");
  if (run) {
    command->callback([this, run = std::move(run)] { chosen = run; });
  } else {
    command->require_subcommand(1);
  }
  return command;
}

std::optional<Config> load_or_complain(const SettingOptions& options) {
  DiagnosticSink sink;
  Config config = load_config(options.given(), process_environment(), sink);
  check_environment(process_environment_names(), sink);
  std::fflush(stdout);
  for (const Diagnostic& diagnostic : in_order(sink)) {
    std::fprintf(stderr, "%s\n", to_text(diagnostic).c_str());
  }
  if (!sink.ok()) return std::nullopt;
  return config;
}

namespace {

/// A descriptor below 3 that was closed would go to the next file or socket opened, and the log into it.
void occupy_standard_descriptors() {
  for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY)) {
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

int run_chosen(const Cli& cli) {
  try {
    return cli.chosen();
  } catch (const std::exception& fault) {
    return fail(std::string("this is a fault of chiron itself, please report it: ") + fault.what());
  }
}

void add_version(Cli& cli) {
  CLI::App* version = cli.add_command(cli.app, "version", "Print the version.", [&cli] {
    print_answer(Json{{"version", kVersion}}, cli.json,
                 [](const Json&) { return "chiron " + std::string(kVersion) + '\n'; });
    return kExitOk;
  });
  cli.add_json_flag(*version);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  occupy_standard_descriptors();
  Cli cli;
  cli.app.name("chiron");
  cli.app.formatter(std::make_shared<HelpFormatter>());
  cli.app.set_help_flag("-h,--help", "Print this help.");
  cli.app.set_version_flag("--version", "chiron " + std::string(kVersion), "Print the version.");
  cli.app.require_subcommand(1);
  add_run_command(cli);
  add_query_commands(cli);
  add_expression_command(cli);
  add_report_command(cli);
  add_promql_commands(cli);
  add_remedy_commands(cli);
  add_check_commands(cli);
  add_version(cli);
  // After the commands, which would each inherit it.
  cli.app.footer("`chiron COMMAND --help` tells more. Start with `chiron run`, then `chiron status`.");
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());  // as CLI::App::parse() wants them
  try {
    cli.app.parse(words);
  } catch (const CLI::Success& asked_for_help) {
    cli.app.exit(asked_for_help);
    return finish_output(kExitOk);
  } catch (const CLI::ParseError& fault) {
    const auto [message, hint] = complaint_about(cli.app, fault);
    return fail_usage(message, hint);
  }
  return finish_output(run_chosen(cli));
}

}  // namespace chiron::agent
