#include "exporter/base/event_log.h"

#include "exporter/base/clock.h"
#include "exporter/base/utf8.h"

#include <atomic>
#include <cerrno>
#include <cmath>
#include <mutex>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace chiron {
namespace {

using Json = nlohmann::ordered_json;

std::string_view level_name(LogLevel level) {
  static constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  return kLevels[static_cast<std::size_t>(level)];
}

// A write to a pipe without a reader raises SIGPIPE, for which a log must not end the process, whatever the
// disposition is: the signal is blocked for the call, and taken back when the call raised it.
class PipeSignalGuard {
 public:
  PipeSignalGuard() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~PipeSignalGuard() {
    const timespec now{};
    if (!was_pending_) ::sigtimedwait(&pipe_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeSignalGuard(const PipeSignalGuard&) = delete;
  PipeSignalGuard& operator=(const PipeSignalGuard&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

/// Writes lines to a descriptor in blocking or non-blocking mode without ever being held by it.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  DescriptorSink(int descriptor, std::atomic<std::uint64_t>& lost) : descriptor_(descriptor), lost_(lost) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const PipeSignalGuard guard;
    // A line that was cut off half-way is ended first, so that this one stands by itself.
    if (cut_ && write_some("\n") == 1) cut_ = false;
    const std::string_view line(message.payload.data(), message.payload.size());
    std::size_t written = 0;
    while (!cut_ && written < line.size()) {
      const std::size_t count = write_some(line.substr(written));
      if (count == 0) break;
      written += count;
    }
    if (written == line.size()) return;
    ++lost_;
    if (written > 0) cut_ = true;
  }
  void flush_() override {}

 private:
  // At most PIPE_BUF bytes (4096, pipe(7)): then a pipe that polls writable takes them without blocking.
  std::size_t write_some(std::string_view text) {
    text = text.substr(0, 4096);
    if (!wait_writable()) return 0;
    ssize_t count = ::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == ENOTSOCK) count = ::write(descriptor_, text.data(), text.size());
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

  // A reader that is only slow gets a moment; one that has once let it pass gets none until it reads again.
  bool wait_writable() {
    constexpr int kPatienceMs = 20;
    pollfd entry{descriptor_, POLLOUT, 0};
    const int ready = ::poll(&entry, 1, stalled_ ? 0 : kPatienceMs);
    stalled_ = ready <= 0;
    return ready > 0 && (entry.revents & POLLOUT) != 0;
  }

  const int descriptor_;
  std::atomic<std::uint64_t>& lost_;
  bool cut_ = false;  // guarded by the base's mutex, as is stalled_
  bool stalled_ = false;
};

std::string non_finite(double value) { return std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf"; }

Json to_json(const LogField& field) {
  return std::visit(
      [](const auto& value) -> Json {
        // JSON has no numbers for these.
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
          if (!std::isfinite(value)) return non_finite(value);
        }
        return value;
      },
      field.value);
}

std::string json_line(LogLevel level, std::string_view event, LogFields fields) {
  Json object;
  object["time"] = to_rfc3339(system_clock().wall());
  object["level"] = level_name(level);
  object["event"] = event;
  for (const LogField& field : fields) {
    std::string key(field.key);
    while (object.contains(key)) key.insert(0, "field_");
    object[key] = to_json(field);
  }
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

// Whatever could break the line or steer a terminal puts a value in quotes and is escaped there, as JSON
// does; DEL and the C1 control characters, which JSON leaves alone, too.
void append_text(std::string& line, std::string_view raw) {
  const std::string value = replace_invalid_utf8(raw);
  const auto special = [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return code <= 0x20 || c == '"' || c == '=' || c == '\\' || code == 0x7F || code == 0xC2;
  };
  if (!value.empty() && std::none_of(value.begin(), value.end(), special)) {
    line += value;
    return;
  }
  const std::string quoted = Json(value).dump();
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const auto next = i + 1 < quoted.size() ? static_cast<unsigned char>(quoted[i + 1]) : 0U;
    if (static_cast<unsigned char>(quoted[i]) == 0xC2 && next < 0xA0) {
      line += fmt::format("\\u{:04x}", next);
      ++i;
    } else if (quoted[i] == 0x7F) {
      line += "\\u007f";
    } else {
      line += quoted[i];
    }
  }
}

std::string text_line(LogLevel level, std::string_view event, LogFields fields) {
  std::string line = fmt::format("{} {:<7} ", to_rfc3339(system_clock().wall()), level_name(level));
  // Event names are ours and have blanks: no quotes around them.
  line += event;
  for (const LogField& field : fields) {
    line += fmt::format(" {}=", field.key);
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_text(line, *text);
    } else {
      const Json value = to_json(field);
      line += value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
  return line + '\n';
}

class SpdlogLog final : public EventLog {
 public:
  SpdlogLog(LogOptions options, int descriptor)
      : format_(options.format), logger_("chiron", std::make_shared<DescriptorSink>(descriptor, lost_)) {
    logger_.set_level(to_spdlog(options.level));
    // The default handler writes to standard error by itself.
    logger_.set_error_handler([this](const std::string&) { ++lost_; });
  }

  void write(LogLevel level, std::string_view event, LogFields fields) override {
    if (!logger_.should_log(to_spdlog(level))) return;
    try {
      logger_.log(to_spdlog(level), format_ == LogFormat::json ? json_line(level, event, fields)
                                                               : text_line(level, event, fields));
    } catch (const std::exception&) {
      ++lost_;
    }
  }

  std::uint64_t lost() const override { return lost_; }

 private:
  const LogFormat format_;
  std::atomic<std::uint64_t> lost_{0};
  spdlog::logger logger_;
};

class NullLog final : public EventLog {
 public:
  void write(LogLevel, std::string_view, LogFields) override {}
};

}  // namespace

EventLog& null_log() {
  static NullLog log;
  return log;
}

std::unique_ptr<EventLog> make_descriptor_log(LogOptions options, int descriptor) {
  return std::make_unique<SpdlogLog>(options, descriptor);
}

std::unique_ptr<EventLog> make_stderr_log(LogOptions options) {
  return make_descriptor_log(options, STDERR_FILENO);
}

}  // namespace chiron
