#include "exporter/base/bus_connection.h"

#include <cerrno>

#include <fmt/format.h>
#include <poll.h>
#include <systemd/sd-bus.h>
#include <time.h>

namespace chiron {
namespace {

constexpr const char* kDefaultAddress = "unix:path=/run/dbus/system_bus_socket";

constexpr int kMostBacklog = 1000;

/// dbus-daemon answers with an error what waits beyond 128 calls of one connection
/// (max_replies_per_connection in dbus-daemon(1)).
constexpr std::size_t kMostInFlight = 100;

int keep_answer(sd_bus_message* message, void* userdata, sd_bus_error*) {
  static_cast<BusMessage*>(userdata)->reset(sd_bus_message_ref(message));
  return 0;
}

int hand_on_signal(sd_bus_message* message, void* userdata, sd_bus_error*) {
  try {
    (*static_cast<BusConnection::SignalHandler*>(userdata))(message);
  } catch (...) {  // C frames below
    return -ENOMEM;
  }
  return 0;
}

ErrorCode code_of(std::string_view name) {
  struct Row {
    std::string_view name;
    ErrorCode code;
  };
  static constexpr Row kRows[] = {
      {"org.freedesktop.systemd1.NoSuchUnit", ErrorCode::not_found},
      {"org.freedesktop.systemd1.LoadFailed", ErrorCode::failed_precondition},
      {"org.freedesktop.systemd1.UnitMasked", ErrorCode::failed_precondition},
      {"org.freedesktop.systemd1.OnlyByDependency", ErrorCode::failed_precondition},
      {"org.freedesktop.systemd1.TransactionIsDestructive", ErrorCode::failed_precondition},
      {"org.freedesktop.DBus.Error.AccessDenied", ErrorCode::permission_denied},
      {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", ErrorCode::permission_denied},
      {"org.freedesktop.DBus.Error.InvalidArgs", ErrorCode::invalid_argument},
      {"org.freedesktop.DBus.Error.UnknownMethod", ErrorCode::not_supported},
      {"org.freedesktop.DBus.Error.UnknownInterface", ErrorCode::not_supported},
      {"org.freedesktop.DBus.Error.UnknownProperty", ErrorCode::not_supported},
      {"org.freedesktop.DBus.Error.NoReply", ErrorCode::timed_out},
      {"org.freedesktop.DBus.Error.Timeout", ErrorCode::timed_out},
  };
  for (const Row& row : kRows) {
    if (row.name == name) return row.code;
  }
  return ErrorCode::unavailable;
}

/// The answer, or the error that it carries.
Result<BusMessage> unwrap(BusMessage answer) {
  const sd_bus_error* error = sd_bus_message_get_error(answer.get());
  if (error == nullptr) return answer;
  const std::string_view name = error->name != nullptr ? error->name : "";
  const char* text = error->message != nullptr && *error->message != '\0' ? error->message : error->name;
  return Error(code_of(name), text != nullptr ? text : "D-Bus error");
}

}  // namespace

/// One call in flight.
struct BusConnection::Pending {
  struct SlotDeleter {
    void operator()(sd_bus_slot* held) const { sd_bus_slot_unref(held); }
  };
  std::unique_ptr<sd_bus_slot, SlotDeleter> slot;
  BusMessage answer;
};

void BusMessageDeleter::operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }

BusConnection::~BusConnection() { close(); }

void BusConnection::close() {
  // Not sd_bus_flush_close_unref(): flushing may wait for ever.
  bus_ = sd_bus_close_unref(bus_);
  handlers_.clear();
}

Error BusConnection::broken(int errnum, const char* doing) {
  close();
  const std::string where = address_.empty() ? "the system bus" : "the bus at " + address_;
  if (errnum == ETIMEDOUT)
    return {ErrorCode::timed_out, fmt::format("{}: no answer from {} in time", doing, where)};
  Error error = Error::from_errno(errnum, fmt::format("{}: {}", doing, where));
  // Whatever the number says (ENOENT: no socket): a bus may come back.
  if (error.code() == ErrorCode::permission_denied || error.code() == ErrorCode::exhausted) return error;
  return {ErrorCode::unavailable, error.message()};
}

Status BusConnection::open() {
  if (bus_ != nullptr) {
    // What came in meanwhile; a bus that went away shows here, before a call is lost on it. Bounded: a bus
    // may talk without end, and what is left is worked on with the call.
    int handled = 1;
    for (int i = 0; i < kMostBacklog && handled > 0; ++i) handled = sd_bus_process(bus_, nullptr);
    if (handled >= 0 && sd_bus_is_open(bus_) > 0) return {};
    close();
  }
  const char* environment = ::getenv("DBUS_SYSTEM_BUS_ADDRESS");
  const std::string address = !address_.empty()        ? address_
                              : environment != nullptr ? environment
                                                       : kDefaultAddress;
  int rc = sd_bus_new(&bus_);
  if (rc >= 0) rc = sd_bus_set_address(bus_, address.c_str());
  if (rc >= 0) rc = sd_bus_set_bus_client(bus_, 1);
  if (rc >= 0) rc = sd_bus_start(bus_);
  if (rc < 0) return broken(-rc, "connect");
  ++generation_;
  return {};
}

BusMessage BusConnection::method(const char* destination, const char* path, const char* interface,
                                 const char* member) {
  sd_bus_message* message = nullptr;
  if (sd_bus_message_new_method_call(bus_, &message, destination, path, interface, member) < 0)
    return nullptr;
  return BusMessage(message);
}

Result<BusMessage> BusConnection::call(BusMessage message, BootTime deadline) {
  std::vector<BusMessage> one;
  one.push_back(std::move(message));
  auto answers = call_all(std::move(one), deadline);
  if (!answers) return std::move(answers).error();
  return std::move(answers->front());
}

Result<std::vector<Result<BusMessage>>> BusConnection::call_all(std::vector<BusMessage> messages,
                                                                BootTime deadline) {
  std::vector<Pending> pending(messages.size());
  for (std::size_t sent = 0; sent < messages.size();) {
    const std::size_t end = std::min(messages.size(), sent + kMostInFlight);
    if (Status answered = call_some(std::span(messages).subspan(sent, end - sent),
                                    std::span(pending).subspan(sent, end - sent), deadline);
        !answered) {
      return std::move(answered).error();
    }
    sent = end;
  }
  std::vector<Result<BusMessage>> answers;
  answers.reserve(pending.size());
  for (Pending& one : pending) answers.push_back(unwrap(std::move(one.answer)));
  return answers;
}

Status BusConnection::call_some(std::span<BusMessage> messages, std::span<Pending> pending,
                                BootTime deadline) {
  // The slots go before the connection does.
  const auto give_up = [&](int errnum) {
    for (Pending& one : pending) one.slot.reset();
    return broken(errnum, "call");
  };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!messages[i]) return give_up(ENOMEM);
    sd_bus_slot* slot = nullptr;
    // The deadline is ours; sd-bus's own would only be a second clock.
    const int rc =
        sd_bus_call_async(bus_, &slot, messages[i].get(), keep_answer, &pending[i].answer, UINT64_MAX);
    if (rc < 0) return give_up(-rc);
    pending[i].slot.reset(slot);
  }
  std::size_t answered = 0;
  Status waited = process_until(
      [&] {
        while (answered < pending.size() && pending[answered].answer) ++answered;
        return answered == pending.size();
      },
      deadline);
  if (waited) return {};
  if (waited.error().code() == ErrorCode::timed_out) return give_up(ETIMEDOUT);
  for (Pending& one : pending) one.slot.reset();
  return waited;
}

