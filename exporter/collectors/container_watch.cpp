#include "exporter/collectors/container_watch.h"

#include "exporter/base/parse.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/collectors/container_engine.h"

#include <algorithm>
#include <map>
#include <set>

namespace chiron {
namespace {

/// An event has a few hundred bytes, and the labels of its container.
constexpr std::size_t kLongestEvent = 1 << 20;
/// How far before the list the events begin: its clock counts whole seconds.
constexpr std::int64_t kOverlapSeconds = 2;

/// What a health check or a person at a container does, and nothing that its state shows.
bool is_idle_action(std::string_view action) {
  constexpr std::string_view kIdle[] = {"exec_", "exec",         "attach",         "detach",
                                        "top",   "resize",       "commit",         "export",
                                        "copy",  "archive-path", "extract-to-dir", "cleanup"};
  return std::ranges::any_of(kIdle, [&](std::string_view idle) {
    return idle.ends_with('_') ? action.starts_with(idle) : action == idle;
  });
}

bool is_removal(std::string_view action) { return action == "destroy" || action == "remove"; }

}  // namespace

/// Shared with the workers, which may outlive the watch.
struct ContainerWatch::Shared {
  Shared(std::string socket, Options o, CancelToken s)
      : engine(std::move(socket)), options(o), stop(std::move(s)) {}

  const ContainerEngine engine;
  const Options options;
  const CancelToken stop;

  SocketWait wait(Duration timeout) const { return SocketWait::within(timeout, stop.descriptor()); }

  Mutex mutex;
  CondVar published;
  std::shared_ptr<const EngineView> view CHIRON_GUARDED_BY(mutex) = std::make_shared<EngineView>();
  bool answered CHIRON_GUARDED_BY(mutex) = false;
  std::shared_ptr<const EngineDiskView> disk CHIRON_GUARDED_BY(mutex);
  std::optional<Error> disk_error CHIRON_GUARDED_BY(mutex);
  std::optional<BootTime> disk_tried CHIRON_GUARDED_BY(mutex);
  std::uint64_t inspections CHIRON_GUARDED_BY(mutex) = 0;
};

/// The worker that follows the events. Its thread's alone.
class ContainerWatch::Follower {
 public:
  explicit Follower(Shared& shared) : shared_(shared) {}

  void run() {
    while (!shared_.stop.cancelled()) {
      const Status ended = follow();
      if (shared_.stop.cancelled()) return;
      fail(ended.error());
      shared_.stop.wait_for(shared_.options.reconnect);
    }
  }

 private:
  /// Until something breaks.
  Status follow() {
    const std::int64_t since = to_ms(system_clock().wall()) / 1000 - kOverlapSeconds;
    Result<HttpStream> stream = shared_.engine.events(since, shared_.wait(shared_.options.timeout));
    if (!stream) return stream.error();
    line_.clear();
    if (Status listed = list(); !listed) return listed;
    publish();
    for (;;) {
      Result<std::string> piece = stream->read(shared_.wait(shared_.options.sign_of_life));
      if (!piece && piece.error().code() == ErrorCode::timed_out) {
        const Status alive = shared_.engine.ping(shared_.wait(shared_.options.life_timeout));
        if (!alive && alive.error().code() == ErrorCode::timed_out) {
          fail(alive.error());
          continue;
        }
        if (!alive) return alive;
        changed_.swap(failed_);
      } else if (!piece) {
        return broken(std::move(piece).error());
      } else if (stream->status() != 200 || piece->empty()) {
        return refused(*stream, std::move(*piece));
      } else if (Status taken = take(*piece); !taken) {
        return taken;
      }
      if (Status answered = inspect_changed(); !answered) return answered;
      publish();
    }
  }

  Error broken(Error error) const { return shared_.engine.failure(std::move(error).wrap("GET /events")); }

  Error refused(HttpStream& stream, std::string body) const {
    if (stream.status() == 200) return broken(Error(ErrorCode::unavailable, "the engine ended the stream"));
    const Result<std::string> rest = stream.read_all(kLongestEvent, shared_.wait(shared_.options.timeout));
    if (rest) body += *rest;
    return broken(Error(ErrorCode::unavailable,
                        "status " + std::to_string(stream.status()) + ": " + decode_message(body)));
  }

  Status list() {
    const Result<bool> systemd = shared_.engine.uses_systemd_cgroups(shared_.wait(shared_.options.timeout));
    if (!systemd) return systemd.error();
    systemd_cgroups_ = *systemd;
    const Result<std::vector<std::string>> ids = shared_.engine.list(shared_.wait(shared_.options.timeout));
    if (!ids) return ids.error();
    const std::set<std::string_view> there(ids->begin(), ids->end());
    std::erase_if(records_, [&](const auto& entry) { return !there.contains(entry.first); });
    changed_.clear();
    changed_.insert(ids->begin(), ids->end());
    failed_.clear();
    if (Status answered = inspect_changed(); !answered) return answered;
    known_ = true;
    return {};
  }

  /// The lines of a piece of the stream; the last one may go on in the next piece.
  Status take(std::string_view piece) {
    line_ += piece;
    std::string_view rest = line_;
    std::string_view line;
    while (rest.find('\n') != rest.npos && next_line(rest, line)) {
      if (trim(line).empty()) continue;
      const Result<ContainerEvent> event = decode_container_event(line);
      if (!event) return broken(event.error());
      note(*event);
    }
    line_.erase(0, line_.size() - rest.size());
    if (line_.size() <= kLongestEvent) return {};
    return broken(Error(ErrorCode::exhausted, "an event without an end"));
  }

