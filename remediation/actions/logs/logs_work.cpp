#include "remediation/actions/logs/logs_work.h"

#include "remediation/actions/deletion/free_space.h"
#include "remediation/actions/deletion/lease.h"
#include "remediation/actions/deletion/remove.h"
#include "remediation/actions/logs/gzip_copy.h"
#include "remediation/actions/logs/rotated_name.h"
#include "remediation/actions/unit_work.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr Duration kBusPatience = std::chrono::seconds(5);
constexpr Duration kLetGoPatience = std::chrono::seconds(10);
constexpr Duration kLookAtUse = std::chrono::milliseconds(20);
constexpr int kCatchUps = 16;  // with a writer that is faster than the copy, before giving up

/// journald and auditd look after their own; lastlog and its like are indexed by user, not appended to.
bool never_touched(std::string_view path) {
  for (const std::string_view tree : {"/var/log/journal", "/run/log/journal", "/var/log/audit"}) {
    if (is_within(path, tree)) return true;
  }
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.ends_with(".journal") || name.ends_with(".journal~") || name == "lastlog" ||
         name == "faillog" || name == "tallylog";
}

/// The file by its name, if it still is the one that was found; it may have grown.
Result<FileDescriptor> open_again(int directory, const Candidate& file, struct stat& info) {
  Result<FileDescriptor> opened = SafeTree::open_file(directory, file.name);
  if (!opened) return opened;
  if (::fstat(opened->get(), &info) != 0) return Error::from_errno(errno, file.name);
  if (!S_ISREG(info.st_mode) || info.st_dev != file.device || info.st_ino != file.inode ||
      info.st_nlink != 1) {
    return Error(ErrorCode::failed_precondition, fmt::format("{}: is another file by now", file.name));
  }
  return opened;
}

bool unchanged(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

std::uint64_t allocated(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? static_cast<std::uint64_t>(info.st_blocks) * 512 : 0;
}

}  // namespace

LogsWork::LogsWork(ActionContext& context, Mode mode, const MakeManager& make_manager, OnDeed on_deed)
    : context_(context), mode_(mode), make_manager_(make_manager), on_deed_(std::move(on_deed)) {}
LogsWork::~LogsWork() = default;

Status LogsWork::perform(const LogsRequest& request) {
  request_ = request;
  budget_.should_stop = [this] { return context_.should_stop(); };
  if (Status status = gather(); !status) return status;
  std::vector<Part> plain;
  for (auto& [path, log] : logs_) {
    if (Status status = stopped(); !status) return status;
    if (Status status = remove_old(log); !status) return status;
    if (Status status = finish_interrupted(path, log); !status) note_failure(path, std::move(status).error());
    for (const Part& part : log.parts) {
      const AgeRule rule{.minimum = request_.compress_after, .changed = false};
      if (!part.compressed && old_enough(part.file->stamp, rule, context_.clock)) plain.push_back(part);
    }
  }
  std::ranges::stable_sort(plain, {}, [](const Part& part) { return part.file->size; });
  for (const Part& part : plain) {
    if (Status status = stopped(); !status) return status;
    if (Status status = compress(part); !status)
      note_failure(part.hunt->path(*part.file), std::move(status).error());
  }
  for (const auto& [path, log] : logs_) {
    if (Status status = stopped(); !status) return status;
    if (!log.live || static_cast<std::uint64_t>(log.live->file->size) <= request_.max_size) continue;
    if (Status status = rotate(path, log); !status) note_failure(path, std::move(status).error());
  }
  return stopped();
}

Status LogsWork::gather() {
  Result<std::vector<std::string>> roots = clean_roots(context_.deletion);
  if (!roots) return std::move(roots).error();
  Selection selection{.globs = {}, .age = {.minimum = {}, .changed = false, .accessed = false}};
  for (const std::string& text : request_.globs) {
    // A log's older parts are named after it: x.log.1, x.log-20260131.gz.
    for (const char* ending : {"", ".*", "-*"}) {
      Result<PathGlob> glob = PathGlob::compile(text + ending, PathGlob::Hidden::explicit_);
      if (!glob) return std::move(glob).error().wrap("globs");
      selection.globs.push_back(*std::move(glob));
    }
    const PathGlob& glob = globs_.emplace_back(selection.globs[selection.globs.size() - 3]);
    if (Status status = walk_root_of(glob, *roots, selection); !status) return status;
  }
  Result<LogrotatePatterns> owned = load_logrotate(context_.paths);
  if (!owned) return std::move(owned).error();
  Result<std::vector<Hunt>> hunts = hunt_roots(context_, selection, budget_);
  if (!hunts) {
    if (Status status = stopped(); !status) return status;
    return std::move(hunts).error();
  }
  hunts_ = *std::move(hunts);
  for (const Hunt& hunt : hunts_) kept_ += hunt.found.kept;
  for (const Hunt& hunt : hunts_) sort_in(hunt, *owned);
  return {};
}

