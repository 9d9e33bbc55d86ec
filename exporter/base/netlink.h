#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// Asks the kernel for lists over netlink(7). The kernel makes the answer within the calls that send and
/// receive: nothing here waits, but for a lock that the kernel itself may have to take. Not thread-safe.
class NetlinkList {
 public:
  /// `protocol` is a NETLINK_*; `what` stands in errors.
  NetlinkList(int protocol, std::string what) : protocol_(protocol), what_(std::move(what)) {}

  struct Question {
    std::uint16_t type = 0;
    std::uint16_t answers = 0;  ///< the type of the messages of the list
    std::string_view body;      ///< what follows the header: the family's own header, and attributes
  };
  /// Takes the body of one message; false when it does not follow its format.
  using Take = std::function<bool(std::string_view body)>;
  /// ErrorCode::unavailable: the list changed while the kernel told it, and what was taken may lack entries
  /// or have them twice. Any other error: the kernel or a sandbox does not answer this question.
  Status ask(const Question& question, const Take& take);

 private:
  Status open();
  Status send(const Question& question);
  Status receive(const Question& question, const Take& take);
  /// Whether this was the last of the messages.
  Result<bool> read(std::size_t size, const Question& question, const Take& take);

  const int protocol_;
  const std::string what_;
  FileDescriptor socket_;
  std::uint32_t sequence_ = 0;
  bool changed_ = false;
  std::vector<char> buffer_;
};

/// An attribute behind a family's header (netlink(7), struct nlattr).
struct NetlinkAttribute {
  std::uint16_t type = 0;
  std::string_view payload;
};
/// Takes the next one off the front of `text`; false when there is none. Text that is left over then does not
/// follow the format.
bool next_attribute(std::string_view& text, NetlinkAttribute& attribute);

}  // namespace chiron
