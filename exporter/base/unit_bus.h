#pragma once

#include "exporter/base/bus_connection.h"
#include "exporter/base/systemd.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace chiron {

/// What a UnitWatch asks systemd over its one connection (org.freedesktop.systemd1(5)), and is told by it.
/// One thread at a time; every call has a deadline.
class UnitBus {
 public:
  explicit UnitBus(std::string address) : bus_(std::move(address)) {}

  Status open() { return bus_.open(); }
  void close() { bus_.close(); }
  /// The connection is another one than that of the last subscribe().
  bool is_new() const { return subscribed_ != bus_.generation(); }

  /// From now on `keep` is called, while an answer is waited for, with each signal of a unit that comes, goes
  /// or changes, of systemd's reloading, and of systemd's having another connection.
  Status subscribe(const BusConnection::SignalHandler& keep, BootTime deadline);

  Result<std::string> manager_property(const char* name, BootTime deadline);
  Result<std::vector<UnitSummary>> list(BootTime deadline);
  Result<std::vector<UnitSummary>> list(const std::set<std::string>& names, BootTime deadline);
  Result<std::string> canonical_name(const std::string& name, BootTime deadline);

  /// The question for one property of a unit, for ask().
  Result<BusMessage> property_of(const std::string& unit, const std::string& interface, const char* property);
  /// All at once; the answers in the order of the questions.
  Result<std::vector<Result<BusMessage>>> ask(std::vector<BusMessage> questions, BootTime deadline) {
    return bus_.call_all(std::move(questions), deadline);
  }

  /// The unit that a signal is about; "" when it is about none.
  static std::string unit_of(sd_bus_message* signal);

 private:
  Result<BusMessage> get(const std::string& path, const std::string& interface, const char* property);

  BusConnection bus_;
  std::uint64_t subscribed_ = 0;  // the generation
};

}  // namespace chiron