Status BusConnection::subscribe(const std::string& match, SignalHandler handler, BootTime deadline) {
  handlers_.push_back(std::make_unique<SignalHandler>(std::move(handler)));
  // The slot floats: the connection owns it. A match that the bus refuses ends the connection, so the call
  // that comes after the match on the same connection tells whether it is in place.
  const int rc =
      sd_bus_add_match_async(bus_, nullptr, match.c_str(), hand_on_signal, nullptr, handlers_.back().get());
  if (rc < 0) return broken(-rc, "subscribe");
  auto answer = call(method("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId"),
                     deadline);
  if (!answer) return std::move(answer).error();
  return {};
}

Status BusConnection::process_until(const std::function<bool()>& done, BootTime deadline,
                                    const CancelToken* cancel, const std::function<Also()>& also) {
  while (!done()) {
    if (bus_ == nullptr) return Error(ErrorCode::unavailable, "the bus connection is closed");
    if (system_clock().boot() >= deadline) return Error(ErrorCode::timed_out, "no answer in time");
    if (cancel != nullptr && cancel->cancelled()) return Error(ErrorCode::cancelled, "cancelled");
    const int handled = sd_bus_process(bus_, nullptr);
    if (handled < 0) return broken(-handled, "talk");
    if (handled > 0) continue;
    if (sd_bus_is_open(bus_) <= 0) return broken(ECONNRESET, "talk");
    if (Status polled = poll_once(deadline, cancel, also ? also() : Also{-1, -1}); !polled) return polled;
  }
  return {};
}

Status BusConnection::poll_once(BootTime deadline, const CancelToken* cancel, const Also& also) {
  Duration wait = std::max(deadline - system_clock().boot(), Duration::zero());
  std::uint64_t own_us = 0;
  const int events = sd_bus_get_events(bus_);
  if (events < 0) return broken(-events, "talk");
  if (sd_bus_get_timeout(bus_, &own_us) >= 0 && own_us != UINT64_MAX) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto own = std::chrono::microseconds(own_us) - std::chrono::seconds(now.tv_sec) -
                     std::chrono::nanoseconds(now.tv_nsec);
    wait = std::clamp(Duration(own), Duration::zero(), wait);
  }
  pollfd watched[] = {{sd_bus_get_fd(bus_), static_cast<short>(events), 0},
                      {cancel ? cancel->descriptor() : -1, POLLIN, 0},
                      {also[0], POLLIN, 0},
                      {also[1], POLLIN, 0}};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  const int ready =
      ::poll(watched, std::size(watched), static_cast<int>(std::min<std::int64_t>(ms, 3'600'000)));
  if (ready < 0 && errno != EINTR) return broken(errno, "poll");
  return {};
}

}  // namespace chiron
