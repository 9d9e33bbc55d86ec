#pragma once

#include "tests/support/temp_dir.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::testing {

/// A redis-server of the test's own on a Unix socket in a temporary directory, killed at the end.
class RedisServer {
 public:
  /// Further options as on redis-server's command line: {"--requirepass", "secret"}.
  explicit RedisServer(std::vector<std::string> options = {}) {
    std::vector<std::string> arguments = {
        "redis-server", "--port", "0",     "--unixsocket",       socket(),      "--save", "",
        "--appendonly", "no",     "--dir", dir_.path().string(), "--daemonize", "no"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      ::dup2(null, 0);
      ::dup2(null, 1);
      ::dup2(null, 2);
      ::execv("/usr/bin/redis-server", argv.data());
      ::_exit(127);
    }
    ready_ = wait_until_it_answers();
  }
  ~RedisServer() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  bool ready() const { return ready_; }
  std::string socket() const { return dir_ / "redis.sock"; }
  const TempDir& dir() const { return dir_; }
  /// SIGSTOP: connections are accepted by the kernel, nothing answers.
  void hang() const { ::kill(pid_, SIGSTOP); }
  void resume() const { ::kill(pid_, SIGCONT); }
  void die() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  bool wait_until_it_answers() const {
    using Clock = std::chrono::steady_clock;
    for (const auto end = Clock::now() + std::chrono::seconds(20); Clock::now() < end;) {
      if (answers()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  bool answers() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    char reply[5] = {};
    const bool answered = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                          ::send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
                          ::recv(fd, reply, sizeof reply, MSG_WAITALL) == 5 &&
                          (std::string_view(reply, 5) == "+PONG" || std::string_view(reply, 5) == "-NOAU");
    ::close(fd);
    return answered;
  }

  TempDir dir_;
  pid_t pid_ = -1;
  bool ready_ = false;
};

}  // namespace chiron::testing
