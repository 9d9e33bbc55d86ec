#include "exporter/base/transient_properties.h"

#include "exporter/base/utf8.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <signal.h>
#include <systemd/sd-bus.h>

namespace chiron {
namespace {

// systemd.exec(5): 200 to 243 are systemd's own, for a program that could not be executed.
constexpr int kFirstOwnStatus = 200, kLastOwnStatus = 243;

std::uint64_t microseconds(Duration duration) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::microseconds>(duration).count()));
}

/// Whatever the program's end, the unit is not "failed" by it: it then stays as "exited", with its end and
/// its output, until it is taken up, and no alert is about it.
int append_success_status(sd_bus_message* message) {
  int rc = sd_bus_message_open_container(message, 'r', "sv");
  if (rc >= 0) rc = sd_bus_message_append(message, "s", "SuccessExitStatus");
  if (rc >= 0) rc = sd_bus_message_open_container(message, 'v', "(aiai)");
  if (rc >= 0) rc = sd_bus_message_open_container(message, 'r', "aiai");
  std::vector<std::int32_t> statuses, signals;
  for (int status = 1; status <= 255; ++status) {
    if (status < kFirstOwnStatus || status > kLastOwnStatus) statuses.push_back(status);
  }
  for (int signal = 1; signal <= SIGSYS; ++signal) signals.push_back(signal);
  for (const std::vector<std::int32_t>& list : {statuses, signals}) {
    if (rc >= 0)
      rc = sd_bus_message_append_array(message, 'i', list.data(), list.size() * sizeof(std::int32_t));
  }
  for (int open = 0; open < 3 && rc >= 0; ++open) rc = sd_bus_message_close_container(message);
  return rc;
}

int append_exec(sd_bus_message* message, const std::vector<std::string>& argv) {
  int rc = sd_bus_message_open_container(message, 'r', "sv");
  // ExecStartEx: in ExecStart systemd would expand $VARIABLES in what may come from a label.
  if (rc >= 0) rc = sd_bus_message_append(message, "s", "ExecStartEx");
  if (rc >= 0) rc = sd_bus_message_open_container(message, 'v', "a(sasas)");
  if (rc >= 0) rc = sd_bus_message_open_container(message, 'a', "(sasas)");
  if (rc >= 0) rc = sd_bus_message_open_container(message, 'r', "sasas");
  if (rc >= 0) rc = sd_bus_message_append(message, "s", argv.front().c_str());
  if (rc >= 0) rc = sd_bus_message_open_container(message, 'a', "s");
  for (const std::string& argument : argv) {
    if (rc >= 0) rc = sd_bus_message_append(message, "s", argument.c_str());
  }
  if (rc >= 0) rc = sd_bus_message_close_container(message);
  if (rc >= 0) rc = sd_bus_message_append(message, "as", 1, "no-env-expand");
  for (int open = 0; open < 4 && rc >= 0; ++open) rc = sd_bus_message_close_container(message);
  return rc;
}

bool is_variable_name(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

Result<std::string> environment_file_text(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::string text;
  for (const auto& [name, value] : variables) {
    if (!is_variable_name(name)) {
      return Error(ErrorCode::invalid_argument,
                   fmt::format("environment: {} is no name that systemd takes; letters, digits and _ are",
                               quoted(name)));
    }
    if (replace_invalid_utf8(value) != value || value.find('\0') != std::string::npos) {
      return Error(ErrorCode::invalid_argument, fmt::format("environment: {} is not UTF-8 text", name));
    }
    text += name + "=\"";
    for (const char character : value) {
      if (std::string_view("\"\\`$").find(character) != std::string_view::npos) text += '\\';
      text += character;
    }
    text += "\"\n";
  }
  return text;
}

int append_transient_properties(sd_bus_message* message, const TransientCommand& unit, int out, int err,
                                const std::string& environment_file) {
  const Command& command = unit.command;
  int rc = sd_bus_message_open_container(message, 'a', "(sv)");
  const auto add = [&](const char* name, const char* type, auto value) {
    if (rc >= 0) rc = sd_bus_message_append(message, "(sv)", name, type, value);
  };
  add("Description", "s", unit.description.c_str());
  // It may be what brings the boot on, but does not outlive the host: no more of the default dependencies.
  add("DefaultDependencies", "b", 0);
  if (rc >= 0) rc = sd_bus_message_append(message, "(sv)", "Conflicts", "as", 1, "shutdown.target");
  if (rc >= 0) rc = sd_bus_message_append(message, "(sv)", "Before", "as", 1, "shutdown.target");
  // The start is over when execve(2) succeeded, or not.
  add("Type", "s", "exec");
  add("RemainAfterExit", "b", 1);
  if (rc >= 0) rc = append_success_status(message);
  if (rc >= 0) rc = append_exec(message, command.argv);
  add("WorkingDirectory", "s", command.directory.c_str());
  if (rc >= 0) {
    rc = sd_bus_message_append(message, "(sv)", "EnvironmentFiles", "a(sb)", 1, environment_file.c_str(), 0);
  }
  add("StandardInput", "s", "null");
  add("StandardOutputFileDescriptor", "h", out);
  add("StandardErrorFileDescriptor", "h", err);
  add("IgnoreSIGPIPE", "b", 0);
  add("KillMode", "s", "control-group");
  add("RuntimeMaxUSec", "t", microseconds(command.timeout));
  add("TimeoutStopUSec", "t", microseconds(command.grace));
  if (!unit.user.empty()) add("User", "s", unit.user.c_str());
  if (unit.memory_max > 0) add("MemoryMax", "t", unit.memory_max);
  if (unit.cpu_percent > 0) {
    add("CPUQuotaPerSecUSec", "t", static_cast<std::uint64_t>(std::llround(unit.cpu_percent * 10'000)));
  }
  return rc < 0 ? rc : sd_bus_message_close_container(message);
}

}  // namespace chiron
