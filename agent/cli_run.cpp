#include "agent/agent.h"
#include "agent/cli_parts.h"
#include "agent/cli_print.h"
#include "agent/version.h"
#include "exporter/base/parse.h"
#include "exporter/base/systemd.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace chiron::agent {
namespace {

constexpr Duration kStopWithin = std::chrono::milliseconds(1700);

/// Blocks the signals that sigwait() takes; before any thread is made, so that all threads have them blocked.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Writes to closed sockets and pipes are errors where they happen, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

void serve_until_told(Agent& agent, const sigset_t& signals, EventLog& log) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) {
      log.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return;
    }
    notify_service_manager("RELOADING=1");
    const Status reloaded = agent.reload();
    notify_service_manager(reloaded.ok() ? "READY=1\nSTATUS=Serving."
                                         : "READY=1\nSTATUS=Serving; the last reload failed, see the log.");
  }
}

int run(const SettingOptions& options) {
  const sigset_t signals = block_signals();
  auto config = load_or_complain(options);
  if (!config) return kExitFailed;
  // The log and the agent are never destroyed: a collector or action that hangs in the kernel may still hold
  // them when the process ends.
  EventLog& log = *make_stderr_log(config->log_options()).release();
  log.info("starting", {{"version", kVersion},
                        {"config", config->file_exists ? config->file : "built-in defaults"},
                        {"storage", config->settings.text("storage.path")}});
  auto started = Agent::start(*std::move(config), system_clock(), log);
  if (!started.ok()) {
    std::fprintf(stderr, "chiron: %s\n", started.error().to_string().c_str());
    std::fflush(stderr);
    std::_Exit(kExitFailed);
  }
  Agent& agent = *started->release();
  if (!agent.wait_ready(std::chrono::seconds(30))) log.warning("the first pass takes long");
  for (const std::string& address : agent.addresses()) {
    log.info("serving", {{"url", "http://" + address + "/metrics"}});
  }
  notify_service_manager("READY=1\nSTATUS=Serving.");
  serve_until_told(agent, signals, log);
  notify_service_manager("STOPPING=1");
  agent.stop(kStopWithin);
  log.info("stopped");
  std::fflush(nullptr);
  std::_Exit(kExitOk);
}

}  // namespace

void add_run_command(Cli& cli) {
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command = cli.add_command(cli.app, "run", "Run the agent in the foreground.",
                                      [options] { return run(**options); });
  *options = &cli.add_settings(*command, SettingOptions::Scope::all);
}

}  // namespace chiron::agent
