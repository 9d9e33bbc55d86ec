#include "remediation/actions/action.h"
#include "remediation/actions/cache_prune.h"
#include "remediation/actions/command_run.h"
#include "remediation/actions/container.h"
#include "remediation/actions/container_prune.h"
#include "remediation/actions/disk_rescue.h"
#include "remediation/actions/files_prune.h"
#include "remediation/actions/health_check.h"
#include "remediation/actions/http_request.h"
#include "remediation/actions/logs_rotate.h"
#include "remediation/actions/notify.h"
#include "remediation/actions/report_write.h"
#include "remediation/actions/service.h"
#include "remediation/actions/service_property.h"
#include "remediation/actions/service_rolling.h"
#include "remediation/actions/updates_check.h"

#include <algorithm>

namespace chiron::remediation {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

template <class T>
std::unique_ptr<Action> make() {
  return std::make_unique<T>();
}

// By name, the order in which they are shown.
const ActionInfo kActions[] = {
    {"cache.prune", "remove keys of a Redis server by pattern, idle time and memory", minutes(5),
     make<CachePrune>, true},
    {.name = "command.run",
     .help = "run a program with arguments, without a shell",
     .default_timeout = seconds(60),
     .make = make<CommandRun>,
     .outlives_agent = true},
    {"container.kill", "send a signal to a container and see what it did", seconds(30), make<ContainerKill>},
    {"container.prune", "remove images, build cache and more that nothing uses from Docker and Podman",
     minutes(10), make<ContainerPrune>, true},
    {"container.restart", "restart a container and see that it is up and healthy", seconds(90),
     make<ContainerRestart>},
    {"container.rolling_restart", "restart containers one by one while each comes back healthy", minutes(10),
     make<ContainerRollingRestart>, true},
    {"container.start", "start a container that crashed", seconds(90), make<ContainerStart>},
    {"container.stop", "stop a container", seconds(30), make<ContainerStop>},
    {"disk.rescue", "remove what the host can do without until enough of a disk is free", minutes(5),
     make<DiskRescue>, true},
    {"files.prune", "remove files by pattern, age, size and number", minutes(5), make<FilesPrune>, true},
    {.name = "health.check",
     .help = "look at the host and the agent, and fail when something is wrong",
     .default_timeout = seconds(30),
     .make = make<HealthCheck>,
     .only_reads = true},
    {"http.request", "ask a server for something over HTTP and look at its answer", seconds(30),
     make<HttpRequestAction>},
    {"logs.rotate", "remove, compress and rotate logs by age, number and size", minutes(10), make<LogsRotate>,
     true},
    {"notify", "tell people through Alertmanager", seconds(30), make<Notify>},
    {"report.write", "write a health report of the host", seconds(60), make<ReportWrite>, true},
    {"service.reload", "have a systemd unit read its configuration again", seconds(30), make<ServiceReload>},
    {"service.restart", "restart a systemd unit and see that it is up again", seconds(30),
     make<ServiceRestart>},
    {"service.rolling_restart", "restart systemd units one by one while each comes up", minutes(10),
     make<ServiceRollingRestart>, true},
    {"service.set_property", "give a systemd unit other resource limits until the host reboots", seconds(30),
     make<ServiceSetProperty>},
    {"service.start", "start a systemd unit that is down", seconds(30), make<ServiceStart>},
    {"service.stop", "stop a systemd unit", seconds(30), make<ServiceStop>},
    {"updates.check", "count the updates that wait to be installed, with apt", minutes(5),
     make<UpdatesCheck>},
};

}  // namespace

std::span<const ActionInfo> all_actions() { return kActions; }

const ActionInfo* find_action(std::string_view name) {
  const auto found = std::ranges::find(kActions, name, &ActionInfo::name);
  return found == std::end(kActions) ? nullptr : &*found;
}

}  // namespace chiron::remediation