void LogsWork::sort_in(const Hunt& hunt, const LogrotatePatterns& owned) {
  // find_files has the oldest first.
  for (auto file = hunt.found.files.rbegin(); file != hunt.found.files.rend(); ++file) {
    const std::string path = hunt.path(*file);
    const std::optional<RotatedName> rotated = parse_rotated_name(file->name);
    const std::string log = rotated ? path.substr(0, path.rfind('/') + 1) + rotated->log : path;
    if ((!is_log(log) && !is_log(path)) || never_touched(log) || never_touched(path)) continue;
    if (owned.owns(log) || owned.owns(path)) {
      ++left_.logrotate;
    } else if (rotated) {
      logs_[log].parts.push_back({&hunt, &*file, rotated->compressed});
    } else {
      logs_[log].live = Part{&hunt, &*file, false};
    }
  }
}

bool LogsWork::is_log(std::string_view path) const {
  return std::ranges::any_of(globs_, [path](const PathGlob& glob) { return glob.matches(path); });
}

Status LogsWork::remove_old(Log& log) {
  std::vector<Part> staying;
  for (const Part& part : log.parts) {
    const AgeRule old{.minimum = request_.delete_after, .changed = false};
    const bool surplus = staying.size() >= request_.keep;
    if (!surplus && !old_enough(part.file->stamp, old, context_.clock)) {
      staying.push_back(part);
      continue;
    }
    if (Status status = stopped(); !status) return status;
    const AgeRule any{.minimum = {}, .changed = false};
    const Removal removal = remove_file(part.hunt->tree, part.hunt->found, *part.file, any, context_.clock,
                                        mode_ == Mode::only_look, kept_);
    if (!removal.error.empty()) {
      note_failure(part.hunt->path(*part.file), Error(ErrorCode::permission_denied, removal.error));
    }
    if (removal.outcome == Removal::Outcome::removed) {
      on_deed_(Deed::removed, part.hunt->path(*part.file), removal.bytes);
    }
  }
  log.parts = std::move(staying);
  return {};
}

Status LogsWork::compress(const Part& part) {
  Result<FileDescriptor> directory = part.hunt->directory(*part.file);
  if (!directory) return std::move(directory).error();
  struct stat before {};
  Result<FileDescriptor> opened = open_again(directory->get(), *part.file, before);
  if (!opened) return std::move(opened).error();
  if (const FileUse use = file_use(opened->get()); use != FileUse::nobody) {
    ++(use == FileUse::unknown ? kept_.untold : kept_.in_use);
    return {};
  }
  const std::string path = part.hunt->path(*part.file), packed_name = part.file->name + ".gz";
  const auto bytes = static_cast<std::uint64_t>(before.st_blocks) * 512;
  if (mode_ == Mode::only_look) {
    on_deed_(Deed::compressed, path, bytes);
    return {};
  }
  const auto stop = [this] { return context_.should_stop(); };
  // There already: of a run that ended between giving the copy its name and removing what it was made of.
  Result<FileDescriptor> packed = SafeTree::open_file(directory->get(), packed_name);
  if (packed) {
    if (unpacks_to_beginning_of(packed->get(), opened->get(), stop) !=
        static_cast<std::uint64_t>(before.st_size)) {
      if (stop()) return {};
      return Error(ErrorCode::failed_precondition,
                   fmt::format("{} is there and holds something else", packed_name));
    }
  } else {
    Result<NewFile> copy = NewFile::make(directory->get(), packed_name, opened->get());
    if (!copy) return std::move(copy).error();
    if (Status status = append_gzip(opened->get(), 0, before.st_size, copy->fd(), stop); !status) {
      return status.error().code() == ErrorCode::cancelled ? Status() : std::move(status);
    }
    if (Status status = copy->publish(&before); !status) return status;
    packed = SafeTree::open_file(directory->get(), packed_name);
  }
  struct stat after {};
  if (::fstat(opened->get(), &after) != 0 || !unchanged(before, after) ||
      file_use(opened->get()) != FileUse::nobody) {
    ::unlinkat(directory->get(), packed_name.c_str(), 0);
    ++kept_.changed;
    return {};
  }
  if (::unlinkat(directory->get(), part.file->name.c_str(), 0) != 0) return Error::from_errno(errno, path);
  const std::uint64_t now = packed ? allocated(packed->get()) : 0;
  on_deed_(Deed::compressed, path, bytes - std::min(bytes, now));
  return {};
}

