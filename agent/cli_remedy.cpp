#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/offline_plan.h"
#include "agent/status_text.h"
#include "exporter/base/cancel.h"
#include "exporter/base/parse.h"
#include "remediation/ledger/ledger.h"

#include <cstdio>

#include <unistd.h>

namespace chiron::agent {
namespace {

constexpr Duration kPoll = std::chrono::milliseconds(200);

struct RemedyOptions {
  std::string remedy;
  std::string target;
  std::string run;
  bool force = false;
  bool dry_run = false;
  bool no_wait = false;
};

/// Whether the run did what it was to do; of a dry-run, whether all of its steps could be planned.
bool went_well(const Json& run) {
  const std::string state = text_of(run, "state");
  if (state != "planned") return state == "succeeded";
  const Json& steps = field(run, "steps");
  for (const Json& step : steps) {
    const std::string outcome = text_of(step, "outcome");
    if (outcome != "planned" && outcome != "succeeded") return false;
  }
  return !steps.empty();
}

/// Follows a run to its end; 0 when it went well.
int follow(const SettingOptions& options, const std::string& id, bool json) {
  std::string shown;
  const CancelToken never;
  for (;;) {
    const auto run = ask_agent(options, {{"command", "run"}, {"id", id}});
    if (!run.ok()) return fail(run.error().to_string() + "; `chiron history " + id + "` tells how it ended");
    const std::string state = text_of(*run, "state");
    const auto parsed = remediation::parse_run_state(state);
    if (parsed && remediation::is_final(*parsed)) {
      print_answer(*run, json, run_text);
      return went_well(*run) ? kExitOk : kExitFailed;
    }
    if (!json && state != shown) {
      print("run " + id + ": " + state + '\n');
      std::fflush(stdout);
      shown = state;
    }
    never.wait_for(kPoll);
  }
}

int start_run(const SettingOptions& options, Json request, bool no_wait, bool json) {
  const auto id = ask_agent(options, std::move(request));
  if (!id.ok()) return fail(id.error().to_string());
  if (!id->is_string()) return fail("the agent gave the run no id");
  if (no_wait) {
    print_answer(Json{{"id", *id}}, json, [](const Json& run) { return text_of(run, "id") + '\n'; });
    return kExitOk;
  }
  return follow(options, id->get<std::string>(), json);
}

int show_plan(const Result<Json>& plan, bool json, std::string (*text)(const Json&)) {
  if (!plan.ok()) return fail(plan.error().to_string());
  print_answer(*plan, json, text);
  return kExitOk;
}

int plan_remedy(const SettingOptions& options, const RemedyOptions& wanted, bool json) {
  auto plan =
      ask_agent(options, {{"command", "remedy.plan"}, {"remedy", wanted.remedy}, {"target", wanted.target}});
  if (!plan.ok() && plan.error().code() == ErrorCode::unavailable) {
    const auto config = load_or_complain(options);
    if (!config) return kExitFailed;
    const auto offline = plan_without_agent(*config, wanted.remedy, wanted.target);
    if (!offline.ok()) return fail(offline.error().to_string());
    if (!json) print("no agent answers; this is what one would do with the configuration as it is now\n");
    plan = Json::parse(*offline);
  }
  return show_plan(plan, json, remedy_plan_text);
}

int list_remedies(const SettingOptions& options, bool json) {
  const auto remedies = ask_agent(options, {{"command", "remedies"}});
  return show_plan(remedies, json, remedies_text);
}

int show_remedy(const SettingOptions& options, const RemedyOptions& wanted, bool json) {
  const auto remedies = ask_agent(options, {{"command", "remedies"}});
  if (!remedies.ok()) return fail(remedies.error().to_string());
  std::vector<std::string> names;
  for (const Json& remedy : *remedies) {
    if (text_of(remedy, "name") == wanted.remedy) {
      print_answer(remedy, json, remedy_text);
      return kExitOk;
    }
    names.push_back(text_of(remedy, "name"));
  }
  const std::string near = closest(wanted.remedy, {names.begin(), names.end()});
  return fail("there is no remedy " + wanted.remedy + (near.empty() ? "" : "; did you mean " + near + "?"));
}

int reset(const SettingOptions& options, const RemedyOptions& wanted, bool) {
  const auto done =
      ask_agent(options, {{"command", "remedy.reset"}, {"remedy", wanted.remedy}, {"target", wanted.target}});
  if (!done.ok()) return fail(done.error().to_string());
  print("earlier attempts of " + wanted.remedy + (wanted.target.empty() ? "" : " on " + wanted.target) +
        " no longer count\n");
  return kExitOk;
}

int cancel(const SettingOptions& options, const RemedyOptions& wanted, bool) {
  const auto done = ask_agent(options, {{"command", "run.cancel"}, {"id", wanted.run}});
  if (!done.ok()) return fail(done.error().to_string());
  print("run " + wanted.run + " is being cancelled\n");
  return kExitOk;
}

int reject(const SettingOptions& options, const RemedyOptions& wanted, bool) {
  const auto done = ask_agent(options, {{"command", "run.reject"}, {"id", wanted.run}});
  if (!done.ok()) return fail(done.error().to_string());
  print("run " + wanted.run +
        " is rejected; its remedy does not ask again while the alert fires, or before its next time\n");
  return kExitOk;
}

/// NAME=VALUE; a name given twice makes a list.
Result<Json> parse_arguments(const std::vector<std::string>& given) {
  Json arguments = Json::object();
  for (const std::string& one : given) {
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error(ErrorCode::invalid_argument,
                   "'" + one + "' is not NAME=VALUE; `chiron actions` lists the arguments");
    }
    const std::string name = one.substr(0, equals);
    const std::string value = one.substr(equals + 1);
    if (!arguments.contains(name)) {
      arguments[name] = value;
    } else if (arguments[name].is_array()) {
      arguments[name].push_back(value);
    } else {
      arguments[name] = Json::array({arguments[name], value});
    }
  }
  return arguments;
}

void add_remedy(Cli& cli, CLI::App& parent) {
  auto wanted = std::make_shared<RemedyOptions>();
  const auto add = [&](const char* name, const char* help, auto run) {
    auto options = std::make_shared<SettingOptions*>(nullptr);
    CLI::App* command = cli.add_command(
        parent, name, help, [&cli, options, wanted, run] { return run(**options, *wanted, cli.json); });
    *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
    return command;
  };
  CLI::App* list =
      add("list", "The remedies and their modes.",
          [](const SettingOptions& o, const RemedyOptions&, bool json) { return list_remedies(o, json); });
  cli.add_json_flag(*list);

  CLI::App* one = add("show", "One remedy, and how policy stands towards its targets.", show_remedy);
  one->add_option("REMEDY", wanted->remedy, "Name of the remedy.")->required();
  cli.add_json_flag(*one);

  CLI::App* plan = add("plan", "What a remedy would do now; changes nothing.", plan_remedy);
  plan->add_option("REMEDY", wanted->remedy, "Name of the remedy.")->required();
  plan->add_option("--target", wanted->target, "What to act on; needed when the remedy takes it from labels.")
      ->type_name("NAME");
  cli.add_json_flag(*plan);

  CLI::App* run = add("run", "Run a remedy now, one in dry-run too, and follow it to its end.",
                      [](const SettingOptions& o, const RemedyOptions& w, bool json) {
                        return start_run(o,
                                         {{"command", "remedy.run"},
                                          {"remedy", w.remedy},
                                          {"target", w.target},
                                          {"force", w.force},
                                          {"dry_run", w.dry_run}},
                                         w.no_wait, json);
                      });
  run->add_option("REMEDY", wanted->remedy, "Name of the remedy.")->required();
  run->add_option("--target", wanted->target, "What to act on; needed when the remedy takes it from labels.")
      ->type_name("NAME");
  run->add_flag("--force", wanted->force,
                "Despite cooldown, budget and pause. The allow-list and deny-list still hold.");
  run->add_flag("--dry-run", wanted->dry_run,
                "Say and record what each step would do, and do nothing; fails when one could not.");
  run->add_flag("--no-wait", wanted->no_wait, "Print the run's id and return.");
  cli.add_json_flag(*run);
}

void add_remedy_history(Cli& cli, CLI::App& parent) {
  auto wanted = std::make_shared<RemedyOptions>();
  const auto add = [&](const char* name, const char* help, auto run) {
    auto options = std::make_shared<SettingOptions*>(nullptr);
    CLI::App* command = cli.add_command(
        parent, name, help, [&cli, options, wanted, run] { return run(**options, *wanted, cli.json); });
    *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
    return command;
  };
  CLI::App* forget =
      add("reset", "Forget what earlier attempts hold against a remedy: cooldown, backoff, breaker, budget.",
          reset);
  forget->add_option("REMEDY", wanted->remedy, "Name of the remedy.")->required();
  forget->add_option("TARGET", wanted->target, "Only on this target; on any when absent.");
  CLI::App* approve = add("approve", "Begin a run that waits for approval, and follow it to its end.",
                          [](const SettingOptions& o, const RemedyOptions& w, bool json) {
                            return start_run(o, {{"command", "run.approve"}, {"id", w.run}}, w.no_wait, json);
                          });
  approve->add_option("RUN", wanted->run, "Its id, as `chiron status` shows it.")->required();
  approve->add_flag("--no-wait", wanted->no_wait, "Print the run's id and return.");
  cli.add_json_flag(*approve);
  CLI::App* no =
      add("reject", "Say no to a run that waits for approval, for as long as the alert fires, or this time.",
          reject);
  no->add_option("RUN", wanted->run, "Its id, as `chiron status` shows it.")->required();
  CLI::App* stop = add("cancel", "Cancel a run that is carried out or verified.", cancel);
  stop->add_option("RUN", wanted->run, "Its id, as `chiron status` and `chiron history` show it.")
      ->required();
}

void add_action(Cli& cli, CLI::App& parent, bool is_plan) {
  auto action = std::make_shared<std::string>();
  auto given = std::make_shared<std::vector<std::string>>();
  auto no_wait = std::make_shared<bool>(false);
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command =
      cli.add_command(parent, is_plan ? "plan" : "run",
                      is_plan ? "What an action would do now; changes nothing."
                              : "Run one action now; recorded like a remedy's run.",
                      [&cli, action, given, no_wait, options, is_plan] {
                        const auto arguments = parse_arguments(*given);
                        if (!arguments.ok()) {
                          return fail_usage(arguments.error().to_string(), "");
                        }
                        const Json request{{"command", is_plan ? "action.plan" : "action.run"},
                                           {"action", *action},
                                           {"arguments", *arguments}};
                        if (!is_plan) return start_run(**options, request, *no_wait, cli.json);
                        return show_plan(ask_agent(**options, request), cli.json, plan_text);
                      });
  *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
  command->add_option("ACTION", *action, "Name of the action: `chiron actions` lists them.")->required();
  command->add_option("ARGUMENTS", *given,
                      "NAME=VALUE; give a name several times for a list; a mapping is '{A: b, C: d}'.");
  if (!is_plan) command->add_flag("--no-wait", *no_wait, "Print the run's id and return.");
  cli.add_json_flag(*command);
}

}  // namespace

void add_remedy_commands(Cli& cli) {
  CLI::App* remedy =
      cli.add_command(cli.app, "remedy", "List, show, plan, run, pause, resume and reset remedies.", nullptr);
  add_remedy(cli, *remedy);
  add_pause_commands(cli, *remedy);
  add_remedy_history(cli, *remedy);
  add_pause_commands(cli, cli.app);
  CLI::App* action = cli.add_command(cli.app, "action", "Plan or run a single action.", nullptr);
  add_action(cli, *action, true);
  add_action(cli, *action, false);
}

}  // namespace chiron::agent
