#pragma once

#include "agent/control.h"
#include "exporter/base/file.h"
#include "tests/support/temp_dir.h"

#include <csignal>
#include <deque>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::testing {

/// `chiron run` as a child, watched as systemd does: its log through a pipe, its notifications through
/// NOTIFY_SOCKET. Every wait ends when what it is for happens; the limit is for a program that is broken.
class AgentProcess {
 public:
  struct Options {
    std::string storage = {};  ///< STATE_DIR of `dir` when empty
    std::string configuration = {};
    std::vector<std::string> words = {};  ///< further options
  };
  static constexpr Duration kLimit = std::chrono::seconds(30);

  AgentProcess(const TempDir& dir, Options options)
      : dir_(dir), storage_(options.storage.empty() ? dir / "state" : options.storage) {
    configure(options.configuration);
    listen_for_notifications();
    std::vector<std::string> words{CHIRON_PROGRAM,         "run",
                                   "--storage.path",       storage_,
                                   "--config.file",        dir / "chiron.yml",
                                   "--web.listen-address", "127.0.0.1:0",
                                   "--log.format",         "json"};
    words.insert(words.end(), options.words.begin(), options.words.end());
    std::vector<std::string> variables{"PATH=/usr/bin:/bin", "NOTIFY_SOCKET=" + dir / "notify",
                                       "WATCHDOG_USEC=300000"};
    std::array<int, 2> log{};
    EXPECT_EQ(::pipe2(log.data(), O_CLOEXEC), 0);
    log_.reset(log[0]);
    const FileDescriptor write_end(log[1]);
    const std::vector<char*> argv = pointers(words);
    const std::vector<char*> envp = pointers(variables);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::umask(0);
      ::dup2(write_end.get(), STDERR_FILENO);
      ::execve(argv[0], argv.data(), envp.data());
      ::_exit(127);
    }
    exited_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  ~AgentProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  void configure(const std::string& text) const { dir_.write("chiron.yml", text); }
  const std::string& storage() const { return storage_; }
  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  /// Waits for a notification with these words; it and those before it are taken.
  bool notified(const std::string& words) {
    return wait([&] {
      while (!notifications_.empty()) {
        const std::string first = std::exchange(notifications_.front(), {});
        notifications_.pop_front();
        if (first.find(words) != std::string::npos) return true;
      }
      return false;
    });
  }
  /// Waits until the log has these words.
  bool logged(const std::string& words) {
    return wait([&] { return log_text_.find(words) != std::string::npos; });
  }
  const std::string& log() const { return log_text_; }

  /// Its exit code; -1 when it was still there after the limit or died of a signal.
  int wait_for_exit() {
    wait([] { return false; });
    pollfd waiting{exited_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 1000) != 1) return -1;
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// The reply's data, or its error as {"error": ...}.
  nlohmann::json ask(const nlohmann::json& request) const {
    const auto reply = agent::control_request(agent::control_socket_path(storage_), request.dump(), kLimit);
    if (!reply.ok()) return {{"error", reply.error().to_string()}};
    const nlohmann::json json = nlohmann::json::parse(*reply, nullptr, false);
    return json.value("ok", false) ? json["data"] : nlohmann::json{{"error", json.value("error", "")}};
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (std::string& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
  }
  void listen_for_notifications() {
    notify_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir_ / "notify";
    ::unlink(path.c_str());
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    EXPECT_EQ(::bind(notify_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  /// Takes what there is to read until `there` says that it was; false at the limit and when all is read of
  /// one that is gone.
  template <class There>
  bool wait(There there) {
    const BootTime limit = system_clock().boot() + kLimit;
    while (!there()) {
      if (ended_ || system_clock().boot() > limit) return false;
      std::array<pollfd, 2> waiting{{{notify_.get(), POLLIN, 0}, {log_.get(), POLLIN, 0}}};
      ::poll(waiting.data(), waiting.size(), 1000);
      std::array<char, 4096> text{};
      for (ssize_t size; (size = ::recv(notify_.get(), text.data(), text.size(), MSG_DONTWAIT)) > 0;) {
        notifications_.emplace_back(text.data(), static_cast<std::size_t>(size));
      }
      if (waiting[1].revents == 0) continue;
      const ssize_t size = ::read(log_.get(), text.data(), text.size());
      if (size > 0) log_text_.append(text.data(), static_cast<std::size_t>(size));
      ended_ = size <= 0;
    }
    return true;
  }

  const TempDir& dir_;
  const std::string storage_;
  FileDescriptor notify_, log_, exited_;
  pid_t pid_ = -1;
  std::deque<std::string> notifications_;
  std::string log_text_;
  bool ended_ = false;  ///< it has closed its log
};

}  // namespace chiron::testing
