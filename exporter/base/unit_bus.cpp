#include "exporter/base/unit_bus.h"

#include "exporter/base/bus_value.h"
#include "exporter/base/unit_details.h"

#include <fmt/format.h>
#include <systemd/sd-bus.h>

namespace chiron {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kUnits = "/org/freedesktop/systemd1/unit";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";

std::string unit_of_path(const char* path) {
  char* name = nullptr;
  if (path == nullptr || sd_bus_path_decode(path, kUnits, &name) <= 0) return {};
  const std::unique_ptr<char, decltype(&::free)> owner(name, &::free);
  return name;
}

std::string path_of_unit(const std::string& name) {
  char* path = nullptr;
  if (sd_bus_path_encode(kUnits, name.c_str(), &path) < 0) return {};
  const std::unique_ptr<char, decltype(&::free)> owner(path, &::free);
  return path;
}

}  // namespace

Status UnitBus::subscribe(const BusConnection::SignalHandler& keep, BootTime deadline) {
  const std::string from = fmt::format("type='signal',sender='{}',", kService);
  const std::string manager = from + fmt::format("path='{}',interface='{}',member=", kPath, kManager);
  // Of the interfaces of kinds, those whose changes are looked at: every unit that changes sends two signals.
  const std::string changed =
      from +
      fmt::format("path_namespace='{}',interface='{}',member='PropertiesChanged',arg0=", kUnits, kProperties);
  for (const std::string& match :
       {manager + "'UnitNew'", manager + "'UnitRemoved'", manager + "'Reloading'",
        changed + "'org.freedesktop.systemd1.Unit'", changed + "'org.freedesktop.systemd1.Service'",
        changed + "'org.freedesktop.systemd1.Timer'", changed + "'org.freedesktop.systemd1.Socket'",
        fmt::format("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                    "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{}'",
                    kService)}) {
    if (Status matched = bus_.subscribe(match, keep, deadline); !matched) return matched;
  }
  // Without a subscriber systemd sends no signals at all.
  Result<BusMessage> subscribed = bus_.call(bus_.method(kService, kPath, kManager, "Subscribe"), deadline);
  if (!subscribed) return std::move(subscribed).error().wrap("systemd Subscribe");
  subscribed_ = bus_.generation();
  return {};
}

Result<BusMessage> UnitBus::get(const std::string& path, const std::string& interface, const char* property) {
  BusMessage message = bus_.method(kService, path.c_str(), kProperties, "Get");
  if (!message || sd_bus_message_append(message.get(), "ss", interface.c_str(), property) < 0) {
    return Error(ErrorCode::exhausted, "no memory for a question to systemd");
  }
  return message;
}

Result<std::string> UnitBus::manager_property(const char* name, BootTime deadline) {
  Result<BusMessage> question = get(kPath, kManager, name);
  if (!question) return std::move(question).error();
  Result<BusMessage> answer = bus_.call(*std::move(question), deadline);
  if (!answer) return std::move(answer).error().wrap(fmt::format("systemd {}", name));
  std::string value;
  if (read_variant(answer->get(), value) < 0) {
    return Error(ErrorCode::corrupt, fmt::format("systemd: unexpected answer to {}", name));
  }
  return value;
}

Result<BusMessage> UnitBus::property_of(const std::string& unit, const std::string& interface,
                                        const char* property) {
  return get(path_of_unit(unit), interface, property);
}

Result<std::vector<UnitSummary>> UnitBus::list(BootTime deadline) {
  Result<BusMessage> answer = bus_.call(bus_.method(kService, kPath, kManager, "ListUnits"), deadline);
  if (!answer) return std::move(answer).error().wrap("systemd ListUnits");
  return read_unit_rows(answer->get());
}

Result<std::vector<UnitSummary>> UnitBus::list(const std::set<std::string>& names, BootTime deadline) {
  BusMessage call = bus_.method(kService, kPath, kManager, "ListUnitsByNames");
  int rc = call ? sd_bus_message_open_container(call.get(), 'a', "s") : -ENOMEM;
  for (auto name = names.begin(); rc >= 0 && name != names.end(); ++name) {
    rc = sd_bus_message_append(call.get(), "s", name->c_str());
  }
  if (rc >= 0) rc = sd_bus_message_close_container(call.get());
  if (rc < 0) return Error::from_errno(-rc, "systemd ListUnitsByNames");
  Result<BusMessage> answer = bus_.call(std::move(call), deadline);
  if (!answer) return std::move(answer).error().wrap("systemd ListUnitsByNames");
  return read_unit_rows(answer->get());
}

Result<std::string> UnitBus::canonical_name(const std::string& name, BootTime deadline) {
  if (Status opened = bus_.open(); !opened) return std::move(opened).error();
  // Not LoadUnit, which would load a unit just because somebody looks.
  BusMessage call = bus_.method(kService, kPath, kManager, "GetUnit");
  if (!call || sd_bus_message_append(call.get(), "s", name.c_str()) < 0) {
    return Error(ErrorCode::exhausted, "no memory for a question to systemd");
  }
  Result<BusMessage> answer = bus_.call(std::move(call), deadline);
  if (!answer) return std::move(answer).error().wrap("unit " + name);
  const char* path = nullptr;
  if (sd_bus_message_read(answer->get(), "o", &path) < 0) {
    return Error(ErrorCode::corrupt, "systemd: unexpected answer to GetUnit");
  }
  return unit_of_path(path);
}

std::string UnitBus::unit_of(sd_bus_message* signal) { return unit_of_path(sd_bus_message_get_path(signal)); }

}  // namespace chiron