  void note(const ContainerEvent& event) {
    if (event.id.empty() || is_idle_action(event.action)) return;
    if (is_removal(event.action)) {
      records_.erase(event.id);
      changed_.erase(event.id);
      failed_.erase(event.id);
      return;
    }
    if (event.action == "oom") ++ooms_[event.id];
    changed_.insert(event.id);
  }

  /// An error when the engine does not answer, which then is not asked for hundreds of containers more. Of a
  /// single container it may refuse to tell; that one is asked about again with the next sign of life.
  Status inspect_changed() {
    if (!changed_.empty()) problem_.reset();
    while (!changed_.empty()) {
      const std::string id = changed_.extract(changed_.begin()).value();
      Result<ContainerDetail> detail = shared_.engine.inspect(id, shared_.wait(shared_.options.timeout));
      count_inspection();
      if (detail) {
        const auto ooms = ooms_.find(id);
        records_[id] = std::make_shared<ContainerRecord>(
            ContainerRecord{std::move(*detail), ooms == ooms_.end() ? 0 : ooms->second});
        continue;
      }
      const ErrorCode code = detail.error().code();
      if (code == ErrorCode::timed_out || code == ErrorCode::cancelled) return detail.error();
      if (code == ErrorCode::not_found) {
        records_.erase(id);  // removed meanwhile; an event says so too
      } else {
        problem_ = detail.error();
        failed_.insert(id);
      }
    }
    std::erase_if(ooms_, [&](const auto& entry) { return !records_.contains(entry.first); });
    return {};
  }

  void count_inspection() {
    const MutexLock lock(shared_.mutex);
    ++shared_.inspections;
  }

  void publish() {
    auto view = std::make_shared<EngineView>();
    view->containers.reserve(records_.size());
    for (const auto& [id, record] : records_) view->containers.push_back(record);
    view->known = known_;
    view->up = true;
    view->error = problem_;
    view->up_until = system_clock().boot();
    view->systemd_cgroups = systemd_cgroups_;
    hand_over(std::move(view));
  }

  void fail(const Error& error) {
    std::shared_ptr<EngineView> view;
    {
      const MutexLock lock(shared_.mutex);
      view = std::make_shared<EngineView>(*shared_.view);
    }
    view->up = false;
    view->error = error;
    hand_over(std::move(view));
  }

  void hand_over(std::shared_ptr<const EngineView> view) {
    const MutexLock lock(shared_.mutex);
    shared_.view = std::move(view);
    shared_.answered = true;
    shared_.published.notify_all();
  }

  Shared& shared_;
  std::map<std::string, std::shared_ptr<const ContainerRecord>> records_;
  std::map<std::string, std::uint64_t> ooms_;
  std::set<std::string> changed_;  // to be inspected
  std::set<std::string> failed_;   // inspected in vain
  std::optional<Error> problem_;   // why
  std::string line_;
  bool known_ = false;
  bool systemd_cgroups_ = false;
};

void ContainerWatch::account(Shared& shared) {
  const Result<EngineDisk> disk = shared.engine.disk_usage(shared.wait(shared.options.disk_timeout));
  const MutexLock lock(shared.mutex);
  shared.disk_error.reset();
  if (disk) {
    shared.disk = std::make_shared<EngineDiskView>(EngineDiskView{*disk, system_clock().boot()});
  } else {
    shared.disk_error = disk.error();
  }
}

ContainerWatch::ContainerWatch(std::string socket, Options options)
    : socket_(std::move(socket)),
      options_(options),
      shared_(std::make_shared<Shared>(socket_, options_, stop_)),
      isolation_(2) {}

ContainerWatch::~ContainerWatch() { stop_.cancel(); }

std::shared_ptr<const EngineView> ContainerWatch::look(BootTime deadline) {
  // A worker runs as long as the watch; both are started again if one ever ended.
  isolation_.start("events", [shared = shared_] { Follower(*shared).run(); });
  MutexLock lock(shared_->mutex);
  const Duration left = std::max(Duration::zero(), deadline - system_clock().boot());
  shared_->published.wait_for(lock, left,
                              [this]() CHIRON_REQUIRES(shared_->mutex) { return shared_->answered; });
  const BootTime now = system_clock().boot();
  const bool due = options_.disk_interval > Duration::zero() && shared_->view->up &&
                   (!shared_->disk_tried || now - *shared_->disk_tried >= options_.disk_interval);
  std::shared_ptr<const EngineView> view = shared_->view;
  if (!due) return view;
  shared_->disk_tried = now;
  lock.unlock();
  isolation_.start("disk", [shared = shared_] { account(*shared); });
  return view;
}

std::shared_ptr<const EngineDiskView> ContainerWatch::disk() const {
  const MutexLock lock(shared_->mutex);
  return shared_->disk;
}

std::optional<Error> ContainerWatch::disk_error() const {
  const MutexLock lock(shared_->mutex);
  return shared_->disk_error;
}

std::uint64_t ContainerWatch::inspections() const {
  const MutexLock lock(shared_->mutex);
  return shared_->inspections;
}

}  // namespace chiron
