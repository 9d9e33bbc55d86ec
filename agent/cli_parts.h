#pragma once

#include "agent/config.h"
#include "rules/promql/promql.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace chiron::agent {

// The inside of the command line, for cli*.cpp only. Each add_* makes one subcommand; what was chosen is run
// by run_command_line() once parsing is over.

/// Settings given as options on the chosen subcommand.
class SettingOptions {
 public:
  /// Which settings a command takes: all, all but only those shown that find files, or only what it needs to
  /// find a running agent.
  enum class Scope { all, all_quietly, locate };
  void add_to(CLI::App& command, Scope scope);
  GivenOptions given() const;

 private:
  std::vector<std::pair<const Setting*, CLI::Option*>> options_;
};

struct Cli {
  std::unique_ptr<CLI::App> parser =
      std::make_unique<CLI::App>("Chiron: a Prometheus exporter that heals the host it watches.");
  CLI::App& app = *parser;
  std::vector<std::unique_ptr<SettingOptions>> setting_options;
  std::function<int()> chosen;
  bool json = false;

  SettingOptions& add_settings(CLI::App& command, SettingOptions::Scope scope);
  CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help,
                        std::function<int()> run);
  void add_json_flag(CLI::App& command) { command.add_flag("--json", json, "Answer in JSON."); }
  /// For a command that stays: gives back what parsing took, half a megabyte. No option is read after it.
  void end_parsing() {
    setting_options.clear();
    parser.reset();
  }
};

void add_run_command(Cli& cli);
void add_check_commands(Cli& cli);
void add_query_commands(Cli& cli);
/// `query`: an expression, now or over time.
void add_expression_command(Cli& cli);
void add_promql_commands(Cli& cli);
void add_report_command(Cli& cli);
void add_remedy_commands(Cli& cli);
/// `pause` and `resume`, which stand below `remedy` and at the top.
void add_pause_commands(Cli& cli, CLI::App& parent);

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

/// The mistakes of an expression, all of them, without asking anybody.
void check_expression(const std::string& expr, const promql::Features& features, DiagnosticSink& sink);

/// Loads the configuration; prints its faults. Nothing when there are any.
std::optional<Config> load_or_complain(const SettingOptions& options);

}  // namespace chiron::agent
