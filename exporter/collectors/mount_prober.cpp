#include "exporter/collectors/mount_prober.h"

#include "exporter/base/thread_annotations.h"

#include <algorithm>
#include <cerrno>

#include <sys/statvfs.h>

namespace chiron {
namespace {

int ask_kernel(const std::string& path, MountUsage& usage) {
  struct statvfs found {};
  if (::statvfs(path.c_str(), &found) != 0) return errno;
  const auto unit = static_cast<double>(found.f_frsize != 0 ? found.f_frsize : found.f_bsize);
  usage.size = static_cast<double>(found.f_blocks) * unit;
  usage.free = static_cast<double>(found.f_bfree) * unit;
  usage.available = static_cast<double>(found.f_bavail) * unit;
  usage.files = static_cast<double>(found.f_files);
  usage.files_free = static_cast<double>(found.f_ffree);
  usage.read_only = (found.f_flag & ST_RDONLY) != 0;
  return 0;
}

/// A slow mount is asked without waiting for it; this much is granted to find out that it is quick again.
constexpr Duration kSecondChance = std::chrono::milliseconds(5);

}  // namespace

/// What one worker goes through. Shared with the worker, which may be stuck in it for ever.
struct MountProber::Batch {
  // Constant while a worker runs.
  std::string name;
  Ask ask;
  std::vector<std::string> paths;
  std::vector<std::size_t> targets;  ///< index into targets_ for each path; the prober's alone

  Mutex mutex;
  std::vector<Reply> replies CHIRON_GUARDED_BY(mutex);
  /// Replies that are there; the worker is at paths[answered].
  std::size_t answered CHIRON_GUARDED_BY(mutex) = 0;
  /// The worker is to stop after the mount it is at.
  bool abandoned CHIRON_GUARDED_BY(mutex) = false;
};

MountProber::MountProber(const Clock& clock, Options options, Ask ask)
    : clock_(clock), options_(options), ask_(std::move(ask)) {}

MountProber::MountProber(const Clock& clock, Options options) : MountProber(clock, options, ask_kernel) {}

void MountProber::work(Batch& batch) {
  for (std::size_t i = 0; i < batch.paths.size(); ++i) {
    Reply reply;
    reply.error = batch.ask(batch.paths[i], reply.usage);
    const MutexLock lock(batch.mutex);
    batch.replies[i] = reply;
    batch.answered = i + 1;
    if (batch.abandoned) return;
  }
}

std::shared_ptr<MountProber::Batch> MountProber::make_batch(std::vector<std::size_t> targets) {
  auto batch = std::make_shared<Batch>();
  batch->name = "mounts " + std::to_string(++batches_);
  batch->ask = ask_;
  for (const std::size_t target : targets) batch->paths.push_back(targets_[target].path);
  batch->targets = std::move(targets);
  const MutexLock lock(batch->mutex);
  batch->replies.resize(batch->targets.size());
  return batch;
}

Isolation::Outcome MountProber::run(const std::shared_ptr<Batch>& batch, Duration wait) {
  {
    const MutexLock lock(batch->mutex);
    batch->answered = 0;
  }
  return isolation_.run(
      batch->name, [batch] { work(*batch); }, wait);
}

void MountProber::take(std::size_t target, const Reply& reply) {
  MountAnswer& answer = answers_[target];
  answer.error = reply.error;
  answer.state = reply.error == 0 ? MountAnswer::State::fresh : MountAnswer::State::failed;
  if (reply.error == 0) answer.usage = reply.usage;
}

void MountProber::set_mounts(std::vector<Mount> mounts) {
  std::vector<Target> targets(mounts.size());
  std::vector<MountAnswer> answers(mounts.size());
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    targets[i].path = std::move(mounts[i].path);
    for (std::size_t old = 0; old < targets_.size(); ++old) {
      if (targets_[old].path != targets[i].path) continue;
      answers[i] = answers_[old];
      std::swap(targets[i], targets_[old]);
      if (targets[i].own) targets[i].own->targets[targets[i].place] = i;
      break;
    }
    targets[i].in_memory = mounts[i].in_memory;
  }
  targets_ = std::move(targets);
  answers_ = std::move(answers);
  quick_.reset();
}

void MountProber::probe() {
  Duration budget = options_.patience;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].own) {
      probe_slow(i, budget);
    } else if (targets_[i].in_memory) {
      Reply reply;
      reply.error = ask_(targets_[i].path, reply.usage);
      take(i, reply);
    }
  }
  // Each round without success leaves one more mount behind; a handful that begin to hang together is found
  // in one pass, more of them in the next ones.
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds && !probe_quick(); ++round) {
  }
}

void MountProber::probe_slow(std::size_t index, Duration& budget) {
  Target& target = targets_[index];
  MountAnswer& answer = answers_[index];
  if (target.running) {
    const MutexLock lock(target.own->mutex);
    if (target.own->answered > target.place) {
      take(index, target.own->replies[target.place]);
    } else if (clock_.boot() - target.asked >= options_.timeout) {
      answer.state = MountAnswer::State::stuck;
      return;
    } else {
      if (answer.state == MountAnswer::State::fresh) answer.state = MountAnswer::State::kept;
      return;
    }
  }
  // A batch of its own, under a name of its own: the worker of the last one may still be on its way out.
  const std::shared_ptr<Batch> batch = make_batch({index});
  target.own = batch;
  target.place = 0;
  const Duration wait = std::min(budget, kSecondChance);
  const Isolation::Outcome outcome = run(batch, wait);
  target.running = outcome == Isolation::Outcome::late;
  if (target.running) {
    target.asked = clock_.boot();
    budget -= wait;
  } else if (outcome == Isolation::Outcome::done) {
    const MutexLock lock(batch->mutex);
    take(index, batch->replies[0]);
    target.own.reset();
    quick_.reset();
  } else {
    answer.state = MountAnswer::State::stuck;
  }
}

/// False when a mount did not answer in time: it has become a slow one, and the rest wants another round.
bool MountProber::probe_quick() {
  if (!quick_) {
    std::vector<std::size_t> quick;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      if (!targets_[i].own && !targets_[i].in_memory) quick.push_back(i);
    }
    quick_ = make_batch(std::move(quick));
  }
  if (quick_->paths.empty()) return true;
  const std::shared_ptr<Batch> batch = quick_;
  const BootTime asked = clock_.boot();
  const Isolation::Outcome outcome = run(batch, options_.patience);
  const MutexLock lock(batch->mutex);
  for (std::size_t place = 0; place < batch->answered; ++place) {
    take(batch->targets[place], batch->replies[place]);
  }
  if (outcome != Isolation::Outcome::done) quick_.reset();
  if (batch->answered == batch->paths.size()) return true;
  for (std::size_t place = batch->answered; place < batch->paths.size(); ++place) {
    MountAnswer& answer = answers_[batch->targets[place]];
    if (answer.state == MountAnswer::State::fresh) answer.state = MountAnswer::State::kept;
    // No thread is left to ask with: all of them hang in mounts.
    if (outcome != Isolation::Outcome::late) answer.state = MountAnswer::State::stuck;
  }
  if (outcome != Isolation::Outcome::late) return true;
  batch->abandoned = true;
  const std::size_t index = batch->targets[batch->answered];
  targets_[index].own = batch;
  targets_[index].place = batch->answered;
  targets_[index].asked = asked;
  targets_[index].running = true;
  if (options_.timeout <= options_.patience) answers_[index].state = MountAnswer::State::stuck;
  return false;
}

}  // namespace chiron
