#include "remediation/actions/report_files.h"

#include "remediation/actions/deletion/guard.h"
#include "remediation/actions/deletion/safe_tree.h"
#include "remediation/actions/host_view.h"

#include <algorithm>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr mode_t kDirectoryMode = 0750;
constexpr mode_t kFileMode = 0640;
constexpr Duration kLook = std::chrono::milliseconds(20);

Result<FileDescriptor> open_own(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) return Error::from_errno(errno, path);
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, path);
  return fd;
}

bool is_regular(int directory, const char* name) {
  struct stat info {};
  return ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

/// The directory, cleaned, when reports may be written to it and removed from it.
Result<std::string> allowed(const ActionContext& context, const std::string& directory, std::string& root) {
  Result<std::string> clean = clean_absolute_path(directory);
  if (!clean) return std::move(clean).error().wrap("directory");
  const Result<std::vector<std::string>> roots = clean_roots(context.deletion);
  if (!roots) return roots.error();
  const std::string* found = root_of(*roots, *clean);
  if (found == nullptr) {
    return Error(ErrorCode::permission_denied,
                 fmt::format("directory: {} is in none of deletion.roots, and older reports are removed from "
                             "where they are written; add it there, or leave `directory` out",
                             *clean));
  }
  root = *found;
  const Result<Guard> guard = Guard::load(context.paths, context.deletion, context.clock.boot_id());
  if (!guard) return guard.error();
  if (guard->keeps_tree(*clean)) {
    return Error(ErrorCode::permission_denied, fmt::format("directory: {} is in deletion.protect", *clean));
  }
  return clean;
}

Result<FileDescriptor> open_allowed(const ActionContext& context, const std::string& path,
                                    const std::string& root) {
  const Result<SafeTree> tree = SafeTree::open(context.paths, root);
  if (!tree) return tree.error();
  return tree->open_directory(path == root ? "" : std::string_view(path).substr(root.size() + 1));
}

std::string own_directory(const ActionContext& context) {
  return context.host->state_directory() + "/reports";
}

Status check_host(const ActionContext& context) {
  if (context.host != nullptr) return {};
  return Error(ErrorCode::unavailable, "only a running agent can tell of its host");
}

}  // namespace

Result<ReportDirectory> ReportDirectory::open(const ActionContext& context, const std::string& directory) {
  if (Status there = check_host(context); !there) return std::move(there).error();
  std::string path = own_directory(context), root;
  if (!directory.empty()) {
    Result<std::string> clean = allowed(context, directory, root);
    if (!clean) return std::move(clean).error();
    path = *std::move(clean);
  }
  Result<FileDescriptor> fd = directory.empty() ? open_own(path) : open_allowed(context, path, root);
  if (!fd) return std::move(fd).error().wrap("where reports are written");
  // Another schedule may have come due in the same second; a report takes milliseconds.
  while (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::from_errno(errno, path);
    if (context.cancel.cancelled()) return Error(ErrorCode::cancelled, "cancelled");
    if (context.should_stop()) {
      return Error(ErrorCode::timed_out, fmt::format("{}: somebody else is writing a report there", path));
    }
    context.cancel.wait_for(kLook);
  }
  return ReportDirectory(std::move(path), *std::move(fd));
}

Result<std::string> ReportDirectory::find(const ActionContext& context, const std::string& directory) {
  if (Status there = check_host(context); !there) return std::move(there).error();
  if (directory.empty()) return own_directory(context);
  std::string root;
  Result<std::string> clean = allowed(context, directory, root);
  if (!clean) return clean;
  if (const Result<FileDescriptor> fd = open_allowed(context, *clean, root); !fd) return fd.error();
  return clean;
}

Status ReportDirectory::write(const std::string& name, std::string_view content) const {
  const std::string hidden = '.' + name + ".part";
  const std::string path = path_ + '/' + name;
  // What an agent that was killed left behind; the lock says that nobody writes it now.
  ::unlinkat(fd_.get(), hidden.c_str(), 0);
  FileDescriptor fd(
      ::openat(fd_.get(), hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd) return Error::from_errno(errno, path);
  Status status = write_all(fd.get(), content, path);
  // Whatever the umask is.
  if (status && ::fchmod(fd.get(), kFileMode) != 0) status = Error::from_errno(errno, path);
  if (status && ::fsync(fd.get()) != 0) status = Error::from_errno(errno, path);
  if (status && ::renameat(fd_.get(), hidden.c_str(), fd_.get(), name.c_str()) != 0)
    status = Error::from_errno(errno, path);
  if (!status) {
    ::unlinkat(fd_.get(), hidden.c_str(), 0);
    return status;
  }
  if (::fsync(fd_.get()) != 0) return Error::from_errno(errno, path_);
  return {};
}

Result<std::uint64_t> ReportDirectory::prune(std::string_view prefix, std::string_view suffix,
                                             std::size_t keep) const {
  // A descriptor of its own: closedir(3) closes it.
  const int listed = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = listed >= 0 ? ::fdopendir(listed) : nullptr;
  if (stream == nullptr) {
    const Error error = Error::from_errno(errno, path_);
    if (listed >= 0) ::close(listed);
    return error;
  }
  std::vector<std::string> reports, leftovers;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    const bool hidden = name.starts_with('.') && name.ends_with(".part");
    std::string_view middle =
        hidden ? name.substr(1, name.size() - 1 - std::string_view(".part").size()) : name;
    if (!middle.starts_with(prefix) || !middle.ends_with(suffix)) continue;
    if (middle.size() <= prefix.size() + suffix.size() || middle[prefix.size()] != '-') continue;
    middle = middle.substr(prefix.size() + 1, middle.size() - prefix.size() - 1 - suffix.size());
    if (is_report_stamp(middle) && is_regular(fd_.get(), entry->d_name))
      (hidden ? leftovers : reports).emplace_back(name);
  }
  ::closedir(stream);
  for (const std::string& name : leftovers) ::unlinkat(fd_.get(), name.c_str(), 0);
  std::ranges::sort(reports, std::greater());
  std::uint64_t removed = 0;
  for (std::size_t i = keep; i < reports.size(); ++i) {
    if (::unlinkat(fd_.get(), reports[i].c_str(), 0) == 0) {
      ++removed;
    } else if (errno != ENOENT) {
      return Error::from_errno(errno, path_ + '/' + reports[i]);
    }
  }
  return removed;
}

std::string report_stamp(WallTime time) {
  std::string text = to_rfc3339(time).substr(0, 19);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + 'Z';
}

bool is_report_stamp(std::string_view text) {
  constexpr std::string_view kForm = "00000000T000000Z";
  return text.size() == kForm.size() && std::ranges::equal(text, kForm, [](char given, char form) {
           return form == '0' ? given >= '0' && given <= '9' : given == form;
         });
}

}  // namespace chiron::remediation
