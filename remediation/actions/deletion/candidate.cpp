#include "remediation/actions/deletion/candidate.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <tuple>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

bool older(const Candidate& a, const Candidate& b) { return a.stamp < b.stamp; }

std::string join(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

class Walk {
 public:
  Walk(const SafeTree& tree, const Selection& selection, const Guard& guard, const Clock& clock,
       WalkBudget& budget)
      : tree_(tree), selection_(selection), guard_(guard), clock_(clock), budget_(budget) {}

  Result<FoundFiles> run(std::string_view start) {
    if (!guard_.keeps_tree(tree_.absolute(start))) pending_.push_back({std::string(start), 0});
    while (!pending_.empty() && !found_.exhausted) {
      const Pending next = std::move(pending_.back());
      pending_.pop_back();
      if (Status status = visit(next.path, next.depth); !status) return std::move(status).error();
    }
    std::ranges::sort(found_.files, older);
    return std::move(found_);
  }

 private:
  struct Pending {
    std::string path;
    std::size_t depth;
  };

  Status visit(const std::string& path, std::size_t depth) {
    Result<FileDescriptor> opened = tree_.open_directory(path);
    if (!opened) return unopened(opened.error());
    // A process that wants its temporary directory left alone takes a lock on it (flock(2)), as
    // systemd-tmpfiles(8) honours it.
    if (::flock(opened->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ++found_.kept.in_use;
      return {};
    }
    ::flock(opened->get(), LOCK_UN);
    const Directory directory(::fdopendir(opened->get()));
    if (!directory) return Error::from_errno(errno, tree_.absolute(path));
    opened->release();
    directory_known_ = false;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (!entry) break;
      if (Status status = spend(); !status) return status;
      if (found_.exhausted) break;
      look_at(::dirfd(directory.get()), path, depth, *entry);
    }
    found_.kept.newest += newest_.size();
    newest_.clear();
    return {};
  }

  /// Gone, replaced by a link, another mount: passed over. What this kernel cannot do ends the walk.
  Status unopened(const Error& error) {
    switch (error.code()) {
      case ErrorCode::not_supported:
      case ErrorCode::exhausted:
        return Error(error);
      case ErrorCode::failed_precondition:
        ++found_.kept.other_mount;
        break;
      case ErrorCode::permission_denied:
        ++found_.kept.unvisited;
        break;
      default:
        break;
    }
    return {};
  }

  Status spend() {
    found_.exhausted = budget_.entries_left == 0;
    if (found_.exhausted) return {};
    --budget_.entries_left;
    if (++spent_ % 256 == 0 && budget_.should_stop && budget_.should_stop()) {
      return Error(ErrorCode::cancelled, fmt::format("stopped while looking at {}", tree_.root()));
    }
    return {};
  }

  void look_at(int directory, const std::string& path, std::size_t depth, const dirent& entry) {
    const std::string_view name(entry.d_name);
    if (name == "." || name == "..") return;
    unsigned char type = entry.d_type;
    struct stat info {};
    bool known = false;
    if (type == DT_UNKNOWN) {
      if (::fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) return;
      known = true;
      type = S_ISDIR(info.st_mode) ? DT_DIR : S_ISREG(info.st_mode) ? DT_REG : DT_CHR;
    }
    if (type != DT_DIR && type != DT_REG) return;
    const std::string relative = join(path, name);
    const std::string absolute = tree_.absolute(relative);
    if (type == DT_DIR) return look_at_directory(relative, absolute, depth);
    if (!matches(absolute)) return;
    if (guard_.keeps(absolute)) {
      ++found_.kept.is_protected;
      return;
    }
    if (!known && ::fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
      return;
    look_at_file(path, name, info);
  }

  void look_at_directory(const std::string& relative, const std::string& absolute, std::size_t depth) {
    const bool wanted = std::ranges::any_of(
        selection_.globs, [&](const PathGlob& glob) { return glob.may_match_below(absolute); });
    if (!wanted || std::ranges::count(selection_.without, absolute) > 0) return;
    if (guard_.keeps_tree(absolute)) {
      ++found_.kept.is_protected;
      return;
    }
    if (depth + 1 > budget_.most_depth || pending_.size() >= budget_.most_pending) {
      ++found_.kept.unvisited;
      return;
    }
    pending_.push_back({relative, depth + 1});
  }

  bool matches(std::string_view absolute) const {
    return std::ranges::any_of(selection_.globs,
                               [&](const PathGlob& glob) { return glob.matches(absolute); });
  }

  void look_at_file(const std::string& path, std::string_view name, const struct stat& info) {
    if (!S_ISREG(info.st_mode) || info.st_dev != tree_.device()) return;
    found_.matched_bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    if (selection_.keep_newest == 0) return judge(path, std::string(name), info);
    newest_.push_back({std::string(name), info});
    std::ranges::push_heap(newest_, newer);
    if (newest_.size() <= selection_.keep_newest) return;
    std::ranges::pop_heap(newest_, newer);
    const Named oldest = std::move(newest_.back());
    newest_.pop_back();
    judge(path, oldest.name, oldest.info);
  }

  void judge(const std::string& path, const std::string& name, const struct stat& info) {
    if (info.st_size <= selection_.larger_than) return;
    // The sticky bit on a file is how temporary files ask cleaners to stay.
    if ((info.st_mode & S_ISVTX) != 0) {
      ++found_.kept.is_protected;
      return;
    }
    if (info.st_nlink != 1) {
      ++found_.kept.linked;
      return;
    }
    const Duration stamp = age_stamp(info, selection_.age);
    if (!old_enough(stamp, selection_.age, clock_)) {
      ++found_.kept.young;
      return;
    }
    keep_if_old(path, name, info, stamp);
  }

  /// A heap with the youngest on top holds the oldest ones when there are more than may be held.
  void keep_if_old(const std::string& path, const std::string& name, const struct stat& info,
                   Duration stamp) {
    std::vector<Candidate>& files = found_.files;
    const bool full = files.size() >= budget_.most_files;
    if (full) {
      found_.complete = false;
      if (files.empty() || stamp >= files.front().stamp) return;
    }
    if (!directory_known_) {
      found_.directories.push_back(path);
      directory_known_ = true;
    }
    if (full) {
      std::ranges::pop_heap(files, older);
      files.pop_back();
    }
    const auto directory = static_cast<std::uint32_t>(found_.directories.size() - 1);
    files.push_back(candidate_of(info, directory, name, selection_.age));
    std::ranges::push_heap(files, older);
  }

  struct Named {
    std::string name;
    struct stat info;
  };
  /// A rename, a new owner or mode says nothing about which is the newest: mtime does, then the name.
  static bool newer(const Named& a, const Named& b) {
    const auto key = [](const Named& file) {
      return std::tuple(file.info.st_mtim.tv_sec, file.info.st_mtim.tv_nsec, std::string_view(file.name));
    };
    return key(a) > key(b);
  }

  const SafeTree& tree_;
  const Selection& selection_;
  const Guard& guard_;
  const Clock& clock_;
  WalkBudget& budget_;
  FoundFiles found_;
  std::vector<Pending> pending_;
  std::vector<Named> newest_;  // of the directory being read; a heap, the oldest of them on top
  std::uint64_t spent_ = 0;
  bool directory_known_ = false;  // whether the directory being read is the last of found_.directories
};

Duration to_duration(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Candidate candidate_of(const struct stat& info, std::uint32_t directory, std::string name,
                       const AgeRule& rule) {
  return {.directory = directory,
          .name = std::move(name),
          .device = info.st_dev,
          .inode = info.st_ino,
          .size = info.st_size,
          .bytes = static_cast<std::uint64_t>(info.st_blocks) * 512,
          .modified = info.st_mtim,
          .changed = info.st_ctim,
          .stamp = age_stamp(info, rule)};
}

Duration age_stamp(const struct stat& info, const AgeRule& rule) {
  Duration stamp = to_duration(info.st_mtim);
  if (rule.changed) stamp = std::max(stamp, to_duration(info.st_ctim));
  if (rule.accessed) stamp = std::max(stamp, to_duration(info.st_atim));
  return stamp;
}

bool old_enough(Duration stamp, const AgeRule& rule, const Clock& clock) {
  // The wall clock has milliseconds: a file made in this very one is not from the future.
  const Duration now = clock.wall().time_since_epoch() + std::chrono::milliseconds(1);
  return stamp <= now && now - stamp >= rule.minimum;
}

Result<FoundFiles> find_files(const SafeTree& tree, std::string_view start, const Selection& selection,
                              const Guard& guard, const Clock& clock, WalkBudget& budget) {
  return Walk(tree, selection, guard, clock, budget).run(start);
}

}  // namespace chiron::remediation
