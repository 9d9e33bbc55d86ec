#include "exporter/collectors/task_directory.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace chiron {
namespace {

/// glibc's opendir(3) would allocate as much every time.
constexpr std::size_t kEntriesBuffer = 32 << 10;
/// The numbers wanted stand well before it, whatever the name; the whole line may be longer.
constexpr std::size_t kStatBuffer = 1024;
/// Between the state, which is word 3, and num_threads, which is word 20.
constexpr int kWordsBetween = 16;

bool is_number(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<TaskStat> parse_task_stat(std::string_view text) {
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  text.remove_prefix(bracket + 1);
  std::string_view state, word;
  if (!next_word(text, state) || state.size() != 1) return std::nullopt;
  const char letter = state.front();
  if ((letter < 'A' || letter > 'Z') && (letter < 'a' || letter > 'z')) return std::nullopt;
  for (int skipped = 0; skipped < kWordsBetween; ++skipped) {
    if (!next_word(text, word)) return std::nullopt;
  }
  const std::optional<std::uint64_t> threads = next_number(text);
  // The last word may be cut off; what follows num_threads never ends the buffer.
  if (!threads || text.empty()) return std::nullopt;
  return TaskStat{letter, *threads};
}

Status TaskDirectory::open(const std::string& path, const TaskDirectory* at) {
  path_ = path;
  at_ = end_ = 0;
  fd_.reset(
      ::openat(at == nullptr ? AT_FDCWD : at->fd_.get(), path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd_) return Error::from_errno(errno, path);
  entries_.resize(kEntriesBuffer);
  return {};
}

Result<std::optional<std::string_view>> TaskDirectory::next() {
  for (;;) {
    if (at_ == end_) {
      const ssize_t size = ::getdents64(fd_.get(), entries_.data(), entries_.size());
      if (size < 0 && errno != ENOENT) return Error::from_errno(errno, path_);
      if (size <= 0) {
        fd_.reset();
        return std::optional<std::string_view>();
      }
      at_ = 0;
      end_ = static_cast<std::size_t>(size);
    }
    const char* entry = entries_.data() + at_;
    std::uint16_t length = 0;
    std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
    at_ += length;
    const std::string_view name(entry + offsetof(dirent64, d_name));
    if (is_number(name)) return std::optional(name);
  }
}

TaskStatFiles::TaskStatFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    most_ = static_cast<std::size_t>(std::min<rlim_t>(kMost, limit.rlim_cur / 8));
}

void TaskStatFiles::end_pass() {
  std::erase_if(kept_, [this](const auto& one) { return one.second.pass != pass_; });
}

int TaskStatFiles::find(std::uint32_t number) {
  const auto it = kept_.find(number);
  if (it == kept_.end()) return -1;
  it->second.pass = pass_;
  return it->second.file.get();
}

void TaskStatFiles::keep(std::uint32_t number, FileDescriptor file) {
  if (kept_.size() < most_) kept_.insert_or_assign(number, Kept{std::move(file), pass_});
}

ssize_t TaskDirectory::read_stat(std::uint32_t number, std::span<char> buffer) {
  if (const int kept = files_.find(number); kept >= 0) {
    const ssize_t size = ::pread(kept, buffer.data(), buffer.size(), 0);
    if (size >= 0) return size;
    // It has ended; another may have its number.
    files_.drop(number);
  }
  FileDescriptor file(::openat(fd_.get(), name_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return -errno;
  const ssize_t size = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  if (size < 0) return -errno;
  files_.keep(number, std::move(file));
  return size;
}

Result<TaskStat> TaskDirectory::stat(std::string_view number) {
  name_.assign(number).append("/stat");
  const std::optional<std::uint32_t> key = parse_int<std::uint32_t>(number);
  if (!key) return failed(ENOENT);
  std::array<char, kStatBuffer> buffer;
  const ssize_t size = read_stat(*key, buffer);
  if (size < 0) return failed(static_cast<int>(-size));
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  if (const std::optional<TaskStat> stat = parse_task_stat(text)) return *stat;
  Problems problems;
  problems.corrupt(path_ + '/' + name_, 1, "expected a name in brackets, a state, and 17 numbers", text);
  return problems.status().error();
}

Error TaskDirectory::failed(int errnum) const { return Error::from_errno(errnum, path_ + '/' + name_); }

}  // namespace chiron
