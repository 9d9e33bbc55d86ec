#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace chiron {

/// What kind of failure it was, for code that decides on it; the message is for people.
enum class ErrorCode {
  invalid_argument,     ///< the caller or the user wrote something wrong
  not_found,            ///< the thing named does not exist (any more)
  permission_denied,    ///< the kernel, a server or a policy said no
  timed_out,            ///< a deadline passed
  cancelled,            ///< somebody asked to stop
  unavailable,          ///< a server or file is not there now; may work later
  corrupt,              ///< data that does not follow its format
  exhausted,            ///< no space, no inode, no descriptor, no budget
  not_supported,        ///< known, but not there yet or not on this kernel
  failed_precondition,  ///< the state of the world forbids it
  no_data,              ///< nothing to report, and that is normal (a collector whose hardware is absent)
  internal,             ///< a fault of ours
};
std::string_view to_string(ErrorCode code);

/// A failure: code, message for a person, and what caused it. Cheap to move; immutable once made.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  /// "CONTEXT: strerror(errnum)", with the code that fits errnum.
  static Error from_errno(int errnum, std::string_view context);

  /// The same failure seen one level up; keeps the code. "message: cause".
  Error wrap(std::string message) &&;

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const Error* cause() const { return cause_.get(); }
  /// The whole chain: "message: cause: cause".
  std::string to_string() const;

 private:
  ErrorCode code_;
  std::string message_;
  std::shared_ptr<const Error> cause_;
};

/// Either a value or an Error. No exception crosses an interface of ours: adapters catch at the library's
/// edge.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// Only when ok().
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  T value_or(T fallback) const& { return ok() ? value() : std::move(fallback); }

  /// Only when !ok().
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};
using Status = Result<void>;

}  // namespace chiron
