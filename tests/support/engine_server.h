#pragma once

#include "tests/support/temp_dir.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chiron::testing {

/// An HTTP answer, as a container engine gives it.
inline std::string http_answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// A container engine on a Unix socket: each request is answered with what the test says; GET /events without
/// an end is a stream that stays open, into which the test writes. Like Podman, it sends the stream's head
/// with the first event only.
class EngineServer {
 public:
  using Answer = std::function<std::string(std::string_view request)>;
  explicit EngineServer(Answer answer) : answer_(std::move(answer)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(listener_, 64);
    thread_ = std::thread([this] { serve(); });
  }
  ~EngineServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    end_streams();
  }
  EngineServer(const EngineServer&) = delete;
  EngineServer& operator=(const EngineServer&) = delete;

  std::string path() const { return dir_ / "engine.sock"; }
  int requests() const { return requests_; }
  /// Streams that were ever opened.
  int streams() const { return streams_opened_; }

  /// Writes a line into every open stream, in two pieces.
  void event(const std::string& json) {
    const std::lock_guard lock(mutex_);
    for (Stream& stream : streams_) {
      if (!stream.has_head) write(stream.fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      stream.has_head = true;
      const std::string line = json + "\n";
      write(stream.fd, chunk(line.substr(0, 7)));
      write(stream.fd, chunk(line.substr(7)));
    }
  }
  void event(const std::string& action, const std::string& id) {
    event(R"({"Type":"container","Action":")" + action + R"(","Actor":{"ID":")" + id + R"("},"time":1})");
  }
  void end_streams() {
    const std::lock_guard lock(mutex_);
    for (const Stream& stream : streams_) ::close(stream.fd);
    streams_.clear();
  }
  /// Waits until so many streams were opened, for ten seconds at most.
  bool wait_for_streams(int count) {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, std::chrono::seconds(10), [&] { return streams_opened_ >= count; });
  }

 private:
  struct Stream {
    int fd;
    bool has_head = false;
  };
  static void write(int fd, const std::string& text) { ::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }
  static std::string chunk(const std::string& text) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + text + "\r\n";
  }
  void serve() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      char buffer[65536];
      const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
      const std::string_view request(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
      if (request.starts_with("GET /events?") && request.find("&until=") == request.npos) {
        const std::lock_guard lock(mutex_);
        streams_.push_back({fd});
        ++streams_opened_;
        opened_.notify_all();
        continue;
      }
      ++requests_;
      write(fd, answer_(request));
      ::close(fd);
    }
  }

  TempDir dir_;
  Answer answer_;
  int listener_ = -1;
  std::mutex mutex_;
  std::condition_variable opened_;
  std::vector<Stream> streams_;
  std::atomic<int> streams_opened_{0};
  std::atomic<int> requests_{0};
  std::thread thread_;
};

}  // namespace chiron::testing
