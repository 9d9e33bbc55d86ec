#include "agent/agent_parts.h"
#include "agent/findings.h"
#include "agent/version.h"
#include "exporter/base/systemd.h"
#include "exporter/collectors/collector.h"

namespace chiron::agent {
namespace {

constexpr const char* kAlertStateKey = "alert-state";
static_assert(StateSaver::kAge < rules::kOutageTolerance);
/// Those that answer the other routes, and 503 to scrapes over the limit.
constexpr std::size_t kFurtherWorkers = 8;
constexpr Duration kRetryEvery = std::chrono::seconds(2);

/// What may end by itself while the agent does without.
bool is_want_of_room(const Error& error) { return error.code() == ErrorCode::exhausted; }

CollectorOptions options_of(const CollectorInfo& info, const Settings& settings) {
  CollectorOptions options;
  for (const CollectorOption& option : info.options) {
    options.set(std::string(option.name), settings.list(flag_of(info, option)));
  }
  return options;
}

}  // namespace

Status AgentParts::open_state() {
  auto opened = StateDir::open(config.settings.text("storage.path"), control_group());
  if (!opened.ok()) return opened.error();
  state.emplace(*std::move(opened));
  ledger = std::make_unique<DeferredLedger>(DeferredLedger::Options{.directory = state->path()}, clock, log);
  ledger_open =
      &metrics.gauge("chiron_ledger_open",
                     "Whether the ledger is open; 0 while its disk has had no room for it since the "
                     "start, and until then no remedy runs.");
  Status status = open_ledger();
  if (status.ok() || !is_want_of_room(status.error())) return status;
  log.error("no ledger", {{"error", status.error().to_string()},
                          {"effect", "no remedy runs until there is room; sampling and alerts go on"}});
  return {};
}

Status AgentParts::open_ledger() {
  Status status = ledger->open();
  ledger_open->set(status.ok() ? 1 : 0);
  if (status.ok()) return {};
  return std::move(status).error().wrap("cannot open the ledger in " + state->path() +
                                        " (another directory: --storage.path)");
}

Status AgentParts::make_sampler() {
  sampler = std::make_unique<Sampler>(
      catalogue, store, metrics, clock, log,
      Sampler::Options{.interval = config.settings.duration("sampling.interval"), .live = paths.live()},
      target);
  for (const CollectorInfo& info : all_collectors()) {
    if (!config.settings.flag("collector." + std::string(info.name))) continue;
    CollectorContext context{.paths = paths,
                             .clock = clock,
                             .catalogue = catalogue,
                             .log = log,
                             .files = sampler->files(),
                             .options = options_of(info, config.settings),
                             .bus = {},
                             .watched_services = config.services,
                             .probes = config.probes};
    auto collector = info.make(std::move(context));
    if (!collector.ok()) {
      return std::move(collector).error().wrap("cannot start the collector " + std::string(info.name));
    }
    sampler->add(std::string(info.name), *std::move(collector));
  }
  auto& build = metrics.gauge("chiron_build_info", "Version of the agent; always 1.",
                              {{"version", std::string(kVersion)}});
  build.set(1);
  return {};
}

Status AgentParts::make_rules() {
  const Duration sampling = config.settings.duration("sampling.interval");
  const bool own = !config.settings.text("evaluation.interval").empty();
  const std::string base_url = "http://" + std::string(target.get("instance"));
  rules = std::make_unique<rules::Engine>(
      store, catalogue, clock, log,
      rules::Engine::Options{.interval = own ? config.settings.duration("evaluation.interval") : sampling,
                             .external_labels = config.external_labels,
                             .external_url = base_url,
                             .features = config.features(),
                             .limits = config.query_limits(),
                             .source_failing = [this](SeriesId id) { return sampler->failing(id); }});
  const auto saved = ledger->get(kAlertStateKey);
  if (!saved.ok()) {
    log.warning("alert progress not restored", {{"error", saved.error().to_string()}});
  } else if (!saved->empty()) {
    if (const Status restored = rules->restore_state(*saved); !restored.ok()) {
      log.warning("alert progress not restored", {{"error", restored.error().to_string()}});
    }
  }
  Labels identity = config.external_labels;
  for (const Label& label : target) identity.set(label.name, label.value);
  alertmanagers = std::make_unique<alerting::AlertmanagerClient>(metrics, log, std::move(identity));
  due_alerts = std::make_unique<alerting::DueAlerts>(alerting::DueAlerts::Options{
      .interval = own ? config.settings.duration("evaluation.interval") : sampling,
      .external_labels = config.external_labels,
      .base_url = base_url});
  rule_metrics = std::make_unique<RuleMetrics>(metrics, log);
  saver = std::make_unique<StateSaver>(
      [this](const std::string& text) { return ledger->put(kAlertStateKey, text); }, log);
  return {};
}

Status AgentParts::make_remediator() {
  remediation::Remediator::Options options;
  options.limits = limits_of(config);
  options.pause_file = state->path() + "/pause";
  options.watched_services = config.services;
  options.container_sockets = config.settings.list("collector.containers.socket");
  door = std::make_shared<HostDoor>(state->path());
  options.host = door;
  remediator = std::make_unique<remediation::Remediator>(
      remediation::Remediator::Services{
          .ledger = *ledger,
          .still_holds = [this](const rules::Alert& alert) { return rules->still_holds(alert); },
          .store = store,
          .metrics = metrics,
          .paths = paths,
          .clock = clock,
          .log = log,
          .want_frame = [this] { loop->want_frame(); },
          .notifier = alertmanagers.get()},
      std::move(options));
  return {};
}

Status AgentParts::serve() {
  const Duration interval = config.settings.duration("sampling.interval");
  // A third of what systemd waits for, whatever the sampling interval is.
  loop = std::make_unique<Loop>(
      *sampler, clock, interval, [this](PassTime pass) { after_pass(pass); },
      Loop::Pulse{.every = watchdog_interval() / 3, .beat = [] { notify_service_manager("WATCHDOG=1"); }});
  views = std::make_unique<Views>(Views::Sources{clock, *loop, *sampler, store, *rules, *remediator, *ledger,
                                                 interval, std::string(target.get("instance")),
                                                 [this] { return last_reload_fault(); }});
  door->open(*views);
  make_api();
  commands = std::make_unique<ControlCommands>(*views, *api, *remediator, log, [this] { return reload(); });
  scrapes = std::make_unique<Scrapes>(*loop, config.settings.count("web.max-requests"));
  http::Options options;
  options.listen = config.settings.list("web.listen-address");
  options.workers = config.settings.count("web.max-requests") + 2 * max_queries() + kFurtherWorkers;
  options.allowed_hosts = config.settings.list("web.allowed-host");
  auto http_server = http::Server::start(std::move(options), make_routes(*views, *scrapes, *api), log);
  if (!http_server.ok()) return http_server.error();
  server = *std::move(http_server);
  if (Status started = start_control(); !started.ok()) {
    if (!is_want_of_room(started.error())) return started;
    log.error("no control socket",
              {{"error", started.error().to_string()},
               {"effect", "the command line cannot reach this agent until there is room"}});
  }
  loop->start();
  if (control == nullptr || !ledger->admits()) {
    retry = std::make_unique<Retry>(kRetryEvery, [this] { return catch_up(); });
  }
  return {};
}

Status AgentParts::start_control() {
  auto started = ControlServer::start(
      control_socket_path(state->path()),
      [this](const std::string& request, const Peer& peer) { return commands->handle(request, peer); }, log);
  if (!started.ok()) return started.error();
  control = *std::move(started);
  return {};
}

/// The ledger has opened after the start: first what it knows, then runs.
Status AgentParts::take_up_ledger() {
  if (Status opened = open_ledger(); !opened.ok()) return opened;
  if (Status taken = remediator->take_up(); !taken.ok()) return taken;
  ledger->admit();
  log.info("ledger opened", {{"effect", "remedies run again"}});
  return {};
}

bool AgentParts::catch_up() {
  const bool told = ledger->admits() || take_up_ledger().ok();
  return (control != nullptr || start_control().ok()) && told;
}

void AgentParts::after_pass(PassTime pass) {
  const auto changes = rules->evaluate(pass.t, pass.boot);
  firing.clear();
  std::vector<rules::Alert> alerts = rules->alerts();
  rule_metrics->update(*rules, alerts, store, catalogue);
  for (rules::Alert& alert : alerts) {
    if (alert.state == rules::AlertState::firing) firing.push_back(std::move(alert));
  }
  if (tell_again.exchange(false)) due_alerts->tell_all_again();
  alertmanagers->send(due_alerts->next(firing, changes, from_ms(pass.t), pass.boot));
  remediator->frame_done(pass.boot);
  remediator->consider(firing);
  for (const rules::AlertChange& change : changes) {
    log.info(
        "alert " + std::string(change.to == rules::AlertState::inactive ? "resolved" : to_string(change.to)),
        {{"alert", change.alert.name},
         {"labels", change.alert.labels.to_string()},
         {"value", change.alert.value}});
  }
  if (saver->due(!changes.empty(), !alerts.empty(), pass.boot)) saver->save(rules->save_state());
}

Agent::Agent(std::unique_ptr<AgentParts> parts) : parts_(std::move(parts)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(Config config, const Clock& clock, EventLog& log) {
  auto parts = std::make_unique<AgentParts>(std::move(config), clock, log);
  using Step = Status (AgentParts::*)();
  constexpr std::array<Step, 6> kSteps{
      &AgentParts::open_state,      &AgentParts::make_sampler,           &AgentParts::make_rules,
      &AgentParts::make_remediator, &AgentParts::load_policies_at_start, &AgentParts::serve};
  for (const Step step : kSteps) {
    if (Status status = (parts.get()->*step)(); !status.ok()) return status.error();
  }
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));
}

Result<std::vector<std::string>> Agent::reload() { return parts_->reload(); }

bool Agent::ready() const { return parts_->views->ready(); }

bool Agent::healthy() const { return parts_->views->healthy(); }

std::vector<std::string> Agent::addresses() const { return parts_->server->addresses(); }

void Agent::stop(Duration wait) {
  const BootTime deadline = parts_->clock.boot() + wait;
  parts_->retry.reset();
  parts_->api->stop();
  // A plan that somebody asked for may take longer than there is time; what it looks at lives on.
  if (parts_->control) static_cast<void>(parts_->control->stop(wait / 4));
  parts_->server->stop();
  parts_->loop->stop();
  parts_->remediator->stop(std::max(Duration::zero(), deadline - parts_->clock.boot()));
  parts_->alertmanagers->stop(std::max(Duration::zero(), deadline - parts_->clock.boot()) / 2);
  parts_->saver->save(parts_->rules->save_state());
  parts_->saver.reset();
}

}  // namespace chiron::agent
