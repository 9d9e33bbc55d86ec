#pragma once

#include "tests/support/temp_dir.h"

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chiron::testing {

/// A server on a Unix socket, or on a TCP port of 127.0.0.1, that answers every connection's first bytes with
/// what the test says, then ends its half; with no answer it is a server that hangs.
class ScriptedServer {
 public:
  using Answer = std::function<std::string(std::string_view request)>;
  enum class Kind { unix_socket, tcp };
  explicit ScriptedServer(Answer answer = nullptr, Kind kind = Kind::unix_socket)
      : answer_(std::move(answer)) {
    if (kind == Kind::unix_socket) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      path().copy(address.sun_path, sizeof address.sun_path - 1);
      listen_on(address);
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      listen_on(address);
      socklen_t size = sizeof address;
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
      port_ = ntohs(address.sin_port);
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string path() const { return dir_ / "server.sock"; }
  /// HOST:PORT of Kind::tcp.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int connections() const { return connections_; }

 private:
  template <class Address>
  void listen_on(const Address& address) {
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    listener_ = ::socket(generic->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::bind(listener_, generic, sizeof address);
    ::listen(listener_, 16);
  }
  void serve() {
    std::vector<int> open;
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) break;
      ++connections_;
      open.push_back(fd);
      if (!answer_) continue;
      char buffer[65536];
      const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
      const std::string reply =
          answer_(std::string_view(buffer, size > 0 ? static_cast<std::size_t>(size) : 0));
      ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
      ::shutdown(fd, SHUT_WR);
    }
    for (const int fd : open) ::close(fd);
  }

  TempDir dir_;
  Answer answer_;
  int listener_ = -1;
  unsigned port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace chiron::testing
