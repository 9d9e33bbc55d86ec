#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chiron::testing {

/// A client or accepted socket that speaks bytes, for peers that misbehave on purpose.
class RawSocket {
 public:
  explicit RawSocket(int fd) : fd_(fd) {}
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawSocket& operator=(RawSocket&&) = delete;
  ~RawSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  /// `address` is "127.0.0.1:PORT".
  static RawSocket connect_to(std::string_view address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    const std::size_t colon = address.rfind(':');
    where.sin_port =
        htons(static_cast<std::uint16_t>(std::atoi(std::string(address.substr(colon + 1)).c_str())));
    ::inet_pton(AF_INET, std::string(address.substr(0, colon)).c_str(), &where.sin_addr);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
      ::close(fd);
      return RawSocket(-1);
    }
    return RawSocket(fd);
  }
  int fd() const { return fd_; }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// Reads until `done` holds of what came, the end of the stream, or the time is over.
  std::string receive(const std::function<bool(const std::string&)>& done,
                      std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string all;
    while (!done(all)) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd watched{fd_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&watched, 1, static_cast<int>(left.count())) <= 0) break;
      char block[16384];
      const ssize_t got = ::recv(fd_, block, sizeof block, 0);
      if (got <= 0) {
        ended_ = true;
        break;
      }
      all.append(block, static_cast<std::size_t>(got));
    }
    return all;
  }
  std::string receive_all(std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    return receive([](const std::string&) { return false; }, patience);
  }
  /// One HTTP response with a Content-Length.
  std::string receive_response() {
    return receive([](const std::string& text) {
      const std::size_t head = text.find("\r\n\r\n");
      const std::size_t length = text.find("Content-Length: ");
      if (head == std::string::npos || length == std::string::npos) return false;
      return text.size() >= head + 4 + static_cast<std::size_t>(std::atol(text.c_str() + length + 16));
    });
  }
  /// Whether the last receive saw the other side close.
  bool ended() const { return ended_; }

 private:
  int fd_ = -1;
  bool ended_ = false;
};

/// A TCP port that refuses connections: taken, so that no other test gets it meanwhile, and not listening.
class RefusingPort {
 public:
  RefusingPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    ::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&where), size);
    ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&where), &size);
    address_ = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
  }
  const std::string& address() const { return address_; }

 private:
  const RawSocket socket_;
  std::string address_;
};

/// Listens on 127.0.0.1 or on a Unix socket, and hands each connection to a function on a thread of its own.
class RawServer {
 public:
  using Conversation = std::function<void(RawSocket&)>;
  explicit RawServer(Conversation conversation, const std::string& unix_path = {})
      : conversation_(std::move(conversation)) {
    if (unix_path.empty()) {
      listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in where{};
      where.sin_family = AF_INET;
      where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ::bind(listener_, reinterpret_cast<const sockaddr*>(&where), sizeof where);
      socklen_t size = sizeof where;
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &size);
      port_ = ntohs(where.sin_port);
    } else {
      listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un where{};
      where.sun_family = AF_UNIX;
      std::strncpy(where.sun_path, unix_path.c_str(), sizeof where.sun_path - 1);
      ::bind(listener_, reinterpret_cast<const sockaddr*>(&where), sizeof where);
    }
    ::listen(listener_, 16);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  /// Conversations must have ended, or end when their socket is shut down.
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      ::shutdown(sockets_[i]->fd(), SHUT_RDWR);
      threads_[i].join();
    }
    ::close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(std::string_view path = "/") const { return "http://" + address() + std::string(path); }
  int connections() const { return connections_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      ++connections_;
      sockets_.push_back(std::make_unique<RawSocket>(fd));
      RawSocket* socket = sockets_.back().get();
      threads_.emplace_back([this, socket] {
        conversation_(*socket);
        ::shutdown(socket->fd(), SHUT_RDWR);
      });
    }
  }

  Conversation conversation_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::vector<std::unique_ptr<RawSocket>> sockets_;  // by the acceptor, then by the destructor
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace chiron::testing
