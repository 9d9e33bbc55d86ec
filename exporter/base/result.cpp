#include "exporter/base/result.h"

#include <cerrno>
#include <system_error>

namespace chiron {
namespace {

ErrorCode code_of_errno(int errnum) {
  switch (errnum) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
    case ENODEV:
    case ENXIO:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission_denied;
    case ETIMEDOUT:
      return ErrorCode::timed_out;
    case ECANCELED:
      return ErrorCode::cancelled;
    case EINVAL:
      return ErrorCode::invalid_argument;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::exhausted;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::not_supported;
    case ENODATA:
      return ErrorCode::no_data;
    default:
      return ErrorCode::unavailable;
  }
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::permission_denied:
      return "permission_denied";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::exhausted:
      return "exhausted";
    case ErrorCode::not_supported:
      return "not_supported";
    case ErrorCode::failed_precondition:
      return "failed_precondition";
    case ErrorCode::no_data:
      return "no_data";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

Error Error::from_errno(int errnum, std::string_view context) {
  return {code_of_errno(errnum), std::string(context) + ": " + std::generic_category().message(errnum)};
}

Error Error::wrap(std::string message) && {
  Error outer(code_, std::move(message));
  outer.cause_ = std::make_shared<const Error>(std::move(*this));
  return outer;
}

std::string Error::to_string() const {
  std::string text = message_;
  for (const Error* inner = cause(); inner != nullptr; inner = inner->cause()) {
    text += ": ";
    text += inner->message();
  }
  return text;
}

}  // namespace chiron
