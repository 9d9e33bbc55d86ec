#include "remediation/engine/step_runner.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <pthread.h>

namespace chiron::remediation {
namespace {

// How often a waiter looks whether it was cancelled.
constexpr Duration kLook = std::chrono::milliseconds(50);

Status expand(std::string& text, const rules::TemplateData& data) {
  if (text.find("{{") == std::string::npos) return {};
  Result<rules::Template> compiled = rules::Template::compile(text);
  if (!compiled) return std::move(compiled).error();
  Result<std::string> expanded = compiled->expand(data);
  if (!expanded) return std::move(expanded).error();
  for (const char character : *expanded) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) {
      return Error(ErrorCode::invalid_argument,
                   fmt::format("{}: expands to a text with a control character", text));
    }
  }
  text = *std::move(expanded);
  return {};
}

Status expand(ArgumentValues& values, const rules::TemplateData& data) {
  for (auto& [name, value] : values) {
    Status status;
    for (std::string& text : value.texts) {
      if (status) status = expand(text, data);
    }
    for (auto& [key, text] : value.pairs) {
      if (status) status = expand(text, data);
    }
    if (!status) return std::move(status).error().wrap(name);
  }
  return {};
}

std::string_view outcome_of(const Status& status, const Report& report) {
  if (report.goes_on) return "goes_on";
  if (status) return "succeeded";
  if (report.left_alone) return StepRunner::kLeftAlone;
  switch (status.error().code()) {
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::not_found:
      return "not_found";
    default:
      return "failed";
  }
}

std::string detail_of(const Status& status, const Report& report) {
  if (!status) {
    std::string error = status.error().to_string();
    const bool says_more = error.find(report.summary) == std::string::npos;
    return says_more ? fmt::format("{} (after: {})", error, report.summary) : error;
  }
  std::string text = report.summary;
  for (const auto& [name, value] : report.facts)
    text += fmt::format("{}{}={}", text.empty() ? "" : "; ", name, value);
  return text;
}

}  // namespace

