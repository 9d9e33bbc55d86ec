#include "exporter/base/systemd_calls.h"

#include "exporter/base/systemd_properties.h"
#include "exporter/base/unit_details.h"

#include <fmt/format.h>
#include <systemd/sd-bus.h>

namespace chiron::systemd1 {
namespace {

constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";

}  // namespace

Error malformed(const char* what) {
  return {ErrorCode::corrupt, fmt::format("systemd: unexpected answer to {}", what)};
}

BusMessage manager_method(BusConnection& bus, const char* member) {
  return bus.method(kService, kPath, kManager, member);
}

Result<std::string> unit_path(BusConnection& bus, const std::string& unit, BootTime deadline) {
  BusMessage load = manager_method(bus, "LoadUnit");
  if (!load || sd_bus_message_append(load.get(), "s", unit.c_str()) < 0) return malformed("LoadUnit");
  Result<BusMessage> loaded = bus.call(std::move(load), deadline);
  if (!loaded) return std::move(loaded).error().wrap("unit " + unit);
  const char* borrowed = nullptr;
  if (sd_bus_message_read(loaded->get(), "o", &borrowed) < 0) return malformed("LoadUnit");
  return std::string(borrowed);
}

Result<UnitState> read_unit(BusConnection& bus, const std::string& unit, BootTime deadline) {
  const Result<std::string> path = unit_path(bus, unit, deadline);
  if (!path) return path.error();
  std::vector<BusMessage> calls;
  for (const std::string& interface : {std::string(kUnit), kind_interface(unit)}) {
    BusMessage all = bus.method(kService, path->c_str(), kProperties, "GetAll");
    if (!all || sd_bus_message_append(all.get(), "s", interface.c_str()) < 0) return malformed("GetAll");
    calls.push_back(std::move(all));
  }
  auto answers = bus.call_all(std::move(calls), deadline);
  if (!answers) return std::move(answers).error().wrap("unit " + unit);
  UnitState state;
  for (Result<BusMessage>& answer : *answers) {
    if (!answer) return std::move(answer).error().wrap("unit " + unit);
    if (Status read = read_unit_properties(answer->get(), state); !read) return std::move(read).error();
  }
  if (state.load_state == "not-found") {
    return Error(ErrorCode::not_found, "unit " + unit + " does not exist: no unit file of that name");
  }
  return state;
}

Status JobWatch::subscribe(BootTime deadline) {
  if (subscribed_generation_ == bus_.generation()) return {};
  const std::string match = fmt::format(
      "type='signal',sender='{}',path='{}',interface='{}',member='JobRemoved'", kService, kPath, kManager);
  const auto on_removed = [this](sd_bus_message* message) {
    std::uint32_t id = 0;
    const char *job = nullptr, *unit = nullptr, *result = nullptr;
    if (!expecting_) return;
    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0) ended_[job] = result;
  };
  if (Status matched = bus_.subscribe(match, on_removed, deadline); !matched) return matched;
  // Without a subscriber systemd sends no signals at all.
  Result<BusMessage> subscribed = bus_.call(manager_method(bus_, "Subscribe"), deadline);
  if (!subscribed) return std::move(subscribed).error().wrap("systemd Subscribe");
  subscribed_generation_ = bus_.generation();
  return {};
}

Result<std::string> JobWatch::queue(BusMessage call, const char* method, BootTime deadline) {
  ended_.clear();
  expecting_ = true;
  Result<BusMessage> answer = bus_.call(std::move(call), deadline);
  const char* job = nullptr;
  if (answer && sd_bus_message_read(answer->get(), "o", &job) >= 0) return std::string(job);
  expecting_ = false;
  if (!answer) return std::move(answer).error();
  return malformed(method);
}

Result<std::string> JobWatch::wait(const std::string& job, BootTime deadline, const CancelToken* cancel) {
  const auto ended = [&] { return ended_.contains(job); };
  Status waited = bus_.process_until(ended, deadline, cancel);
  expecting_ = false;
  if (!waited) return std::move(waited).error();
  return ended_.at(job);
}

}  // namespace chiron::systemd1
