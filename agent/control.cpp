#include "agent/control.h"

#include "exporter/base/file.h"
#include "exporter/base/thread_annotations.h"

#include <cerrno>
#include <system_error>
#include <thread>

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

constexpr int kIdleMs = 30'000;
constexpr int kRetryMs = 100;
constexpr std::size_t kMaxReply = 64 << 20;
constexpr const char* kGroup = "chiron";

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error(ErrorCode::invalid_argument, "the control socket's path is longer than the " +
                                                  std::to_string(sizeof(address.sun_path) - 1) +
                                                  " bytes of unix(7): " + path +
                                                  "; choose a shorter --storage.path");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Peer peer_of(int fd, gid_t& gid) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  Peer peer;
  peer.uid = ~0U;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return peer;
  peer.uid = credentials.uid;
  peer.pid = credentials.pid;
  gid = credentials.gid;
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(peer.uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    peer.user = found->pw_name;
  } else {
    peer.user = "uid " + std::to_string(peer.uid);
  }
  return peer;
}

bool in_group(const Peer& peer, gid_t primary, gid_t wanted) {
  if (primary == wanted) return true;
  std::array<gid_t, 256> groups;
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(peer.user.c_str(), primary, groups.data(), &count) < 0) return false;
  return std::find(groups.begin(), groups.begin() + count, wanted) != groups.begin() + count;
}

bool may_ask(const Peer& peer, gid_t primary) {
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  const auto group = control_group();
  return group && in_group(peer, primary, *group);
}

Status send_all(int fd, std::string_view text, int timeout_ms) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
      return Error::from_errno(errno, "write to the control socket");
    pollfd waiting{fd, POLLOUT, 0};
    if (::poll(&waiting, 1, timeout_ms) == 0)
      return Error(ErrorCode::timed_out, "the other end takes nothing");
  }
  return {};
}

enum class ReadOutcome { line, closed, too_long, timed_out, stopped };

