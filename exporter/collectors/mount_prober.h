#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/isolation.h"

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace chiron {

/// What statvfs(3) says of a file system: bytes and inodes.
struct MountUsage {
  double size = 0;
  double free = 0;
  double available = 0;  ///< free to users who are not root
  double files = 0;
  double files_free = 0;
  bool read_only = false;  ///< the mount, or the file system behind it, which an error may have made so
};

struct MountAnswer {
  enum class State {
    unknown,  ///< no answer yet, and not late enough to call it stuck
    fresh,    ///< answered in this pass
    kept,     ///< the answer of an earlier pass; the mount is slow and has been asked again
    failed,   ///< answered with `error`
    stuck,    ///< asked longer ago than the timeout, no answer
  };
  State state = State::unknown;
  int error = 0;  ///< errno, when failed
  MountUsage usage;
};

/// Asks all mounts for their usage although any of them may hang for ever (a dead NFS or FUSE server keeps
/// statvfs in the kernel). Those whose usage the kernel has at hand are asked by the caller, and in steady
/// state one worker thread goes through all others in one handoff. A mount that keeps it waiting is left to
/// that worker and asked by itself from then on, at most once at a time, until it is quick again; another
/// worker goes on with the rest. One thread at a time.
class MountProber {
 public:
  /// Fills `usage`; 0 or an errno. Runs on threads that may outlive this object, so it owns what it uses.
  using Ask = std::function<int(const std::string& path, MountUsage& usage)>;
  struct Options {
    Duration patience =
        std::chrono::milliseconds(100);          ///< what a pass waits for a mount before it goes on without
    Duration timeout = std::chrono::seconds(5);  ///< no answer for so long: stuck
  };
  /// `clock` outlives the object.
  MountProber(const Clock& clock, Options options, Ask ask);
  MountProber(const Clock& clock, Options options);

  struct Mount {
    std::string path;
    bool in_memory = false;  ///< it and what lies on the way to it: asking cannot hang
  };
  /// The mounts to ask from now on. A path that was there before keeps its state.
  void set_mounts(std::vector<Mount> mounts);
  /// One pass; takes at most a few times `patience`, and that only when a mount begins to hang.
  void probe();
  /// In the order of set_mounts(); valid until its next call.
  std::span<const MountAnswer> answers() const { return answers_; }
  /// Threads held, idle ones included.
  std::size_t threads() const { return isolation_.threads(); }

 private:
  struct Reply {
    int error = 0;
    MountUsage usage;
  };
  struct Batch;
  struct Target {
    std::string path;
    bool in_memory = false;
    std::shared_ptr<Batch> own;  ///< the batch that holds a slow mount; null for a quick one
    std::size_t place = 0;       ///< in `own`
    BootTime asked{};            ///< when `own` was started
    bool running = false;        ///< `own` was started, and its answer not yet taken
  };

  static void work(Batch& batch);
  std::shared_ptr<Batch> make_batch(std::vector<std::size_t> targets);
  Isolation::Outcome run(const std::shared_ptr<Batch>& batch, Duration wait);
  void take(std::size_t target, const Reply& reply);
  void probe_slow(std::size_t index, Duration& budget);
  bool probe_quick();

  const Clock& clock_;
  const Options options_;
  const Ask ask_;
  Isolation isolation_;
  std::vector<Target> targets_;
  std::vector<MountAnswer> answers_;
  std::shared_ptr<Batch> quick_;  ///< all quick mounts that can hang; null: to be made again
  std::size_t batches_ = 0;
};

}  // namespace chiron
