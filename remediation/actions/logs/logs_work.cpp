#include "remediation/actions/logs/logs_work.h"

#include "remediation/actions/deletion/free_space.h"
#include "remediation/actions/deletion/lease.h"
#include "remediation/actions/deletion/remove.h"
#include "remediation/actions/logs/gzip_copy.h"
#include "remediation/actions/logs/log_writer.h"
#include "remediation/actions/logs/rotated_name.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

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
  std::vector<Part*> plain;
  for (auto& [path, log] : logs_) {
    if (Status status = stopped(); !status) return status;
    if (Status status = remove_old(log); !status) return status;
    if (Status status = finish_interrupted(path, log); !status) note_failure(path, std::move(status).error());
    for (Part& part : log.parts) {
      const AgeRule rule{.minimum = request_.compress_after, .changed = false};
      if (!part.compressed && old_enough(part.file->stamp, rule, context_.clock)) plain.push_back(&part);
    }
  }
  std::ranges::stable_sort(plain, {}, [](const Part* part) { return part->file->size; });
  for (Part* part : plain) {
    if (Status status = stopped(); !status) return status;
    if (Status status = compress(*part); !status)
      note_failure(part->hunt->path(*part->file), std::move(status).error());
  }
  for (auto& [path, log] : logs_) {
    if (Status status = stopped(); !status) return status;
    if (!log.live || static_cast<std::uint64_t>(log.live->file->size) <= request_.max_size) continue;
    const Result<bool> rotated = rotate(path, log);
    if (!rotated) note_failure(path, rotated.error());
    if (!rotated || !*rotated) continue;
    if (Status status = remove_surplus(log); !status) return status;
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
    remove(part);
  }
  log.parts = std::move(staying);
  return {};
}

Status LogsWork::remove_surplus(const Log& log) {
  // Where nothing changes, the part that the rotation would make is not among them.
  const std::size_t most =
      request_.keep - (mode_ == Mode::only_look && request_.keep > 0 ? std::size_t{1} : std::size_t{0});
  for (std::size_t i = most; i < log.parts.size(); ++i) {
    if (Status status = stopped(); !status) return status;
    remove(log.parts[i]);
  }
  return {};
}

void LogsWork::remove(const Part& part) {
  const AgeRule any{.minimum = {}, .changed = false};
  const Removal removal = remove_file(part.hunt->tree, part.hunt->found, *part.file, any, context_.clock,
                                      mode_ == Mode::only_look, kept_);
  const std::string path = part.hunt->path(*part.file);
  if (!removal.error.empty()) note_failure(path, Error(ErrorCode::permission_denied, removal.error));
  if (removal.outcome == Removal::Outcome::removed) on_deed_(Deed::removed, path, removal.bytes);
}

Result<LogsWork::Part> LogsWork::part_of(const Part& like, std::string name, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return Error::from_errno(errno, name);
  made_.push_back(
      candidate_of(info, like.file->directory, std::move(name), {.minimum = {}, .changed = false}));
  const Candidate& made = made_.back();
  return Part{like.hunt, &made, made.name.ends_with(".gz")};
}

Status LogsWork::note_part(const Part& live, std::string name, int fd, Log& log) {
  Result<Part> part = part_of(live, std::move(name), fd);
  if (!part) return std::move(part).error();
  std::erase_if(log.parts, [&](const Part& known) { return known.file->name == part->file->name; });
  log.parts.insert(log.parts.begin(), *part);
  return {};
}

Status LogsWork::compress(Part& part) {
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
  if (!packed) return {};
  Result<Part> made = part_of(part, packed_name, packed->get());
  if (!made) return std::move(made).error();
  part = *made;
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
    const LogWriter writer(context_, make_manager_, request_);
    if (Status status = writer.let_go(name, opened->get()); !status) return status;
  }
  on_deed_(Deed::finished, path, 0);
  return {};
}

Result<bool> LogsWork::rotate(const std::string& path, Log& log) {
  const Part live = *log.live;
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
    return false;
  }
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  if (mode_ == Mode::change) {
    const bool copy = written && request_.writer == LogsRequest::Writer::copytruncate;
    Status status = copy ? copy_and_cut(directory->get(), log, opened->get())
                         : rename_away(directory->get(), log, opened->get(), path, written);
    if (!status) return std::move(status).error();
  }
  on_deed_(Deed::rotated, path, bytes);
  return true;
}

Status LogsWork::rename_away(int directory, Log& log, int opened, const std::string& path, bool written) {
  const Part& live = *log.live;
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
  if (written) {
    const LogWriter writer(context_, make_manager_, request_);
    if (Status status = writer.let_go(name, opened); !status) return status;
  }
  return note_part(live, away, opened, log);
}

Status LogsWork::copy_and_cut(int directory, Log& log, int opened) {
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
  std::string name = rotated_as(file.name, context_.clock.wall()) + ".gz";
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
      name = newest;
    }
  }
  std::optional<NewFile> fresh;
  if (!copy) {
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
      return note_part(*log.live, std::move(name), out, log);
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
