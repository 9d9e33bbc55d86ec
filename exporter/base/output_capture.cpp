#include "exporter/base/output_capture.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace chiron {

Result<FileDescriptor> OutputCapture::open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "pipe");
  fd_.reset(ends[0]);
  FileDescriptor writer(ends[1]);
  if (::fcntl(fd_.get(), F_SETFL, O_NONBLOCK) != 0) return Error::from_errno(errno, "pipe");
  // Below 3 it would be in the way of the child's own.
  if (writer.get() < 3) writer.reset(::fcntl(writer.get(), F_DUPFD_CLOEXEC, 3));
  if (!writer) return Error::from_errno(errno, "pipe");
  return writer;
}

void OutputCapture::drain() {
  std::array<char, 16 << 10> buffer;
  for (int rounds = 0; fd_ && rounds < 16; ++rounds) {
    const ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      fd_.reset();
      return;
    }
    const auto size = static_cast<std::size_t>(count);
    const std::size_t kept = std::min(size, limit_ - text_.size());
    text_.append(buffer.data(), kept);
    truncated_ = truncated_ || kept < size;
  }
}

}  // namespace chiron
