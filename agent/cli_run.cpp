#include "agent/agent.h"
#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/version.h"
#include "exporter/base/cancel.h"
#include "exporter/base/memory.h"
#include "exporter/base/systemd.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace chiron::agent {
namespace {

constexpr Duration kStopWithin = std::chrono::milliseconds(1700);
constexpr Duration kLeaveAfter = std::chrono::milliseconds(1950);

/// Blocks the signals that sigtimedwait() takes; before any thread is made, so that all threads have them
/// blocked.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Writes to closed sockets and pipes are errors where they happen, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

constexpr Duration kFirstPassWithin = std::chrono::seconds(30);
/// How long the service manager may take to read what it is told; a busy one takes a moment.
constexpr Duration kManagerWithin = std::chrono::seconds(5);
constexpr Duration kLook = std::chrono::milliseconds(5);

constexpr timespec kLookAtMemoryEvery{.tv_sec = ReleaseTimes::kLookEvery.count(), .tv_nsec = 0};

const char* name_of(int signal) { return signal == SIGTERM ? "SIGTERM" : "SIGINT"; }

/// Until the first pass is done; the signal that came first when one says to stop, else 0. A SIGHUP stays
/// pending.
int wait_for_first_pass(const Agent& agent, EventLog& log) {
  sigset_t stops;
  sigemptyset(&stops);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&stops, signal);
  const timespec look{.tv_sec = 0, .tv_nsec = kLook.count()};
  const BootTime limit = system_clock().boot() + kFirstPassWithin;
  while (!agent.ready()) {
    if (const int signal = sigtimedwait(&stops, nullptr, &look); signal > 0) return signal;
    if (system_clock().boot() < limit) continue;
    log.warning("the first pass takes long");
    return 0;
  }
  return 0;
}

/// Reloads at each SIGHUP; returns the signal that says to stop.
int serve_until_told(Agent& agent, const sigset_t& signals) {
  ReleaseTimes release_times;
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &kLookAtMemoryEvery);
    if (signal < 0) {
      if (errno == EAGAIN && release_times.due(resident_memory())) release_unused_memory();
      continue;
    }
    if (signal != SIGHUP) return signal;
    notify_service_manager("RELOADING=1", kManagerWithin);
    const auto reloaded = agent.reload();
    notify_service_manager(reloaded.ok() ? "READY=1\nSTATUS=Serving."
                                         : "READY=1\nSTATUS=Serving; the last reload failed, see the log.",
                           kManagerWithin);
  }
}

/// Something that hangs in the kernel (a disk under the state directory, a request) does not keep the
/// process.
void leave_at_the_latest(EventLog& log) {
  std::thread([&log] {
    CancelToken().wait_for(kLeaveAfter);
    log.error("stopping takes too long",
              {{"effect", "left; the next start marks unfinished runs interrupted"}});
    std::_Exit(kExitFailed);
  }).detach();
}

int run(Cli& cli, const SettingOptions& options) {
  share_one_heap();
  const sigset_t signals = block_signals();
  auto config = load_or_complain(options);
  if (!config) return kExitFailed;
  cli.end_parsing();
  // The log and the agent are never destroyed: a collector or action that hangs in the kernel may still hold
  // them when the process ends.
  EventLog& log = *make_stderr_log(config->log_options()).release();
  log.info("starting", {{"version", kVersion},
                        {"config", config->file_exists ? config->file : "built-in defaults"},
                        {"storage", config->settings.text("storage.path")}});
  auto started = Agent::start(*std::move(config), system_clock(), log);
  if (!started.ok()) {
    fail(started.error().to_string());
    std::_Exit(kExitFailed);
  }
  Agent& agent = *started->release();
  int signal = wait_for_first_pass(agent, log);
  if (signal == 0) {
    for (const std::string& address : agent.addresses()) {
      log.info("serving", {{"url", "http://" + address + "/metrics"}});
    }
    notify_service_manager("READY=1\nSTATUS=Serving.", kManagerWithin);
    release_unused_memory();
    signal = serve_until_told(agent, signals);
  }
  log.info("stopping", {{"signal", name_of(signal)}});
  notify_service_manager("STOPPING=1");
  leave_at_the_latest(log);
  agent.stop(kStopWithin);
  log.info("stopped");
  std::fflush(nullptr);
  std::_Exit(kExitOk);
}

int reload(const SettingOptions& options) {
  const auto done = ask_agent(options, {{"command", "reload"}});
  if (!done.ok()) return fail(done.error().to_string());
  print("reloaded\n");
  const std::string waiting = join(field(*done, "wait_for_restart"));
  if (!waiting.empty())
    print("not in effect yet, since only a restart of the agent makes it so: " + waiting + '\n');
  return kExitOk;
}

}  // namespace

void add_run_command(Cli& cli) {
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command = cli.add_command(cli.app, "run", "Run the agent in the foreground.",
                                      [&cli, options] { return run(cli, **options); });
  *options = &cli.add_settings(*command, SettingOptions::Scope::all);

  auto reload_options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* reload_command = cli.add_command(
      cli.app, "reload", "Make the running agent read its configuration, rules and remedies again.",
      [reload_options] { return reload(**reload_options); });
  *reload_options = &cli.add_settings(*reload_command, SettingOptions::Scope::locate);
}

}  // namespace chiron::agent
