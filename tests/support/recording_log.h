#pragma once

#include "exporter/base/event_log.h"

#include <mutex>
#include <string>
#include <vector>

namespace chiron::testing {

/// Keeps every event as "level event key=value ..." for the test to look at. Thread-safe.
class RecordingLog final : public EventLog {
 public:
  void write(LogLevel level, std::string_view event, LogFields fields) override {
    static constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
    std::string line = kNames[static_cast<int>(level)];
    line += ' ';
    line += event;
    for (const LogField& field : fields) {
      line += ' ';
      line += field.key;
      line += '=';
      std::visit([&line](const auto& value) { append(line, value); }, field.value);
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t count(std::string_view text) const {
    std::size_t found = 0;
    for (const std::string& line : lines()) found += line.find(text) != std::string::npos;
    return found;
  }

 private:
  static void append(std::string& line, std::string_view value) { line += value; }
  static void append(std::string& line, bool value) { line += value ? "true" : "false"; }
  static void append(std::string& line, double value) { line += std::to_string(value); }
  static void append(std::string& line, std::int64_t value) { line += std::to_string(value); }
  static void append(std::string& line, std::uint64_t value) { line += std::to_string(value); }

  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace chiron::testing
