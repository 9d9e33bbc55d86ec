#include "exporter/base/unit_watch.h"

#include "exporter/base/unit_bus.h"
#include "exporter/base/unit_details.h"

#include <set>

#include <systemd/sd-bus.h>

namespace chiron {
namespace {

/// Above this many signals between two updates a list is the cheaper way, and memory stays bounded.
constexpr std::size_t kMostSignals = 5'000;
/// New units between two updates that are asked for by name.
constexpr std::size_t kMostNames = 200;
/// A bus loses nothing; should it ever, the picture is wrong for no longer than this.
constexpr Duration kListEvery = std::chrono::minutes(10);
/// Units whose details are asked for in one go.
constexpr std::size_t kUnitsAtOnce = 25;

class BusUnitWatch final : public UnitWatch {
 public:
  BusUnitWatch(std::string address, UnitInterest interest)
      : interest_(std::move(interest)), bus_(std::move(address)) {}

  Status update(Duration timeout) override;
  const WatchedUnits& units() const override { return units_; }
  const ManagerFacts& manager() const override { return manager_; }
  std::uint64_t revision() const override { return revision_; }
  Result<std::string> canonical_name(const std::string& name, Duration timeout) override {
    return bus_.canonical_name(name, deadline_after(timeout));
  }

 private:
  Status bring_up_to_date(BootTime deadline, BootTime details_until);
  Status subscribe(BootTime deadline);
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
  UnitBus bus_;
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
  if (bus_.is_new()) {
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
  return bus_.subscribe(keep, deadline);
}

Status BusUnitWatch::read_manager(BootTime deadline) {
  Result<std::string> state = bus_.manager_property("SystemState", deadline);
  if (!state) return std::move(state).error();
  manager_.state = *std::move(state);
  if (!anew_) return {};
  Result<std::string> version = bus_.manager_property("Version", deadline);
  if (!version) return std::move(version).error();
  manager_.version = *std::move(version);
  Result<std::string> virtualization = bus_.manager_property("Virtualization", deadline);
  if (!virtualization) return std::move(virtualization).error();
  manager_.virtualization = *std::move(virtualization);
  return {};
}

Status BusUnitWatch::list(BootTime deadline) {
  Result<std::vector<UnitSummary>> rows = bus_.list(deadline);
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
  std::string name = UnitBus::unit_of(signal);
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
  Result<std::vector<UnitSummary>> rows = bus_.list(rows_due_, deadline);
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
    for (const UnitDetail& detail : unit_details()) {
      if (!applies(detail, name, interest_)) continue;
      if (known && detail.changes != UnitDetail::Changes::silent) continue;
      Result<BusMessage> call =
          bus_.property_of(name, interface_of(detail, name), std::string(detail.property).c_str());
      if (!call) return std::move(call).error();
      asked.push_back({name, detail});
      calls.push_back(*std::move(call));
    }
  }
  auto answers = bus_.ask(std::move(calls), deadline);
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

}  // namespace

std::unique_ptr<UnitWatch> make_unit_watch(BusAddress address, UnitInterest interest) {
  return std::make_unique<BusUnitWatch>(std::move(address.address), std::move(interest));
}

}  // namespace chiron
