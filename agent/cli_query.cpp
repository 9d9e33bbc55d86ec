#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/status_text.h"
#include "agent/table.h"
#include "exporter/base/parse.h"
#include "remediation/ledger/ledger.h"

#include <cstdio>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

int show(const Result<Json>& answer, bool json, std::string (*text)(const Json&)) {
  if (!answer.ok()) return fail(answer.error().to_string());
  print_answer(*answer, json, text);
  return kExitOk;
}

std::string collectors_text(const Json& collectors) {
  Table table({"COLLECTOR", "STATE", "SERIES", "TOOK", "DETAIL"});
  for (const Json& one : collectors) {
    table.add({text_of(one, "name"),
               flag_of(one, "no_data")   ? "nothing here"
               : flag_of(one, "success") ? "ok"
                                         : "FAILING",
               fmt::format("{}", number_of(one, "series")),
               fmt::format("{:.2f} ms", number_of(one, "duration_seconds") * 1000), text_of(one, "error")});
  }
  return table.to_string();
}

struct HistoryOptions {
  remediation::HistoryFilter filter;
  std::string since;
  std::string run;
  std::string limit = "20";
};

constexpr std::size_t kMostRuns = 10'000;

std::string outcomes() {
  std::string text;
  for (int i = 0;; ++i) {
    const auto state = static_cast<remediation::RunState>(i);
    text += (text.empty() ? "" : ", ") + std::string(remediation::to_string(state));
    if (state == remediation::RunState::interrupted) return text;
  }
}

int history(const SettingOptions& options, HistoryOptions wanted, bool json) {
  const std::string help = "`chiron history --help` tells what it takes";
  if (!wanted.since.empty()) {
    const auto span = parse_duration(wanted.since);
    if (!span.ok()) return fail_usage("--since: " + span.error().to_string(), help);
    wanted.filter.since =
        std::chrono::time_point_cast<std::chrono::milliseconds>(system_clock().wall() - *span);
  }
  if (!wanted.filter.state.empty() && !remediation::parse_run_state(wanted.filter.state)) {
    return fail_usage("--outcome: '" + wanted.filter.state + "' is none of " + outcomes(), help);
  }
  const auto limit = parse_int<std::size_t>(wanted.limit);
  if (!limit || *limit == 0 || *limit > kMostRuns) {
    return fail_usage(fmt::format("--limit: '{}' is no number from 1 to {}", wanted.limit, kMostRuns), help);
  }
  wanted.filter.limit = *limit;
  const auto storage = storage_path(options);
  if (!storage.ok()) return fail(storage.error().to_string());
  // The ledger is read directly: history works beside a running agent and without one.
  auto ledger = remediation::Ledger::open_read_only(*storage, system_clock(), null_log());
  if (!ledger.ok()) return fail(ledger.error().to_string());
  if (!wanted.run.empty()) {
    const auto run = (*ledger)->run(wanted.run);
    if (!run.ok()) return fail(run.error().to_string());
    if (!*run) return fail("the ledger has no run '" + wanted.run + "'");
    return show(run_json(**run), json, run_text);
  }
  const bool all = wanted.since.empty() && wanted.filter.state.empty() && wanted.filter.remedy.empty() &&
                   wanted.filter.target.empty();
  const auto runs = (*ledger)->history(wanted.filter);
  if (!runs.ok()) return fail(runs.error().to_string());
  Json list = Json::array();
  for (const auto& run : *runs) list.push_back(run_json(run));
  if (list.empty() && !json) {
    print(all ? "no runs yet\n" : "no such runs\n");
    return kExitOk;
  }
  return show(list, json, runs_table);
}

void add_history(Cli& cli) {
  auto wanted = std::make_shared<HistoryOptions>();
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command =
      cli.add_command(cli.app, "history", "Past runs, from the ledger; works without an agent.",
                      [&cli, options, wanted] { return history(**options, *wanted, cli.json); });
  *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
  command->add_option("RUN", wanted->run, "One run, with its steps.");
  command->add_option("--remedy", wanted->filter.remedy, "Only of this remedy.")->type_name("NAME");
  command->add_option("--target", wanted->filter.target, "Only on this target.")->type_name("NAME");
  command
      ->add_option("--outcome", wanted->filter.state,
                   "Only in this state: succeeded, failed, suppressed, ...")
      ->type_name("STATE");
  command->add_option("--since", wanted->since, "Only of this time: 2h, 7d.")->type_name("DURATION");
  command->add_option("--limit", wanted->limit, "At most so many. [20]")->type_name("NUMBER");
  cli.add_json_flag(*command);
}

}  // namespace

void add_query_commands(Cli& cli) {
  struct Simple {
    const char* name;
    const char* help;
    const char* request;
    std::string (*text)(const Json&);
  };
  static constexpr std::array<Simple, 2> kSimple{
      {{"status", "Host, services, alerts, remedies and runs of the running agent.", "status", status_text},
       {"collectors", "The collectors of the running agent and how they fare.", "collectors",
        collectors_text}}};
  for (const Simple& simple : kSimple) {
    auto options = std::make_shared<SettingOptions*>(nullptr);
    CLI::App* command = cli.add_command(cli.app, simple.name, simple.help, [&cli, options, &simple] {
      return show(ask_agent(**options, {{"command", simple.request}}), cli.json, simple.text);
    });
    *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
    cli.add_json_flag(*command);
  }

  auto name = std::make_shared<std::string>();
  auto why_options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* why = cli.add_command(
      cli.app, "why", "Why an alert or remedy did or did not act.", [&cli, why_options, name] {
        return show(ask_agent(**why_options, {{"command", "why"}, {"name", *name}}), cli.json, why_text);
      });
  *why_options = &cli.add_settings(*why, SettingOptions::Scope::locate);
  why->add_option("NAME", *name, "Name of an alert or of a remedy.")->required();
  cli.add_json_flag(*why);

  add_history(cli);
}

}  // namespace chiron::agent
