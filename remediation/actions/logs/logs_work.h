#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/deletion/hunt.h"
#include "remediation/actions/logs/logrotate_config.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// What logs.rotate is asked for.
struct LogsRequest {
  enum class Writer {
    leave,         ///< a log that is open for writing stays as it is
    signal,        ///< it is renamed, and the unit's main process told to open it again
    reload,        ///< it is renamed, and the unit reloaded, upon which it opens it again
    copytruncate,  ///< it is copied and then cut: what is written in between is lost
  };
  std::vector<std::string> globs;  ///< of the logs themselves; older parts are told by their names
  std::uint64_t max_size = 0;
  std::size_t keep = 0;
  Duration delete_after{}, compress_after{};
  Writer writer = Writer::leave;
  std::string unit;
  int signal = 0;
};

/// The work of one logs.rotate: old parts go first, then what is left of them is compressed, the smallest
/// first, then large logs are rotated, upon which the oldest part of each makes room for the new one: on a
/// nearly full disk each makes room for the next. Every step is one rename or unlink, so that a crash leaves
/// each byte under some name, and the next run goes on from there. Used once, on one thread.
class LogsWork {
 public:
  enum class Mode { change, only_look };
  enum class Deed { removed, compressed, rotated, finished };
  using OnDeed = std::function<void(Deed deed, const std::string& path, std::uint64_t bytes)>;
  struct Left {
    std::uint64_t logrotate = 0;  ///< owned by logrotate
    std::uint64_t written = 0;    ///< large, but open for writing and nobody to tell
    std::uint64_t failed = 0;
  };

  using MakeManager = std::function<std::unique_ptr<SystemdManager>(BusAddress)>;
  LogsWork(ActionContext& context, Mode mode, const MakeManager& make_manager, OnDeed on_deed);
  ~LogsWork();

  Status perform(const LogsRequest& request);

  const Kept& kept() const { return kept_; }
  const Left& left() const { return left_; }
  /// The first file that was left alone because something failed, and why.
  const std::optional<Error>& first_error() const { return first_error_; }
  const std::string& first_written() const { return first_written_; }

 private:
  struct Part {
    const Hunt* hunt;
    const Candidate* file;
    bool compressed;
  };
  struct Log {
    std::optional<Part> live;
    std::vector<Part> parts;  // the newest first
  };

  Status gather();
  void sort_in(const Hunt& hunt, const LogrotatePatterns& owned);
  bool is_log(std::string_view path) const;
  Status remove_old(Log& log);
  /// What is beyond `keep` now that the log was rotated.
  Status remove_surplus(const Log& log);
  void remove(const Part& part);
  /// The open file, made in this run beside `like`.
  Result<Part> part_of(const Part& like, std::string name, int fd);
  Status note_part(const Part& live, std::string name, int fd, Log& log);
  /// It is the compressed one afterwards.
  Status compress(Part& part);
  Status finish_interrupted(const std::string& path, const Log& log);
  /// Whether it was, or would be; a log that is written to may have to stay.
  Result<bool> rotate(const std::string& path, Log& log);
  Status rename_away(int directory, Log& log, int opened, const std::string& path, bool written);
  Status copy_and_cut(int directory, Log& log, int opened);
  void note_failure(const std::string& path, Error error);
  Status stopped() const;

  ActionContext& context_;
  const Mode mode_;
  const MakeManager& make_manager_;
  const OnDeed on_deed_;
  LogsRequest request_;
  std::vector<PathGlob> globs_;
  WalkBudget budget_;
  std::vector<Hunt> hunts_;
  std::deque<Candidate> made_;  // parts of this run
  std::map<std::string, Log> logs_;
  Kept kept_;
  Left left_;
  std::optional<Error> first_error_;
  std::string first_written_;
};

}  // namespace chiron::remediation