/// Reads up to the next newline, at most `limit` bytes; keeps what came after it in `pending`.
ReadOutcome read_line(int fd, int stop_fd, std::string& pending, std::string& line, std::size_t limit,
                      int timeout_ms) {
  std::array<char, 16384> buffer;
  for (;;) {
    if (const std::size_t end = pending.find('\n'); end != std::string::npos && end <= limit) {
      line = pending.substr(0, end);
      pending.erase(0, end + 1);
      return ReadOutcome::line;
    }
    if (pending.size() > limit) return ReadOutcome::too_long;
    std::array<pollfd, 2> waiting{{{fd, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
    const int ready = ::poll(waiting.data(), stop_fd >= 0 ? 2 : 1, timeout_ms);
    if (ready == 0) return ReadOutcome::timed_out;
    if (ready < 0 && errno != EINTR) return ReadOutcome::closed;
    if (waiting[1].revents != 0) return ReadOutcome::stopped;
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0) return ReadOutcome::closed;
    pending.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

std::optional<gid_t> control_group() {
  std::vector<char> buffer(1 << 16);  // a group of many members
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(kGroup, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->gr_gid;
}

struct ControlServer::Impl {
  const std::string path;
  const Handler handler;
  EventLog& log;
  FileDescriptor listener, stop_event;
  std::thread acceptor;
  Mutex mutex;
  CondVar ended;
  std::size_t connections CHIRON_GUARDED_BY(mutex) = 0;

  Impl(std::string p, Handler h, EventLog& l) : path(std::move(p)), handler(std::move(h)), log(l) {}

  /// Whether one more connection may be served; it then counts.
  bool admit() {
    const MutexLock lock(mutex);
    if (connections >= kMaxConnections) return false;
    ++connections;
    return true;
  }
  void leave() {
    const MutexLock lock(mutex);
    --connections;
    ended.notify_all();
  }
  /// False when the server is to stop.
  bool wait_for(int fd, int timeout_ms) const {
    std::array<pollfd, 2> waiting{{{stop_event.get(), POLLIN, 0}, {fd, POLLIN, 0}}};
    if (::poll(waiting.data(), fd >= 0 ? 2 : 1, timeout_ms) < 0) return errno == EINTR;
    return waiting[0].revents == 0;
  }
  static void turn_away(const FileDescriptor& connection) {
    const Status ignored = send_all(
        connection.get(),
        "{\"ok\":false,\"error\":\"too many connections to the control socket; try again\"}\n", kRetryMs);
    static_cast<void>(ignored);
  }

  static void accept_loop(const std::shared_ptr<Impl>& self) {
    while (self->wait_for(self->listener.get(), -1)) {
      FileDescriptor connection(::accept4(self->listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) {
        // Without a descriptor to spare the connection stays readable: not to be asked for at full speed.
        if (errno != EAGAIN && errno != EINTR && !self->wait_for(-1, kRetryMs)) return;
        continue;
      }
      if (!self->admit()) {
        turn_away(connection);
        continue;
      }
      try {
        std::thread([self, fd = connection.get()] {
          self->serve(FileDescriptor(fd));
          self->leave();
        }).detach();
        connection.release();
      } catch (const std::system_error&) {  // no thread to spare
        self->leave();
        turn_away(connection);
      }
    }
  }

  std::string answer(ReadOutcome outcome, const std::string& line, const Peer& peer, gid_t gid) const {
    if (!may_ask(peer, gid)) {
      log.warning("control request refused", {{"user", peer.user}, {"pid", peer.pid}});
      return R"({"ok":false,"error":"only root, the agent's user and members of group chiron may ask"})";
    }
    if (outcome == ReadOutcome::too_long) return R"({"ok":false,"error":"the request is longer than 1 MiB"})";
    return handler(line, peer);
  }

  void serve(const FileDescriptor& connection) const {
    gid_t gid = 0;
    Peer peer = peer_of(connection.get(), gid);
    peer.gone = [fd = connection.get()] {
      // One that only sends no more (shutdown(2)) still waits for its answer: poll(2) says POLLHUP for both.
      pollfd hung_up{fd, 0, 0};
      return ::poll(&hung_up, 1, 0) > 0 && (hung_up.revents & (POLLHUP | POLLERR)) != 0;
    };
    std::string pending;
    std::string line;
    for (;;) {
      const ReadOutcome outcome =
          read_line(connection.get(), stop_event.get(), pending, line, kMaxRequest, kIdleMs);
      if (outcome != ReadOutcome::line && outcome != ReadOutcome::too_long) return;
      if (!send_all(connection.get(), answer(outcome, line, peer, gid) + '\n', 5000).ok()) return;
      if (outcome == ReadOutcome::too_long) return;
    }
  }
};

ControlServer::ControlServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::start(std::string path, Handler handler,
                                                            EventLog& log) {
  const auto address = address_of(path);
  if (!address.ok()) return address.error();
  auto impl = std::make_shared<Impl>(path, std::move(handler), log);
  impl->stop_event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  impl->listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!impl->listener || !impl->stop_event) return Error::from_errno(errno, "socket for " + path);
  // The state directory is locked by this agent, so what lies there is a leftover of a killed one.
  ::unlink(path.c_str());
  if (::bind(impl->listener.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return Error::from_errno(errno, "bind " + path);
  }
  ::chmod(path.c_str(), 0660);
  if (const auto group = control_group()) {
    if (::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
      log.warning("control socket keeps its group", {{"path", path}, {"wanted", kGroup}});
    }
  }
  if (::listen(impl->listener.get(), 16) != 0) return Error::from_errno(errno, "listen " + path);
  impl->acceptor = std::thread([impl] { Impl::accept_loop(impl); });
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::~ControlServer() {
  while (!stop(std::chrono::hours(1))) {
  }
}

bool ControlServer::stop(Duration wait) {
  const std::uint64_t one = 1;
  if (::write(impl_->stop_event.get(), &one, sizeof one) < 0) {
    impl_->log.error("control socket cannot be stopped");
  }
  if (impl_->acceptor.joinable()) {
    impl_->acceptor.join();
    impl_->listener.reset();
    ::unlink(impl_->path.c_str());
  }
  MutexLock lock(impl_->mutex);
  return impl_->ended.wait_for(lock, wait,
                               [this]() CHIRON_REQUIRES(impl_->mutex) { return impl_->connections == 0; });
}

Result<std::string> control_request(const std::string& path, const std::string& request, Duration timeout) {
  const auto address = address_of(path);
  if (!address.ok()) return address.error();
  const FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == EACCES) {
      return Error(ErrorCode::permission_denied,
                   path + ": permission denied; run as root or as a member of group chiron");
    }
    return Error(ErrorCode::unavailable,
                 "no agent answers at " + path + " (" + std::generic_category().message(errno) +
                     "); is it running (`chiron run`), and with this --storage.path?");
  }
  const int timeout_ms =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
  // An agent that turns a connection away says why and closes, without reading.
  const Status sent = send_all(fd.get(), request + '\n', timeout_ms);
  if (!sent.ok() && sent.error().code() == ErrorCode::timed_out) return sent.error();
  std::string pending;
  std::string line;
  switch (read_line(fd.get(), -1, pending, line, kMaxReply, timeout_ms)) {
    case ReadOutcome::line:
      return line;
    case ReadOutcome::timed_out:
      return Error(ErrorCode::timed_out, "the agent did not answer within its time");
    default:
      if (!sent.ok()) return sent.error();
      return Error(ErrorCode::unavailable, "the agent closed the connection without an answer");
  }
}

std::string control_socket_path(const std::string& storage_path) { return storage_path + "/control.sock"; }

}  // namespace chiron::agent
