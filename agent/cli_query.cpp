#include "agent/cli_client.h"
#include "agent/status_text.h"
#include "agent/table.h"
#include "exporter/base/parse.h"
#include "remediation/ledger/ledger.h"

#include <cstdio>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int show(const Result<Json>& answer, bool json, std::string (*text)(const Json&)) {
  if (!answer.ok()) return fail(answer.error().to_string());
  print(json ? answer->dump(2, ' ', false, Json::error_handler_t::replace) + '\n' : text(*answer));
  return kExitOk;
}

std::string metric_text(const Json& metric) {
  std::string name;
  std::string inner;
  for (const auto& [label, value] : metric.items()) {
    if (label == "__name__") {
      name = value.get<std::string>();
    } else {
      inner +=
          (inner.empty() ? "" : ", ") + label + "=\"" + escape_label_value(value.get<std::string>()) + '"';
    }
  }
  return inner.empty() && !name.empty() ? name : name + '{' + inner + '}';
}

std::string query_text(const Json& data) {
  const std::string type = text_of(data, "resultType");
  const Json& result = data["result"];
  if (type == "scalar" || type == "string") return result[1].get<std::string>() + '\n';
  Table table({"SERIES", "VALUE"});
  for (const Json& series : result) {
    if (type == "vector") {
      table.add({metric_text(series["metric"]), series["value"][1].get<std::string>()});
      continue;
    }
    std::string points;
    for (const Json& point : series["values"]) {
      points += fmt::format("{}{} @{:.3f}", points.empty() ? "" : "  ", point[1].get<std::string>(),
                            point[0].get<double>());
    }
    table.add({metric_text(series["metric"]), points});
  }
  return table.empty() ? "no series\n" : table.to_string();
}

int query(const SettingOptions& options, const std::string& expr, const std::string& time, bool json) {
  const auto answer = ask_agent(options, {{"command", "query"}, {"query", expr}, {"time", time}});
  if (!answer.ok()) return fail(answer.error().to_string());
  if (text_of(*answer, "status") != "success") return fail(text_of(*answer, "error"));
  print(json ? answer->dump(2) + '\n' : query_text((*answer)["data"]));
  return kExitOk;
}

std::string collectors_text(const Json& collectors) {
  Table table({"COLLECTOR", "STATE", "SERIES", "TOOK", "ERROR"});
  for (const Json& one : collectors) {
    const bool ok = one["success"].get<bool>();
    const bool no_data = one["no_data"].get<bool>();
    table.add({text_of(one, "name"),
               ok        ? "ok"
               : no_data ? "nothing here"
                         : "failing",
               fmt::format("{}", number_of(one, "series")),
               fmt::format("{:.2f} ms", number_of(one, "duration_seconds") * 1000), text_of(one, "error")});
  }
  return table.to_string();
}

struct HistoryOptions {
  remediation::HistoryFilter filter;
  std::string since;
  std::string run;
};

int history(const SettingOptions& options, HistoryOptions wanted, bool json) {
  const auto storage = storage_path(options);
  if (!storage.ok()) return fail(storage.error().to_string());
  if (!wanted.since.empty()) {
    const auto span = parse_duration(wanted.since);
    if (!span.ok()) return fail("--since: " + span.error().to_string());
    wanted.filter.since =
        std::chrono::time_point_cast<std::chrono::milliseconds>(system_clock().wall() - *span);
  }
  if (!wanted.filter.state.empty() && !remediation::parse_run_state(wanted.filter.state)) {
    return fail("--outcome: '" + wanted.filter.state + "' is no state of a run");
  }
  // The ledger is read directly: history works beside a running agent and without one.
  auto ledger = remediation::Ledger::open_read_only(*storage, system_clock(), null_log());
  if (!ledger.ok()) return fail(ledger.error().to_string());
  if (!wanted.run.empty()) {
    const auto run = (*ledger)->run(wanted.run);
    if (!run.ok()) return fail(run.error().to_string());
    if (!*run) return fail("the ledger has no run '" + wanted.run + "'");
    return show(run_json(**run), json, run_text);
  }
  const auto runs = (*ledger)->history(wanted.filter);
  if (!runs.ok()) return fail(runs.error().to_string());
  Json list = Json::array();
  for (const auto& run : *runs) list.push_back(run_json(run));
  return show(list, json,
              [](const Json& all) { return all.empty() ? std::string("no runs yet\n") : runs_table(all); });
}

void add_history(Cli& cli) {
  auto wanted = std::make_shared<HistoryOptions>();
  wanted->filter.limit = 20;
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command =
      cli.add_command(cli.app, "history", "Past runs, from the ledger; works without an agent.",
                      [&cli, options, wanted] { return history(**options, *wanted, cli.json); });
  *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
  command->add_option("RUN", wanted->run, "One run, with its steps.");
  command->add_option("--remedy", wanted->filter.remedy, "Only of this remedy.");
  command->add_option("--target", wanted->filter.target, "Only on this target.");
  command->add_option("--outcome", wanted->filter.state,
                      "Only in this state: succeeded, failed, suppressed, ...");
  command->add_option("--since", wanted->since, "Only of this time: 2h, 7d.");
  command->add_option("--limit", wanted->filter.limit, "At most so many.")->capture_default_str();
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

  auto expr = std::make_shared<std::string>();
  auto time = std::make_shared<std::string>();
  auto query_options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command = cli.add_command(
      cli.app, "query", "Evaluate a PromQL expression over the agent's samples.",
      [&cli, query_options, expr, time] { return query(**query_options, *expr, *time, cli.json); });
  *query_options = &cli.add_settings(*command, SettingOptions::Scope::locate);
  command->add_option("EXPR", *expr, "The expression.")->required();
  command->add_option("--time", *time, "Evaluation time, Unix seconds; the newest sample when absent.");
  cli.add_json_flag(*command);

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