/// The newest part, still written to under a name that only rotated_as() gives: its writer was not told.
Status LogsWork::finish_interrupted(const std::string& path, const Log& log) {
  const bool told =
      request_.writer == LogsRequest::Writer::signal || request_.writer == LogsRequest::Writer::reload;
  if (!told || log.parts.empty() || log.parts.front().compressed) return {};
  const Part& part = log.parts.front();
  if (!part.file->name.ends_with('Z')) return {};
  Result<FileDescriptor> directory = part.hunt->directory(*part.file);
  if (!directory) return std::move(directory).error();
  struct stat info {};
  Result<FileDescriptor> opened = open_again(directory->get(), *part.file, info);
  if (!opened) return std::move(opened).error();
  if (file_use(opened->get()) != FileUse::writing) return {};
  if (mode_ == Mode::change) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (!log.live) {
      Result<NewFile> fresh = NewFile::make(directory->get(), name, opened->get());
      if (!fresh) return std::move(fresh).error();
      Status made = fresh->publish(nullptr);
      if (!made && made.error().code() != ErrorCode::failed_precondition) return made;
    }
    if (Status status = let_go(name, opened->get()); !status) return status;
  }
  on_deed_(Deed::finished, path, 0);
  return {};
}

Status LogsWork::rotate(const std::string& path, const Log& log) {
  const Part& live = *log.live;
  Result<FileDescriptor> directory = live.hunt->directory(*live.file);
  if (!directory) return std::move(directory).error();
  struct stat info {};
  Result<FileDescriptor> opened = open_again(directory->get(), *live.file, info);
  if (!opened) return std::move(opened).error();
  const FileUse use = file_use(opened->get());
  const bool written = use == FileUse::writing || use == FileUse::unknown;
  if (written && request_.writer == LogsRequest::Writer::leave) {
    if (first_written_.empty()) first_written_ = path;
    ++left_.written;
    return {};
  }
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  if (mode_ == Mode::change) {
    const bool copy = written && request_.writer == LogsRequest::Writer::copytruncate;
    Status status = copy ? copy_and_cut(directory->get(), log, opened->get())
                         : rename_away(directory->get(), live, opened->get(), path, written);
    if (!status) return status;
  }
  on_deed_(Deed::rotated, path, bytes);
  return {};
}

Status LogsWork::rename_away(int directory, const Part& live, int opened, const std::string& path,
                             bool written) {
  const std::string& name = live.file->name;
  const std::string away = rotated_as(name, context_.clock.wall());
  // The new log first, while nothing has changed yet: it may find no inode or no space.
  Result<NewFile> fresh = NewFile::make(directory, name, opened);
  if (!fresh) return std::move(fresh).error();
  if (::renameat2(directory, name.c_str(), directory, away.c_str(), RENAME_NOREPLACE) != 0) {
    return Error::from_errno(errno, fmt::format("{} to {}", path, away));
  }
  // The writer may have made a log of its own in this moment: then that one counts.
  Status made = fresh->publish(nullptr);
  if (!made && made.error().code() != ErrorCode::failed_precondition) return made;
  return written ? let_go(name, opened) : Status();
}

Status LogsWork::let_go(const std::string& name, int old_part) {
  if (Status status = tell_writer(); !status)
    return std::move(status).error().wrap(fmt::format("{} is rotated, its writer not told", name));
  const BootTime limit = std::min(context_.clock.boot() + kLetGoPatience, context_.deadline);
  while (context_.clock.boot() < limit && !context_.cancel.cancelled()) {
    const FileUse use = file_use(old_part);
    if (use == FileUse::nobody || use == FileUse::reading) return {};
    std::this_thread::sleep_for(kLookAtUse);
  }
  return Error(ErrorCode::timed_out, fmt::format("{} was told, and the old {} is still open for writing; "
                                                 "nothing is lost, the next run tells it again",
                                                 request_.unit, name));
}

