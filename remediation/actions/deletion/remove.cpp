#include "remediation/actions/deletion/remove.h"

#include "remediation/actions/deletion/lease.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool same_file(const Candidate& file, const struct stat& info) {
  return S_ISREG(info.st_mode) && info.st_dev == file.device && info.st_ino == file.inode &&
         info.st_size == file.size && same_time(info.st_mtim, file.modified) &&
         same_time(info.st_ctim, file.changed);
}

Removal keep(std::uint64_t& reason) {
  ++reason;
  return {};
}

Removal refuse(int errnum, const std::string& path, Kept& kept) {
  ++kept.refused;
  return {.outcome = Removal::Outcome::kept,
          .bytes = 0,
          .last_link = false,
          .error = Error::from_errno(errnum, path).message()};
}

enum class Name { absent, other, same };

/// Whether the name in this directory stands for the file that was found.
Name look_up(int directory, const Candidate& file) {
  struct stat info {};
  if (::fstatat(directory, file.name.c_str(), &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
    return errno == ENOENT ? Name::absent : Name::other;
  }
  return same_file(file, info) ? Name::same : Name::other;
}

Removal gone() { return {.outcome = Removal::Outcome::gone, .bytes = 0, .last_link = false, .error = {}}; }

}  // namespace

Removal remove_file(const SafeTree& tree, const FoundFiles& found, const Candidate& file, const AgeRule& age,
                    const Clock& clock, bool only_look, Kept& kept) {
  const std::string& where = found.directories[file.directory];
  const Result<FileDescriptor> directory = tree.open_directory(where);
  if (!directory) {
    return directory.error().code() == ErrorCode::not_found ? gone() : keep(kept.changed);
  }
  // Looked at by name first: what is not the file that was found is not even opened.
  if (const Name name = look_up(directory->get(), file); name != Name::same) {
    return name == Name::absent ? gone() : keep(kept.changed);
  }
  const Result<FileDescriptor> opened = SafeTree::open_file(directory->get(), file.name);
  if (!opened) return keep(opened.error().code() == ErrorCode::not_found ? kept.changed : kept.in_use);
  struct stat info {};
  if (::fstat(opened->get(), &info) != 0 || !same_file(file, info)) return keep(kept.changed);
  if (info.st_nlink != 1) return keep(kept.linked);
  if (!old_enough(age_stamp(info, age), age, clock)) return keep(kept.young);
  if (const FileUse use = file_use(opened->get()); use != FileUse::nobody) {
    return keep(use == FileUse::unknown ? kept.untold : kept.in_use);
  }
  const auto bytes = static_cast<std::uint64_t>(info.st_blocks) * 512;
  if (only_look)
    return {.outcome = Removal::Outcome::removed, .bytes = bytes, .last_link = true, .error = {}};

  if (look_up(directory->get(), file) != Name::same) return keep(kept.changed);
  if (::unlinkat(directory->get(), file.name.c_str(), 0) != 0) {
    if (errno == ENOENT) return gone();
    return refuse(errno, tree.absolute(where) + "/" + file.name, kept);
  }
  // Who linked it elsewhere at the last moment keeps its blocks.
  const bool last = ::fstat(opened->get(), &info) == 0 && info.st_nlink == 0;
  return {.outcome = Removal::Outcome::removed, .bytes = last ? bytes : 0, .last_link = last, .error = {}};
}

}  // namespace chiron::remediation
