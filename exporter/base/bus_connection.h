#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct sd_bus;
struct sd_bus_message;

namespace chiron {

struct BusMessageDeleter {
  void operator()(sd_bus_message* message) const;
};
using BusMessage = std::unique_ptr<sd_bus_message, BusMessageDeleter>;

/// One sd-bus connection (sd-bus(3)), for the adapters in this folder. sd_bus_call() waits up to 25 s for a
/// bus that accepts and never answers; here nothing waits past the deadline it is given, because every call
/// is asynchronous and poll(2) is ours. A connection that broke or timed out is dropped; open() makes a new
/// one. Not thread-safe.
class BusConnection {
 public:
  /// A signal's message; borrowed for the call.
  using SignalHandler = std::function<void(sd_bus_message* message)>;

  /// Descriptors to look at while waiting for the bus; -1: none.
  using Also = std::array<int, 2>;

  explicit BusConnection(std::string address) : address_(std::move(address)) {}
  ~BusConnection();
  BusConnection(const BusConnection&) = delete;
  BusConnection& operator=(const BusConnection&) = delete;

  /// Connects when there is no living connection. Does not wait for the bus's welcome: the first call does.
  Status open();
  void close();
  /// Whether the connection is the one that some earlier state (a subscription) was made on.
  std::uint64_t generation() const { return generation_; }

  /// A method call to fill with arguments. Null without memory.
  BusMessage method(const char* destination, const char* path, const char* interface, const char* member);
  Result<BusMessage> call(BusMessage message, BootTime deadline);
  /// Many calls in flight at once; one answer each, in their order. The outer error is the connection's.
  Result<std::vector<Result<BusMessage>>> call_all(std::vector<BusMessage> messages, BootTime deadline);
  /// Hands signals that match to `handler`, for as long as the connection lives.
  Status subscribe(const std::string& match, SignalHandler handler, BootTime deadline);
  /// Works on what arrives until `done`; timed_out, cancelled (with `cancel`), or the connection's error.
  /// `done` is asked again after each message, and when one of `also` can be read.
  Status process_until(const std::function<bool()>& done, BootTime deadline,
                       const CancelToken* cancel = nullptr, const std::function<Also()>& also = {});

 private:
  struct Pending;
  Status call_some(std::span<BusMessage> messages, std::span<Pending> pending, BootTime deadline);
  Status poll_once(BootTime deadline, const CancelToken* cancel, const Also& also);
  /// Drops the connection and says why.
  Error broken(int errnum, const char* doing);

  const std::string address_;
  sd_bus* bus_ = nullptr;
  std::uint64_t generation_ = 0;
  std::vector<std::unique_ptr<SignalHandler>> handlers_;
};

}  // namespace chiron
