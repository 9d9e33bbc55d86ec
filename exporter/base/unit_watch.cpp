#include "exporter/base/unit_watch.h"

#include "exporter/base/bus_connection.h"
#include "exporter/base/bus_value.h"
#include "exporter/base/unit_details.h"

#include <set>

#include <fmt/format.h>
#include <systemd/sd-bus.h>

namespace chiron {
namespace {

using Of = UnitDetail::Of;

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kUnits = "/org/freedesktop/systemd1/unit";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";

/// Above this many signals between two updates a list is the cheaper way, and memory stays bounded.
constexpr std::size_t kMostSignals = 5'000;
/// New units between two updates that are asked for by name.
constexpr std::size_t kMostNames = 200;
/// A bus loses nothing; should it ever, the picture is wrong for no longer than this.
constexpr Duration kListEvery = std::chrono::minutes(10);
/// Units whose details are asked for in one go.
constexpr std::size_t kUnitsAtOnce = 25;

bool applies(Of of, const std::string& name, const UnitInterest& interest) {
  switch (of) {
    case Of::any:
      return true;
    case Of::services:
      return name.ends_with(".service");
    case Of::mounts:
      return name.ends_with(".mount");
    case Of::timers:
      return name.ends_with(".timer");
    case Of::sockets:
      return name.ends_with(".socket");
    case Of::grouped:
      return interest.control_group(name);
    case Of::services_with_tasks:
      return interest.tasks_max && name.ends_with(".service");
  }
  return false;
}

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

class BusUnitWatch final : public UnitWatch {
 public:
  BusUnitWatch(std::string address, UnitInterest interest)
      : interest_(std::move(interest)), bus_(std::move(address)) {}

  Status update(Duration timeout) override;
  const WatchedUnits& units() const override { return units_; }
  const ManagerFacts& manager() const override { return manager_; }
  std::uint64_t revision() const override { return revision_; }
  Result<std::string> canonical_name(const std::string& name, Duration timeout) override;

 private:
  Status bring_up_to_date(BootTime deadline, BootTime details_until);
  Status subscribe(BootTime deadline);
  Result<BusMessage> get(const std::string& path, const std::string& interface, const char* property);
  Result<std::string> manager_property(const char* name, BootTime deadline);
  Status read_manager(BootTime deadline);
  Status list(BootTime deadline);
  void apply_signals();
  void apply(sd_bus_message* signal);
  void apply_properties(sd_bus_message* signal);
  Status read_new_rows(BootTime deadline);
  void take_row(UnitSummary row);
  void remove(const std::string& name);
  Status read_details(BootTime deadline, BootTime until);
  Status read_details_of(const std::vector<std::string>& names, BootTime deadline);

  const UnitInterest interest_;
  BusConnection bus_;
  std::uint64_t subscribed_generation_ = 0;
  /// As they came, in order; looked at when the answers that were asked for are in, which may be older.
  std::vector<BusMessage> signals_;
  bool too_many_signals_ = false;

