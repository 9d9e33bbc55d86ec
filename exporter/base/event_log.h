#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chiron {

enum class LogLevel { debug, info, warning, error };

/// One key and value of an event. Integers and doubles stay numbers in JSON.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  LogField(std::string_view k, std::int64_t v) : key(k), value(v) {}
  LogField(std::string_view k, std::uint64_t v) : key(k), value(v) {}
  LogField(std::string_view k, int v) : key(k), value(std::int64_t{v}) {}
};
using LogFields = std::initializer_list<LogField>;

/// Structured log: an event is a stable lower-case name ("collector failed"), and fields. Thread-safe; never
/// throws and never blocks for more than an instant on a full disk or a reader that stopped reading: what
/// cannot be written is counted in lost(), one for each event.
class EventLog {
 public:
  virtual ~EventLog() = default;
  virtual void write(LogLevel level, std::string_view event, LogFields fields) = 0;
  virtual std::uint64_t lost() const { return 0; }

  void debug(std::string_view event, LogFields fields = {}) { write(LogLevel::debug, event, fields); }
  void info(std::string_view event, LogFields fields = {}) { write(LogLevel::info, event, fields); }
  void warning(std::string_view event, LogFields fields = {}) { write(LogLevel::warning, event, fields); }
  void error(std::string_view event, LogFields fields = {}) { write(LogLevel::error, event, fields); }
};

/// Swallows everything.
EventLog& null_log();

enum class LogFormat { json, text };
struct LogOptions {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::json;  ///< one JSON object a line, or logfmt-like text for a terminal
};
/// spdlog behind the interface, writing to standard error.
std::unique_ptr<EventLog> make_stderr_log(LogOptions options);
/// The same to any descriptor: a file, a pipe, a socket or a terminal. It is borrowed and must outlive the
/// log.
std::unique_ptr<EventLog> make_descriptor_log(LogOptions options, int descriptor);

}  // namespace chiron
