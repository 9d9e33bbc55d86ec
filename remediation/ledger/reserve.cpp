#include "remediation/ledger/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr std::size_t kPiece = 256 << 10;

}  // namespace

Reserve::Reserve(std::string path, std::size_t size) : path_(std::move(path)), size_(size) {
  if (size_ == 0) return;
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  struct stat status {};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) return;
  // A file of holes holds nothing, whatever its length says.
  const auto length = static_cast<std::size_t>(status.st_size);
  const auto blocks = static_cast<std::size_t>(status.st_blocks) * 512;
  if (blocks < length && ::ftruncate(fd_, 0) == 0) return;
  held_ = length;
  if (length > size_ && ::ftruncate(fd_, static_cast<off_t>(size_)) == 0) held_ = size_;
}

Reserve::~Reserve() {
  if (fd_ >= 0) ::close(fd_);
}

Status Reserve::fill() {
  if (held_ >= size_) return {};
  if (fd_ < 0) fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd_ < 0) return Error::from_errno(errno, path_);
  while (held_ < size_) {
    const std::size_t piece = std::min(kPiece, size_ - held_);
    const int errnum = ::posix_fallocate(fd_, static_cast<off_t>(held_), static_cast<off_t>(piece));
    if (errnum != 0) {
      // A failed allocation may have got half-way; what cannot be counted on is given back.
      if (::ftruncate(fd_, static_cast<off_t>(held_)) != 0) return Error::from_errno(errno, path_);
      return Error::from_errno(errnum, fmt::format("{}: holding {} of {} bytes", path_, held_, size_));
    }
    held_ += piece;
  }
  return {};
}

std::size_t Reserve::release(std::size_t bytes) {
  const std::size_t given = std::min(bytes, held_);
  if (given == 0 || ::ftruncate(fd_, static_cast<off_t>(held_ - given)) != 0) return 0;
  held_ -= given;
  return given;
}

void preallocate(const std::string& path, std::size_t bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  // Failing is no harm here: the write that needs the room will tell.
  [[maybe_unused]] const int rc = ::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
  ::close(fd);
}

std::size_t file_length(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

}  // namespace chiron::remediation