  ManagerFacts manager_;
  WatchedUnits units_;
  std::uint64_t revision_ = 1;
  bool anew_ = true;       ///< nothing that was read before is trusted
  bool replaced_ = false;  ///< systemd has another connection to the bus, and does not know ours
  BootTime listed_{};
  std::set<std::string> rows_due_, details_due_;
  std::set<std::string> reread_;  ///< units whose constant details may be others since systemd reloaded
};

Status BusUnitWatch::update(Duration timeout) {
  const BootTime deadline = deadline_after(timeout);
  const BootTime details_until = deadline_after(timeout / 2);
  Status done = bring_up_to_date(deadline, details_until);
  if (done && replaced_) {
    bus_.close();
    done = bring_up_to_date(deadline, details_until);
  }
  if (!done) anew_ = true;
  return done;
}

Status BusUnitWatch::bring_up_to_date(BootTime deadline, BootTime details_until) {
  if (Status opened = bus_.open(); !opened) return opened;
  if (subscribed_generation_ != bus_.generation()) {
    if (Status subscribed = subscribe(deadline); !subscribed) return subscribed;
  }
  // systemd answers in turn: what it had told before is here when the answer is.
  if (Status read = read_manager(deadline); !read) return read;
  if (anew_ || too_many_signals_ || system_clock().boot() - listed_ >= kListEvery) {
    if (Status listed = list(deadline); !listed) return listed;
  }
  apply_signals();
  if (replaced_) return {};
  if (anew_) {  // systemd has reloaded: every fact may be another
    if (Status listed = list(deadline); !listed) return listed;
  }
  if (Status read = read_new_rows(deadline); !read) return read;
  return read_details(deadline, details_until);
}

Status BusUnitWatch::subscribe(BootTime deadline) {
  signals_.clear();
  too_many_signals_ = false;
  replaced_ = false;
  anew_ = true;
  const auto keep = [this](sd_bus_message* signal) {
    if (signals_.size() >= kMostSignals) too_many_signals_ = true;
    if (!too_many_signals_) signals_.emplace_back(sd_bus_message_ref(signal));
  };
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
  subscribed_generation_ = bus_.generation();
  return {};
}

Result<BusMessage> BusUnitWatch::get(const std::string& path, const std::string& interface,
                                     const char* property) {
  BusMessage message = bus_.method(kService, path.c_str(), kProperties, "Get");
  if (!message || sd_bus_message_append(message.get(), "ss", interface.c_str(), property) < 0) {
    return Error(ErrorCode::exhausted, "no memory for a question to systemd");
  }
  return message;
}

Result<std::string> BusUnitWatch::manager_property(const char* name, BootTime deadline) {
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

Status BusUnitWatch::read_manager(BootTime deadline) {
  Result<std::string> state = manager_property("SystemState", deadline);
  if (!state) return std::move(state).error();
  manager_.state = *std::move(state);
  if (!anew_) return {};
  Result<std::string> version = manager_property("Version", deadline);
  if (!version) return std::move(version).error();
  manager_.version = *std::move(version);
  Result<std::string> virtualization = manager_property("Virtualization", deadline);
  if (!virtualization) return std::move(virtualization).error();
  manager_.virtualization = *std::move(virtualization);
  return {};
}

Status BusUnitWatch::list(BootTime deadline) {
  Result<BusMessage> answer = bus_.call(bus_.method(kService, kPath, kManager, "ListUnits"), deadline);
  if (!answer) return std::move(answer).error().wrap("systemd ListUnits");
  Result<std::vector<UnitSummary>> rows = read_unit_rows(answer->get());
  if (!rows) return std::move(rows).error();
  // Older than the list, all but a notice that the connection is another one.
  std::erase_if(signals_, [](const BusMessage& signal) {
    return sd_bus_message_is_signal(signal.get(), nullptr, "NameOwnerChanged") <= 0;
  });
  too_many_signals_ = false;
  rows_due_.clear();
  if (anew_) {
    for (const auto& [name, unit] : units_) {
      details_due_.insert(name);
      reread_.insert(name);
    }
  }
  anew_ = false;
  listed_ = system_clock().boot();
  std::set<std::string, std::less<>> listed;
  for (UnitSummary& row : *rows) {
    listed.insert(row.name);
    take_row(std::move(row));
  }
  std::vector<std::string> gone;
  for (const auto& [name, unit] : units_) {
    if (!listed.contains(name)) gone.push_back(name);
  }
  for (const std::string& name : gone) remove(name);
  return {};
}

void BusUnitWatch::take_row(UnitSummary row) {
  row.description.clear();
  const auto found = units_.find(row.name);
  if (found == units_.end()) {
    details_due_.insert(row.name);
    const std::string name = row.name;
    units_[name].row = std::move(row);
    ++revision_;
    return;
  }
  UnitSummary& known = found->second.row;
  if (known.load_state == row.load_state && known.active_state == row.active_state &&
      known.sub_state == row.sub_state) {
    return;
  }
  details_due_.insert(row.name);
  known = std::move(row);
  ++revision_;
}

void BusUnitWatch::remove(const std::string& name) {
  rows_due_.erase(name);
  details_due_.erase(name);
  reread_.erase(name);
  if (units_.erase(name) > 0) ++revision_;
}

void BusUnitWatch::apply_signals() {
  for (const BusMessage& signal : signals_) apply(signal.get());
  signals_.clear();
}

void BusUnitWatch::apply(sd_bus_message* signal) {
  const std::string_view member = sd_bus_message_get_member(signal);
  if (member == "PropertiesChanged") return apply_properties(signal);
  if (member == "NameOwnerChanged") {
    replaced_ = true;
    return;
  }
  if (member == "Reloading") {
    int begins = 0;
    if (sd_bus_message_read(signal, "b", &begins) < 0 || begins == 0) anew_ = true;
    return;
  }
  const char* name = nullptr;
  if (sd_bus_message_read(signal, "s", &name) < 0) return;
  if (member == "UnitRemoved") return remove(name);
  if (!units_.contains(std::string_view(name))) rows_due_.insert(name);
}

void BusUnitWatch::apply_properties(sd_bus_message* signal) {
  std::string name = unit_of_path(sd_bus_message_get_path(signal));
  const auto found = units_.find(name);
  // One that was not loaded may be now, and no signal tells of that.
  if (found == units_.end() || found->second.row.load_state != "loaded" ||
      !apply_changed_properties(signal, found->second)) {
    rows_due_.insert(std::move(name));
    return;
  }
  ++revision_;
  if (interest_.control_group(name) || interest_.tasks_max || name.ends_with(".socket")) {
    details_due_.insert(std::move(name));
  }
}

Status BusUnitWatch::read_new_rows(BootTime deadline) {
  if (rows_due_.empty()) return {};
  if (rows_due_.size() > kMostNames) return list(deadline);
  BusMessage call = bus_.method(kService, kPath, kManager, "ListUnitsByNames");
  int rc = call ? sd_bus_message_open_container(call.get(), 'a', "s") : -ENOMEM;
  for (auto name = rows_due_.begin(); rc >= 0 && name != rows_due_.end(); ++name) {
    rc = sd_bus_message_append(call.get(), "s", name->c_str());
  }
  if (rc >= 0) rc = sd_bus_message_close_container(call.get());
  if (rc < 0) return Error::from_errno(-rc, "systemd ListUnitsByNames");
  Result<BusMessage> answer = bus_.call(std::move(call), deadline);
  if (!answer) return std::move(answer).error().wrap("systemd ListUnitsByNames");
  Result<std::vector<UnitSummary>> rows = read_unit_rows(answer->get());
  if (!rows) return std::move(rows).error();
  rows_due_.clear();
  // A unit that was gone by then is loaded by the question as one that is not found; systemd drops it again
  // and says so.
  for (UnitSummary& row : *rows) take_row(std::move(row));
  return {};
}

Status BusUnitWatch::read_details(BootTime deadline, BootTime until) {
  for (const auto& [name, unit] : units_) {
    if (unit.accepts && unit.row.active_state == "active") details_due_.insert(name);
  }
  while (!details_due_.empty() && system_clock().boot() < until) {
    std::vector<std::string> names;
    while (!details_due_.empty() && names.size() < kUnitsAtOnce) {
      std::string name = std::move(details_due_.extract(details_due_.begin()).value());
      const auto unit = units_.find(name);
      if (unit == units_.end() || unit->second.row.load_state != "loaded" || !interest_.wanted(name))
        continue;
      names.push_back(std::move(name));
    }
    if (names.empty()) continue;
    if (Status read = read_details_of(names, deadline); !read) return read;
  }
  return {};
}

Status BusUnitWatch::read_details_of(const std::vector<std::string>& names, BootTime deadline) {
  struct Question {
    const std::string& name;
    const UnitDetail& detail;
  };
  std::vector<Question> asked;
  std::vector<BusMessage> calls;
  for (const std::string& name : names) {
    const bool known = units_.at(name).detailed && !reread_.contains(name);
    const std::string path = path_of_unit(name);
    for (const UnitDetail& detail : unit_details()) {
      if (!applies(detail.of, name, interest_)) continue;
      if (known && detail.changes != UnitDetail::Changes::silent) continue;
      Result<BusMessage> call = get(path, interface_of(detail, name), std::string(detail.property).c_str());
      if (!call) return std::move(call).error();
      asked.push_back({name, detail});
      calls.push_back(*std::move(call));
    }
  }
  auto answers = bus_.call_all(std::move(calls), deadline);
  if (!answers) return std::move(answers).error().wrap("systemd units");
  std::set<std::string_view> unread;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Result<BusMessage>& answer = (*answers)[i];
    // A property that this systemd does not have stays at its default.
    if (!answer && answer.error().code() == ErrorCode::not_supported) continue;
    if (!answer || read_detail(answer->get(), asked[i].detail, units_.at(asked[i].name)) < 0) {
      unread.insert(asked[i].name);
    }
  }
  for (const std::string& name : names) {
    // One that is going: its row tells what becomes of it.
    if (unread.contains(name)) {
      rows_due_.insert(name);
    } else {
      units_.at(name).detailed = true;
      reread_.erase(name);
    }
  }
  ++revision_;
  return {};
}

Result<std::string> BusUnitWatch::canonical_name(const std::string& name, Duration timeout) {
  if (Status opened = bus_.open(); !opened) return std::move(opened).error();
  // Not LoadUnit, which would load a unit just because somebody looks.
  BusMessage call = bus_.method(kService, kPath, kManager, "GetUnit");
  if (!call || sd_bus_message_append(call.get(), "s", name.c_str()) < 0) {
    return Error(ErrorCode::exhausted, "no memory for a question to systemd");
  }
  Result<BusMessage> answer = bus_.call(std::move(call), deadline_after(timeout));
  if (!answer) return std::move(answer).error().wrap("unit " + name);
  const char* path = nullptr;
  if (sd_bus_message_read(answer->get(), "o", &path) < 0) {
    return Error(ErrorCode::corrupt, "systemd: unexpected answer to GetUnit");
  }
  return unit_of_path(path);
}

}  // namespace

std::unique_ptr<UnitWatch> make_unit_watch(BusAddress address, UnitInterest interest) {
  return std::make_unique<BusUnitWatch>(std::move(address.address), std::move(interest));
}

}  // namespace chiron