std::string arguments_to_json(const ArgumentValues& values) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : values) {
    switch (value.shape) {
      case ArgumentValue::Shape::text:
        json[name] = value.texts.empty() ? std::string() : value.texts.front();
        break;
      case ArgumentValue::Shape::list:
        json[name] = value.texts;
        break;
      case ArgumentValue::Shape::pairs:
        // Pairs are variables of an environment, where secrets live: the ledger is no place for those.
        json[name] = nlohmann::json::object();
        for (const auto& [key, text] : value.pairs) json[name][key] = "(not recorded)";
    }
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<PreparedStep> prepare_recorded(const ActionInfo& action, std::string_view arguments_json) {
  const nlohmann::json json = nlohmann::json::parse(arguments_json, nullptr, false);
  if (!json.is_object()) return Error(ErrorCode::corrupt, "a recorded step's arguments are no object");
  StepSpec step{&action, {}, {}};
  const auto text = [](const nlohmann::json& value) {
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  for (const auto& [name, value] : json.items()) {
    ArgumentValue argument;
    if (value.is_object()) {
      argument.shape = ArgumentValue::Shape::pairs;
      for (const auto& [key, kept] : value.items()) argument.pairs.emplace_back(key, text(kept));
    } else if (value.is_array()) {
      argument.shape = ArgumentValue::Shape::list;
      for (const nlohmann::json& element : value) argument.texts.push_back(text(element));
    } else {
      argument.texts.push_back(text(value));
    }
    step.arguments.emplace_back(name, std::move(argument));
  }
  return prepare_step(step, nullptr);
}

std::string_view subject_of(const ActionInfo& info) {
  const std::unique_ptr<Action> action = info.make();
  Arguments arguments;
  action->declare(arguments);
  const auto found = std::ranges::find_if(arguments.declared(), [](const Arguments::Declared& declared) {
    return declared.need == Need::required && !declared.patterns;
  });
  return found != arguments.declared().end() ? found->name : std::string_view();
}

Result<PreparedStep> prepare_step(const StepSpec& step, const rules::TemplateData* data) {
  ArgumentValues values = step.arguments;
  const std::string name(step.action->name);
  if (data != nullptr) {
    if (Status status = expand(values, *data); !status) return std::move(status).error().wrap(name);
  }
  PreparedStep prepared{step.action, step.action->make(), arguments_to_json(values),
                        step.action->default_timeout};
  Arguments arguments;
  prepared.action->declare(arguments);
  if (Status bound = arguments.bind(values); !bound) return std::move(bound).error().wrap(name);
  if (Status valid = prepared.action->validate(); !valid) return std::move(valid).error().wrap(name);
  if (arguments.timeout() > Duration::zero()) prepared.timeout = arguments.timeout();
  return prepared;
}

/// Everything an action touches while it works, owned together: an abandoned thread keeps it alive.
struct StepRunner::Job {
  Job(PreparedStep prepared, const StepOwner& owner, const HostPaths& host, DeletionPolicy may_delete,
      RequestPolicy may_request, const Options& options, std::shared_ptr<Isolation> isolated,
      std::shared_ptr<const std::atomic<bool>> agent_stops, const Clock& clock, EventLog& log)
      : isolation(std::move(isolated)),
        step(std::move(prepared)),
        paths(host),
        deletion(std::move(may_delete)),
        requests(std::move(may_request)),
        watched(options.watched_services),
        container_sockets(options.container_sockets),
        host_view(options.host),
        context{paths,
                clock,
                log,
                *isolation,
                owner.cancel,
                clock.boot() + step.timeout,
                deletion,
                options.bus,
                watched,
                owner.run_id,
                owner.manual,
                owner.step,
                [stopping = std::move(agent_stops), may = owner.may_go_on] { return may && *stopping; },
                owner.run,
                &requests,
                options.notifier,
                options.findings,
                host_view.get(),
                container_sockets} {}

  const std::shared_ptr<Isolation> isolation;
  PreparedStep step;
  const HostPaths paths;
  const DeletionPolicy deletion;
  const RequestPolicy requests;
  const std::vector<std::string> watched;
  const std::vector<std::string> container_sockets;
  const std::shared_ptr<const HostView> host_view;
  ActionContext context;
  std::function<void(Job&)> work;
  // Written by the working thread before `done`, read by the waiter after it.
  Status status;
  Report report;
  Result<Plan> planned = Plan{};
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;       // guarded by mutex
  bool abandoned = false;  // guarded by mutex
};

StepRunner::StepRunner(Options options, const HostPaths& paths, const Clock& clock, EventLog& log)
    : options_(std::move(options)),
      deletion_(options_.deletion),
      requests_(options_.requests),
      paths_(paths),
      clock_(clock),
      log_(log) {}

bool StepRunner::stuck(std::string_view target) const {
  const std::lock_guard lock(stuck_->mutex);
  return stuck_->targets.find(target) != stuck_->targets.end();
}

void StepRunner::set_policies(DeletionPolicy deletion, RequestPolicy requests) {
  const std::lock_guard lock(policy_mutex_);
  deletion_ = std::move(deletion);
  requests_ = std::move(requests);
}

void StepRunner::abandon_at(BootTime line) {
  *stopping_ = true;
  abandon_at_ = line.time_since_epoch().count();
}

Result<std::shared_ptr<StepRunner::Job>> StepRunner::make_job(PreparedStep step,
                                                              const StepOwner& owner) const {
  {
    const std::lock_guard lock(stuck_->mutex);
    if (stuck_->targets.contains(owner.target)) {
      return Error(ErrorCode::failed_precondition,
                   fmt::format("an earlier step on {} hangs and has not returned", owner.target));
    }
    if (stuck_->targets.size() >= options_.max_stuck) {
      return Error(ErrorCode::exhausted,
                   fmt::format("{} earlier steps hang; none is started any more", stuck_->targets.size()));
    }
  }
  DeletionPolicy deletion;
  RequestPolicy requests;
  {
    const std::lock_guard lock(policy_mutex_);
    deletion = deletion_;
    requests = requests_;
  }
  return std::make_shared<Job>(std::move(step), owner, paths_, std::move(deletion), std::move(requests),
                               options_, isolation_, stopping_, clock_, log_);
}

void StepRunner::work(const std::shared_ptr<Job>& job, const std::shared_ptr<Stuck>& stuck,
                      const std::string& target) {
  ::pthread_setname_np(::pthread_self(), "step");
  job->work(*job);
  bool was_abandoned = false;
  {
    const std::lock_guard lock(job->mutex);
    job->done = true;
    was_abandoned = job->abandoned;
    job->changed.notify_all();
  }
  if (!was_abandoned) return;
  const std::lock_guard lock(stuck->mutex);
  if (const auto found = stuck->targets.find(target); found != stuck->targets.end() && --found->second == 0) {
    stuck->targets.erase(found);
  }
}

Result<bool> StepRunner::carry_out(const std::shared_ptr<Job>& job, const StepOwner& owner) {
  try {
    std::thread([job, stuck = stuck_, target = owner.target] { work(job, stuck, target); }).detach();
  } catch (const std::system_error& fault) {
    return Error(ErrorCode::exhausted, fmt::format("no thread could be started: {}", fault.what()));
  }
  BootTime limit = job->context.deadline + options_.grace;
  bool cancelled = false;
  std::unique_lock lock(job->mutex);
  while (!job->changed.wait_for(lock, kLook, [&job] { return job->done; })) {
    if (!cancelled && job->context.cancel.cancelled()) {
      cancelled = true;
      limit = std::min(limit, clock_.boot() + options_.grace);
    }
    if (clock_.boot() < std::min(limit, BootTime(Duration(abandon_at_.load())))) continue;
    job->abandoned = true;
    const std::lock_guard stuck_lock(stuck_->mutex);
    ++stuck_->targets[owner.target];
    return false;
  }
  return true;
}

StepResult StepRunner::run(PreparedStep step, const StepOwner& owner) {
  StepResult result = perform(std::move(step), owner, &Action::run);
  if (result.outcome == "not_found") result.outcome = "failed";
  return result;
}

StepResult StepRunner::resume(PreparedStep step, const StepOwner& owner) {
  return perform(std::move(step), owner, &Action::resume);
}

StepResult StepRunner::perform(PreparedStep step, const StepOwner& owner, Doing doing) {
  const BootTime started = clock_.boot();
  const Duration timeout = step.timeout;
  const bool outlives = step.info->outlives_agent;
  Result<std::shared_ptr<Job>> job = make_job(std::move(step), owner);
  if (!job) return {"failed", job.error().to_string(), {}, {}};
  (*job)->work = [doing](Job& self) {
    try {
      self.status = (*self.step.action.*doing)(self.context, self.report);
    } catch (const std::exception& fault) {
      self.status = Error(ErrorCode::internal, fmt::format("the action threw: {}", fault.what()));
    }
  };
  const Result<bool> returned = carry_out(*job, owner);
  if (!returned) return {"failed", returned.error().to_string(), {}, {}};
  StepResult result;
  result.took = clock_.boot() - started;
  if (*returned) {
    result.outcome = outcome_of((*job)->status, (*job)->report);
    result.detail = detail_of((*job)->status, (*job)->report);
    result.report = (*job)->report;
    return result;
  }
  const bool cancelled = owner.cancel.cancelled();
  if (cancelled && owner.may_go_on && outlives && *stopping_) {
    result.outcome = "goes_on";
    return result;
  }
  result.outcome = cancelled ? "cancelled" : "timed_out";
  result.detail = cancelled ? "did not stop when cancelled; left behind"
                            : fmt::format("did not end within {} and {} of grace; left behind",
                                          format_duration(timeout), format_duration(options_.grace));
  log_.error("step left behind",
             {{"run", owner.run_id}, {"target", owner.target}, {"detail", result.detail}});
  return result;
}

Result<Plan> StepRunner::plan(PreparedStep step, const StepOwner& owner) {
  Result<std::shared_ptr<Job>> job = make_job(std::move(step), owner);
  if (!job) return std::move(job).error();
  (*job)->work = [](Job& self) {
    try {
      self.planned = self.step.action->plan(self.context);
    } catch (const std::exception& fault) {
      self.planned = Error(ErrorCode::internal, fmt::format("the action threw: {}", fault.what()));
    }
  };
  const Result<bool> returned = carry_out(*job, owner);
  if (!returned) return returned.error();
  if (*returned) return std::move((*job)->planned);
  return Error(ErrorCode::timed_out, "planning did not end in time");
}

}  // namespace chiron::remediation
