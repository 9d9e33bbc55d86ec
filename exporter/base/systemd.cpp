#include "exporter/base/systemd.h"

#include "exporter/base/bus_connection.h"
#include "exporter/base/bus_value.h"
#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/base/systemd_calls.h"
#include "exporter/base/unit_details.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

namespace chiron {
namespace {

using systemd1::kManager;
using systemd1::kPath;
using systemd1::kProperties;
using systemd1::kService;
using systemd1::malformed;

constexpr std::size_t kMostUnitNameBytes = 255;  // UNIT_NAME_MAX - 1

const char* method_of(UnitVerb verb) {
  switch (verb) {
    case UnitVerb::start:
      return "StartUnit";
    case UnitVerb::stop:
      return "StopUnit";
    case UnitVerb::restart:
      return "RestartUnit";
    case UnitVerb::reload:
      return "ReloadUnit";
  }
  return "";
}

bool has_unit_suffix(std::string_view name) {
  static constexpr std::string_view kSuffixes[] = {".service",   ".socket", ".device", ".mount",
                                                   ".automount", ".swap",   ".target", ".path",
                                                   ".timer",     ".slice",  ".scope"};
  return std::any_of(std::begin(kSuffixes), std::end(kSuffixes), [&](std::string_view suffix) {
    return name.ends_with(suffix) && name.size() > suffix.size();
  });
}

class BusSystemdManager final : public SystemdManager {
 public:
  explicit BusSystemdManager(std::string address) : bus_(std::move(address)) {}

  Result<std::vector<UnitSummary>> list_units(Duration timeout) override;
  Result<UnitState> unit(std::string_view name, Duration timeout) override;
  Result<std::string> system_state(Duration timeout) override {
    return manager_property("SystemState", timeout);
  }
  Result<std::string> version(Duration timeout) override { return manager_property("Version", timeout); }
  Result<JobOutcome> run_job(const JobRequest& request, const CancelToken& cancel) override;
  Status reset_failed(std::string_view unit, Duration timeout) override;
  Result<std::vector<std::uint64_t>> numbers(std::string_view unit,
                                             const std::vector<std::string>& properties,
                                             Duration timeout) override;
  Status set_numbers(std::string_view unit,
                     const std::vector<std::pair<std::string, std::uint64_t>>& properties,
                     Duration timeout) override;

 private:
  BusMessage manager_method(const char* member) { return systemd1::manager_method(bus_, member); }
  BusMessage get(const std::string& path, const char* interface, const char* property);
  Result<std::string> manager_property(const char* name, Duration timeout);
  Result<std::string> queue_job(UnitVerb verb, const std::string& unit, BootTime deadline);

