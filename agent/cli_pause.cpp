#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/json_fields.h"
#include "exporter/base/parse.h"

namespace chiron::agent {
namespace {

struct PauseOptions {
  std::string remedy;
  std::string length;
};

/// What the agent said of a pause: {"remedy":..., "paused": detail or null}.
std::string paused_text(const Json& answer) {
  const std::string remedy = text_of(answer, "remedy");
  const std::string paused = text_of(answer, "paused");
  const std::string what = remedy.empty() ? "no remedy is paused" : "remedy " + remedy + " is not paused";
  return paused.empty() ? what + '\n' : paused + "; sampling and alerts go on\n";
}

int pause(const SettingOptions& options, const PauseOptions& wanted, bool json) {
  if (const auto length = parse_duration(wanted.length); !wanted.length.empty() && !length.ok()) {
    return fail_usage("--for: " + length.error().to_string(), "");
  }
  const auto done =
      ask_agent(options, {{"command", "remedy.pause"}, {"remedy", wanted.remedy}, {"for", wanted.length}});
  if (!done.ok()) return fail(done.error().to_string());
  print_answer(*done, json, paused_text);
  return kExitOk;
}

int resume(const SettingOptions& options, const PauseOptions& wanted, bool json) {
  const auto done = ask_agent(options, {{"command", "remedy.resume"}, {"remedy", wanted.remedy}});
  if (!done.ok()) return fail(done.error().to_string());
  print_answer(*done, json, paused_text);
  // Resumed, and yet held back: all remedies are paused.
  return text_of(*done, "paused").empty() ? kExitOk : kExitFailed;
}

CLI::App* add(Cli& cli, CLI::App& parent, const char* name, const char* help,
              std::shared_ptr<PauseOptions> wanted,
              int (*run)(const SettingOptions&, const PauseOptions&, bool)) {
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command = cli.add_command(
      parent, name, help, [&cli, options, wanted, run] { return run(**options, *wanted, cli.json); });
  *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
  command->add_option("REMEDY", wanted->remedy, "Only this one; all when absent.");
  cli.add_json_flag(*command);
  return command;
}

}  // namespace

void add_pause_commands(Cli& cli, CLI::App& parent) {
  auto wanted = std::make_shared<PauseOptions>();
  CLI::App* stop = add(cli, parent, "pause", "Start no runs; sampling and alerts go on.", wanted, pause);
  stop->add_option("--for", wanted->length, "For so long: 2h, 30m. Until resumed when absent.")
      ->type_name("DURATION");
  add(cli, parent, "resume", "End a pause.", wanted, resume);
}

}  // namespace chiron::agent