Status LogsWork::tell_writer() {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context_.bus);
  if (request_.writer == LogsRequest::Writer::reload) {
    const UnitWork work(context_, *manager);
    const Result<UnitState> unit = work.find(request_.unit);
    if (!unit) return unit.error();
    Report of_reload;
    return work.perform(UnitVerb::reload, *unit, of_reload);
  }
  const Duration patience = std::min(kBusPatience, context_.remaining());
  Result<UnitState> state = manager->unit(request_.unit, patience);
  if (!state) return std::move(state).error();
  if (Status allowed = check_not_denied(*state); !allowed) return allowed;
  if (state->main_pid == 0) {
    return Error(ErrorCode::failed_precondition, fmt::format("{} has no main process", request_.unit));
  }
  const FileDescriptor process(
      static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(state->main_pid), 0)));
  if (!process) return Error::from_errno(errno, request_.unit);
  // The number belongs to nobody else from here on, if it still is the unit's.
  Result<UnitState> again = manager->unit(request_.unit, patience);
  if (!again) return std::move(again).error();
  if (again->main_pid != state->main_pid) {
    return Error(ErrorCode::unavailable, fmt::format("{} is just being restarted", request_.unit));
  }
  if (::syscall(SYS_pidfd_send_signal, process.get(), request_.signal, nullptr, 0) != 0) {
    return Error::from_errno(errno, fmt::format("signal {} to {}", request_.signal, request_.unit));
  }
  return {};
}

Status LogsWork::copy_and_cut(int directory, const Log& log, int opened) {
  const Candidate& file = *log.live->file;
  const auto stop = [this] { return context_.should_stop(); };
  FileDescriptor cut(::openat(directory, file.name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!cut || ::fstat(cut.get(), &info) != 0) return Error::from_errno(errno, file.name);
  if (info.st_dev != file.device || info.st_ino != file.inode) {
    return Error(ErrorCode::failed_precondition, fmt::format("{}: is another file by now", file.name));
  }
  // A run that ended after its copy was whole and before the log was cut left a copy of the log's beginning.
  FileDescriptor copy;
  off_t copied = 0;
  if (!log.parts.empty() && log.parts.front().compressed) {
    const std::string& newest = log.parts.front().file->name;
    FileDescriptor earlier(
        ::openat(directory, newest.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    const std::optional<std::uint64_t> same =
        earlier ? unpacks_to_beginning_of(earlier.get(), opened, stop) : std::nullopt;
    if (same && *same > 0) {
      copied = static_cast<off_t>(*same);
      copy = std::move(earlier);
    }
  }
  std::optional<NewFile> fresh;
  if (!copy) {
    const std::string name = rotated_as(file.name, context_.clock.wall()) + ".gz";
    Result<NewFile> made = NewFile::make(directory, name, opened);
    if (!made) return std::move(made).error();
    fresh.emplace(*std::move(made));
    if (Status status = append_gzip(opened, 0, info.st_size, fresh->fd(), stop); !status) return status;
    copied = info.st_size;
    if (Status status = fresh->publish(&info); !status) return status;
  }
  const int out = fresh ? fresh->fd() : copy.get();
  for (int i = 0; i < kCatchUps; ++i) {
    if (::fstat(cut.get(), &info) != 0) return Error::from_errno(errno, file.name);
    if (info.st_size == copied) {
      if (::ftruncate(cut.get(), 0) != 0) return Error::from_errno(errno, file.name);
      return {};
    }
    if (Status status = append_gzip(opened, copied, info.st_size, out, stop); !status) return status;
    copied = info.st_size;
    if (::fdatasync(out) != 0) return Error::from_errno(errno, file.name);
  }
  return Error(ErrorCode::unavailable,
               fmt::format("{} grows faster than it can be copied; it was not cut", file.name));
}

void LogsWork::note_failure(const std::string& path, Error error) {
  ++left_.failed;
  if (!first_error_) first_error_ = std::move(error).wrap(path);
}

Status LogsWork::stopped() const {
  if (context_.cancel.cancelled()) return Error(ErrorCode::cancelled, "the rotation was cancelled");
  if (context_.remaining() <= Duration::zero()) {
    return Error(ErrorCode::timed_out, "the deadline passed before all logs were looked after");
  }
  return {};
}

}  // namespace chiron::remediation