  BusConnection bus_;
  systemd1::JobWatch jobs_{bus_};
};

BusMessage BusSystemdManager::get(const std::string& path, const char* interface, const char* property) {
  BusMessage message = bus_.method(kService, path.c_str(), kProperties, "Get");
  if (message && sd_bus_message_append(message.get(), "ss", interface, property) < 0) return nullptr;
  return message;
}

Result<std::string> BusSystemdManager::manager_property(const char* name, Duration timeout) {
  if (Status opened = bus_.open(); !opened) return std::move(opened).error();
  Result<BusMessage> answer = bus_.call(get(kPath, kManager, name), deadline_after(timeout));
  if (!answer) return std::move(answer).error().wrap(fmt::format("systemd {}", name));
  const char* value = nullptr;
  if (sd_bus_message_enter_container(answer->get(), 'v', "s") < 0 ||
      sd_bus_message_read(answer->get(), "s", &value) < 0) {
    return malformed(name);
  }
  return std::string(value);
}

Result<std::vector<UnitSummary>> BusSystemdManager::list_units(Duration timeout) {
  if (Status opened = bus_.open(); !opened) return std::move(opened).error();
  Result<BusMessage> answer = bus_.call(manager_method("ListUnits"), deadline_after(timeout));
  if (!answer) return std::move(answer).error().wrap("systemd ListUnits");
  return read_unit_rows(answer->get());
}

Result<UnitState> BusSystemdManager::unit(std::string_view name, Duration timeout) {
  if (!is_valid_unit_name(name)) {
    return Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a unit name", name));
  }
  if (Status opened = bus_.open(); !opened) return std::move(opened).error();
  return systemd1::read_unit(bus_, std::string(name), deadline_after(timeout));
}

Result<std::string> BusSystemdManager::queue_job(UnitVerb verb, const std::string& unit, BootTime deadline) {
  BusMessage call = manager_method(method_of(verb));
  if (!call || sd_bus_message_append(call.get(), "ss", unit.c_str(), "replace") < 0)
    return malformed("a job");
  Result<std::string> job = jobs_.queue(std::move(call), method_of(verb), deadline);
  if (!job) return std::move(job).error().wrap(fmt::format("{} {}", to_string(verb), unit));
  return job;
}

Result<JobOutcome> BusSystemdManager::run_job(const JobRequest& request, const CancelToken& cancel) {
  const std::string& name = request.unit;
  if (!is_valid_unit_name(name))
    return Error(ErrorCode::invalid_argument, "\"" + name + "\" is not a unit name");
  if (cancel.cancelled())
    return Error(ErrorCode::cancelled, "cancelled before anything was asked of systemd");
  const BootTime deadline = deadline_after(request.timeout);
  if (Status opened = bus_.open(); !opened) return std::move(opened).error();
  if (Status subscribed = jobs_.subscribe(deadline); !subscribed) return std::move(subscribed).error();

  JobOutcome outcome;
  Result<UnitState> before = systemd1::read_unit(bus_, name, deadline);
  if (!before) return std::move(before).error();
  outcome.before = *std::move(before);
  if (Status allowed = request.guard ? request.guard(outcome.before) : Status(); !allowed) {
    return std::move(allowed).error();
  }
  Result<std::string> job = queue_job(request.verb, name, deadline);
  if (!job) return std::move(job).error();
  Result<std::string> result = jobs_.wait(*job, deadline, &cancel);
  if (!result) {
    return Error(result.error().code(),
                 fmt::format("{} {}: {}; the job is left to systemd", to_string(request.verb), name,
                             result.error().code() == ErrorCode::timed_out
                                 ? "not done within " + format_duration(request.timeout)
                                 : result.error().to_string()));
  }
  outcome.result = *std::move(result);
  // The job is over; reading what became of the unit gets a moment of its own when the deadline is near.
  Result<UnitState> after =
      systemd1::read_unit(bus_, name, std::max(deadline, deadline_after(std::chrono::seconds(1))));
  if (!after) {
    return std::move(after).error().wrap(fmt::format("{} {}: job {}, but the unit's state is not known",
                                                     to_string(request.verb), name, outcome.result));
  }
  outcome.after = *std::move(after);
  return outcome;
}

Status BusSystemdManager::reset_failed(std::string_view unit, Duration timeout) {
  const std::string name(unit);
  if (!is_valid_unit_name(name))
    return Error(ErrorCode::invalid_argument, "\"" + name + "\" is not a unit name");
  if (Status opened = bus_.open(); !opened) return opened;
  BusMessage call = manager_method("ResetFailedUnit");
  if (!call || sd_bus_message_append(call.get(), "s", name.c_str()) < 0) return malformed("ResetFailedUnit");
  Result<BusMessage> answer = bus_.call(std::move(call), deadline_after(timeout));
  if (!answer) return std::move(answer).error().wrap("reset-failed " + name);
  return {};
}

Result<std::vector<std::uint64_t>> BusSystemdManager::numbers(std::string_view unit,
                                                              const std::vector<std::string>& properties,
                                                              Duration timeout) {
  const std::string name(unit);
  if (!is_valid_unit_name(name))
    return Error(ErrorCode::invalid_argument, "\"" + name + "\" is not a unit name");
  const BootTime deadline = deadline_after(timeout);
  if (Status opened = bus_.open(); !opened) return std::move(opened).error();
  const Result<std::string> path = systemd1::unit_path(bus_, name, deadline);
  if (!path) return path.error();
  std::vector<BusMessage> calls;
  for (const std::string& property : properties) {
    calls.push_back(get(*path, kind_interface(name).c_str(), property.c_str()));
  }
  auto answers = bus_.call_all(std::move(calls), deadline);
  if (!answers) return std::move(answers).error().wrap("unit " + name);
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < properties.size(); ++i) {
    Result<BusMessage>& answer = (*answers)[i];
    if (!answer) return std::move(answer).error().wrap(fmt::format("{} of {}", properties[i], name));
    if (read_variant(answer->get(), values.emplace_back()) < 0) return malformed(properties[i].c_str());
  }
  return values;
}

Status BusSystemdManager::set_numbers(std::string_view unit,
                                      const std::vector<std::pair<std::string, std::uint64_t>>& properties,
                                      Duration timeout) {
  const std::string name(unit);
  if (!is_valid_unit_name(name))
    return Error(ErrorCode::invalid_argument, "\"" + name + "\" is not a unit name");
  if (Status opened = bus_.open(); !opened) return opened;
  BusMessage call = manager_method("SetUnitProperties");
  int rc = call ? sd_bus_message_append(call.get(), "sb", name.c_str(), 1) : -ENOMEM;
  if (rc >= 0) rc = sd_bus_message_open_container(call.get(), 'a', "(sv)");
  for (const auto& [property, value] : properties) {
    if (rc >= 0) rc = sd_bus_message_append(call.get(), "(sv)", property.c_str(), "t", value);
  }
  if (rc >= 0) rc = sd_bus_message_close_container(call.get());
  if (rc < 0) return malformed("SetUnitProperties");
  Result<BusMessage> answer = bus_.call(std::move(call), deadline_after(timeout));
  if (!answer) return std::move(answer).error().wrap("set properties of " + name);
  return {};
}

}  // namespace

std::unique_ptr<SystemdManager> make_systemd_manager(BusAddress address) {
  return std::make_unique<BusSystemdManager>(std::move(address.address));
}

bool is_valid_unit_name(std::string_view name) {
  if (name.size() > kMostUnitNameBytes || name.find("..") != std::string_view::npos) return false;
  if (!has_unit_suffix(name) || name.front() == '@' || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  });
}

std::string_view to_string(UnitVerb verb) {
  switch (verb) {
    case UnitVerb::start:
      return "start";
    case UnitVerb::stop:
      return "stop";
    case UnitVerb::restart:
      return "restart";
    case UnitVerb::reload:
      return "reload";
  }
  return "";
}

std::string full_unit_name(std::string_view name) {
  return std::string(name) + (has_unit_suffix(name) ? "" : ".service");
}

void notify_service_manager(std::string_view state, Duration patience) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view name = variable == nullptr ? "" : variable;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof address.sun_path || (name[0] != '/' && name[0] != '@')) return;
  name.copy(address.sun_path, name.size());
  const bool is_abstract = name[0] == '@';
  if (is_abstract) address.sun_path[0] = '\0';
  const FileDescriptor fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(patience).count();
  const timeval limit{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) return;
  const std::size_t size = offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1);
  ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | (us > 0 ? 0 : MSG_DONTWAIT),
           reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

Duration watchdog_interval() {
  std::uint64_t us = 0;
  if (sd_watchdog_enabled(0, &us) <= 0) return Duration::zero();
  return std::chrono::microseconds(us);
}

}  // namespace chiron
