#include "remediation/actions/logs/gzip_copy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zlib.h>

namespace chiron::remediation {
namespace {

constexpr std::size_t kPiece = 64 << 10;
constexpr std::uint64_t kSpaceLeft = 1 << 20;  // for everybody else, when a copy has been written
constexpr int kGzip = 15 + 16;                 // the largest window, and gzip's frame: zlib.h, deflateInit2

Error no_space() { return {ErrorCode::exhausted, "too little space is free to write the copy; left alone"}; }

Status write_piece(int fd, const unsigned char* data, std::size_t size) {
  struct statvfs space {};
  if (::fstatvfs(fd, &space) == 0 && space.f_bavail * space.f_frsize < kSpaceLeft + size) return no_space();
  Status status = write_all(fd, {reinterpret_cast<const char*>(data), size}, "the copy");
  return !status && status.error().code() == ErrorCode::exhausted ? no_space() : std::move(status);
}

Status copy_attribute(int from, int to, const char* name) {
  std::array<char, 16 << 10> value;  // more than any ACL in use; XATTR_SIZE_MAX is 64 KiB
  const ssize_t size = ::fgetxattr(from, name, value.data(), value.size());
  if (size < 0 && (errno == ENODATA || errno == ENOTSUP)) return {};
  if (size < 0 || ::fsetxattr(to, name, value.data(), static_cast<std::size_t>(size), 0) != 0) {
    return Error::from_errno(errno, name);
  }
  return {};
}

Status copy_attributes(int from, int to) {
  struct stat info {};
  if (::fstat(from, &info) != 0) return Error::from_errno(errno, "fstat");
  if (::fchown(to, info.st_uid, info.st_gid) != 0) return Error::from_errno(errno, "owner");
  if (::fchmod(to, info.st_mode & 0777) != 0) return Error::from_errno(errno, "mode");
  // The ACL after the mode: its mask stands in the mode's group bits (acl(5)).
  if (Status status = copy_attribute(from, to, "system.posix_acl_access"); !status) return status;
  return copy_attribute(from, to, "security.selinux");
}

}  // namespace

Result<NewFile> NewFile::make(int directory, const std::string& name, int like) {
  std::string temporary = fmt::format(".{}.chiron-new", name);
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor fd(::openat(directory, temporary.c_str(), kFlags, 0600));
  if (!fd && errno == EEXIST) {
    FileDescriptor old(
        ::openat(directory, temporary.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (old && ::flock(old.get(), LOCK_EX | LOCK_NB) != 0) {
      return Error(ErrorCode::unavailable, fmt::format("{}: another process writes it", temporary));
    }
    ::unlinkat(directory, temporary.c_str(), 0);
    fd.reset(::openat(directory, temporary.c_str(), kFlags, 0600));
  }
  if (!fd && (errno == ENOSPC || errno == EDQUOT)) return no_space();
  if (!fd) return Error::from_errno(errno, temporary);
  ::flock(fd.get(), LOCK_EX | LOCK_NB);
  NewFile file(directory, name, std::move(temporary), std::move(fd));
  if (Status status = copy_attributes(like, file.fd()); !status) {
    return std::move(status).error().wrap(fmt::format("{} cannot be given the log's attributes", name));
  }
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : directory_(other.directory_),
      name_(std::move(other.name_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::move(other.fd_)),
      made_(std::exchange(other.made_, false)) {}

NewFile::~NewFile() {
  if (made_) ::unlinkat(directory_, temporary_.c_str(), 0);
}

Status NewFile::publish(const struct stat* like) {
  if (like != nullptr) {
    const timespec times[2] = {like->st_atim, like->st_mtim};
    if (::futimens(fd_.get(), times) != 0) return Error::from_errno(errno, name_);
  }
  if (::fsync(fd_.get()) != 0) {
    return errno == ENOSPC || errno == EDQUOT ? no_space() : Error::from_errno(errno, name_);
  }
  if (::renameat2(directory_, temporary_.c_str(), directory_, name_.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST)
      return Error(ErrorCode::failed_precondition, fmt::format("{} is there already", name_));
    return Error::from_errno(errno, name_);
  }
  made_ = false;
  if (::fsync(directory_) != 0) return Error::from_errno(errno, name_);
  return {};
}

Status append_gzip(int in, off_t from, off_t to, int out, const std::function<bool()>& should_stop) {
  z_stream stream{};
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return Error(ErrorCode::exhausted, "no memory to compress with");
  }
  const std::unique_ptr<z_stream, int (*)(z_streamp)> end(&stream, ::deflateEnd);
  std::vector<unsigned char> input(kPiece), output(kPiece);
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    if (should_stop()) return Error(ErrorCode::cancelled, "stopped while compressing");
    if (stream.avail_in == 0 && from < to) {
      const auto wanted = std::min<std::uint64_t>(static_cast<std::uint64_t>(to - from), kPiece);
      const ssize_t count = ::pread(in, input.data(), wanted, from);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Error::from_errno(errno, "the log");
      if (count == 0) return Error(ErrorCode::failed_precondition, "the log was cut while it was read");
      from += count;
      stream.next_in = input.data();
      stream.avail_in = static_cast<uInt>(count);
    }
    stream.next_out = output.data();
    stream.avail_out = static_cast<uInt>(output.size());
    state = ::deflate(&stream, from < to ? Z_NO_FLUSH : Z_FINISH);
    if (state != Z_OK && state != Z_STREAM_END) return Error(ErrorCode::internal, "deflate failed");
    const std::size_t made = output.size() - stream.avail_out;
    if (made == 0) continue;
    if (Status status = write_piece(out, output.data(), made); !status) return status;
  }
  return {};
}

std::optional<std::uint64_t> unpacks_to_beginning_of(int gzipped, int plain,
                                                     const std::function<bool()>& should_stop) {
  const int copy = ::fcntl(gzipped, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return std::nullopt;
  ::lseek(copy, 0, SEEK_SET);
  const gzFile file = ::gzdopen(copy, "rb");
  if (file == nullptr) {
    ::close(copy);
    return std::nullopt;
  }
  std::vector<char> unpacked(kPiece), there(kPiece);
  std::uint64_t total = 0;
  int count = 0;
  bool same = true;
  while (same && !should_stop() && (count = ::gzread(file, unpacked.data(), kPiece)) > 0) {
    const auto size = static_cast<std::size_t>(count);
    same = ::pread(plain, there.data(), size, static_cast<off_t>(total)) == count &&
           std::memcmp(unpacked.data(), there.data(), size) == 0;
    total += size;
  }
  same = same && count == 0 && ::gzdirect(file) == 0 && !should_stop();
  // Only the end tells whether the last member is whole: Z_BUF_ERROR otherwise.
  same = ::gzclose_r(file) == Z_OK && same;
  return same ? std::optional(total) : std::nullopt;
}

}  // namespace chiron::remediation
