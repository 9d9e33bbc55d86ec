#include "remediation/actions/command_run.h"

#include "exporter/base/parse.h"
#include "exporter/base/subprocess.h"
#include "exporter/base/utf8.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr std::size_t kOutputKept = 4096;  // of stdout and stderr each, the end: what failed stands there
constexpr Duration kLongestGrace = std::chrono::seconds(5);

Status check_program(const std::string& program) {
  struct stat info {};
  if (::stat(program.c_str(), &info) != 0) return Error::from_errno(errno, program);
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::invalid_argument, fmt::format("{}: not a regular file", program));
  }
  if (::faccessat(AT_FDCWD, program.c_str(), X_OK, AT_EACCESS) != 0) {
    return Error(ErrorCode::permission_denied, fmt::format("{}: not executable for this user", program));
  }
  return {};
}

Status check_directory(const std::string& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) return Error::from_errno(errno, directory);
  if (S_ISDIR(info.st_mode)) return {};
  return Error(ErrorCode::invalid_argument, fmt::format("{}: not a directory", directory));
}

std::string tail(std::string_view output) {
  output = trim(output);
  const bool cut = output.size() > kOutputKept;
  if (cut) output.remove_prefix(output.size() - kOutputKept);
  return (cut ? "..." : "") + replace_invalid_utf8(output);
}

std::string last_line(std::string_view output) {
  output = trim(output);
  const std::size_t newline = output.rfind('\n');
  if (newline != std::string_view::npos) output.remove_prefix(newline + 1);
  return replace_invalid_utf8(output.substr(0, 300));
}

}  // namespace

void CommandRun::declare(Arguments& arguments) {
  arguments.add("argv", &argv_, Need::required,
                "the program by its absolute path, then its arguments; never given to a shell");
  arguments.add("environment", &environment_, Need::optional,
                "variables to add to PATH, LANG and CHIRON_RUN_ID; their values are never shown");
  arguments.add("directory", &directory_, Need::optional, "where it starts, an absolute path");
  arguments.add("expect_exit", &expect_exit_, Need::optional, "the exit code that means success");
  arguments.add("record_output", &record_output_, Need::optional,
                "whether the end of its output is kept in the ledger");
  arguments.add("user", &user_, Need::optional,
                "the user it runs as, instead of root; in a transient unit only");
  arguments.add("memory_max", &memory_max_, Need::optional,
                "memory that it and its children may use, as a size; in a transient unit only");
  arguments.add("cpu_quota", &cpu_quota_, Need::optional,
                "share of one CPU that they may use, such as 50%; in a transient unit only");
}

Status CommandRun::validate() const {
  if (argv_.empty() || argv_.front().empty() || argv_.front().front() != '/') {
    return Error(
        ErrorCode::invalid_argument,
        "argv: the first element must be the absolute path of a program, such as /usr/bin/systemctl");
  }
  if (directory_.empty() || directory_.front() != '/') {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("directory: {} is not an absolute path", quoted(directory_)));
  }
  if (expect_exit_ < 0 || expect_exit_ > 255) {
    return Error(ErrorCode::invalid_argument, "expect_exit: an exit code is from 0 to 255");
  }
  if (memory_max_.is_percent) {
    return Error(ErrorCode::invalid_argument, "memory_max: must be a size, such as 512MiB");
  }
  if (cpu_quota_.bytes > 0 || (cpu_quota_.is_percent && cpu_quota_.percent < 1)) {
    return Error(ErrorCode::invalid_argument,
                 "cpu_quota: must be a share of one CPU, such as 50%, at least 1%");
  }
  for (const auto& [name, value] : environment_) {
    if (!name.empty() && name.find('=') == std::string::npos) continue;
    return Error(ErrorCode::invalid_argument,
                 fmt::format("environment: {} is not a variable's name", quoted(name)));
  }
  return {};
}

Result<Plan> CommandRun::plan(ActionContext& context) {
  if (Status status = check_program(argv_.front()); !status) return std::move(status).error();
  if (Status status = check_directory(directory_); !status) return std::move(status).error();
  std::string shown;
  for (const std::string& argument : argv_) {
    shown += fmt::format("{}{}", shown.empty() ? "" : " ", quoted(argument));
  }
  Plan plan;
  plan.summary = fmt::format("run {} in {}, at most {}", shown, directory_,
                             format_duration(std::chrono::ceil<std::chrono::seconds>(context.remaining())));
  plan.items.push_back({.what = shown, .bytes = 0, .objects = 1, .note = "not run by planning"});
  plan.objects = 1;
  return plan;
}

Command CommandRun::command(const ActionContext& context) const {
  Command command;
  command.argv = argv_;
  command.directory = directory_;
  command.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                         {"LANG", "C.UTF-8"},
                         {"CHIRON_RUN_ID", context.run_id}};
  for (const auto& [name, value] : environment_) {
    const auto same =
        std::ranges::find(command.environment, name, &std::pair<std::string, std::string>::first);
    if (same == command.environment.end()) {
      command.environment.emplace_back(name, value);
    } else {
      same->second = value;
    }
  }
  // The grace is part of the step's time: the group is gone by the deadline.
  const Duration remaining = context.remaining();
  command.grace = std::min(kLongestGrace, remaining / 10);
  command.timeout = remaining - command.grace;
  return command;
}

TransientCommand CommandRun::transient(const ActionContext& context) const {
  return {.unit = fmt::format("chiron-run-{}-{}.service", context.run_id, context.step),
          .description = fmt::format("Chiron's command {}, run {}", argv_.front(), context.run_id),
          .command = command(context),
          .user = user_,
          .memory_max = memory_max_.bytes,
          .cpu_percent = cpu_quota_.percent};
}

Status CommandRun::run(ActionContext& context, Report& report) {
  if (Status status = check_program(argv_.front()); !status) return status;
  if (Status status = check_directory(directory_); !status) return status;
  if (context.remaining() <= Duration::zero())
    return Error(ErrorCode::timed_out, "no time was left to start it");

  if (const std::unique_ptr<TransientUnits> units = find_units_(context.bus)) {
    const TransientCommand unit = transient(context);
    report.facts.emplace_back("unit", unit.unit);
    return conclude(units->run(unit, context.cancel, context.agent_stops), report);
  }
  if (!user_.empty() || memory_max_.bytes > 0 || cpu_quota_.is_percent) {
    return Error(
        ErrorCode::failed_precondition,
        "user, memory_max and cpu_quota need a transient unit: systemd on the bus, and the agent as root");
  }
  Result<CommandOutcome> result = run_command(command(context), context.cancel);
  if (!result) return std::move(result).error().wrap(fmt::format("{} did not start", argv_.front()));
  return conclude(*result, report);
}

Status CommandRun::resume(ActionContext& context, Report& report) {
  const std::unique_ptr<TransientUnits> units = find_units_(context.bus);
  if (!units) return Action::resume(context, report);
  const TransientCommand unit = transient(context);
  report.facts.emplace_back("unit", unit.unit);
  return conclude(units->attach(unit, context.cancel, context.agent_stops), report);
}

Status CommandRun::conclude(const Result<TransientOutcome>& result, Report& report) const {
  if (!result) return result.error();
  if (result->goes_on) {
    report.goes_on = true;
    return Error(ErrorCode::cancelled, fmt::format("{} goes on without the agent", argv_.front()));
  }
  Status concluded = conclude(result->command, report);
  if (concluded || result->result == "success" || result->command.cancelled || result->command.timed_out) {
    return concluded;
  }
  const std::string_view why =
      result->result == "exit-code"
          ? ", which may mean that it could not execute it (systemd.exec(5), 200 to 243)"
          : "";
  return std::move(concluded).error().wrap(fmt::format("systemd says {}{}", result->result, why));
}

Status CommandRun::conclude(const CommandOutcome& outcome, Report& report) const {
  report.facts.emplace_back("took",
                            fmt::format("{:.3f}s", std::chrono::duration<double>(outcome.took).count()));
  if (record_output_) {
    if (!outcome.out.empty()) report.facts.emplace_back("stdout", tail(outcome.out));
    if (!outcome.err.empty()) report.facts.emplace_back("stderr", tail(outcome.err));
    if (outcome.truncated) report.facts.emplace_back("output_truncated", "true");
  }
  if (outcome.cancelled) return Error(ErrorCode::cancelled, fmt::format("{} was cancelled", argv_.front()));
  if (outcome.timed_out) {
    return Error(ErrorCode::timed_out,
                 fmt::format("{} did not end in its time and was killed with its children", argv_.front()));
  }
  const std::string why = record_output_ && !trim(outcome.err).empty() ? ": " + last_line(outcome.err) : "";
  if (outcome.signal != 0) {
    report.facts.emplace_back("signal", fmt::format("{}", outcome.signal));
    return Error(ErrorCode::failed_precondition,
                 fmt::format("{} was ended by signal {}{}", argv_.front(), outcome.signal, why));
  }
  report.facts.emplace_back("exit_code", fmt::format("{}", outcome.exit_code));
  report.summary = fmt::format("{} ended with exit code {}", argv_.front(), outcome.exit_code);
  if (outcome.exit_code == expect_exit_) return {};
  return Error(ErrorCode::failed_precondition,
               fmt::format("{} ended with exit code {}, expected {}{}", argv_.front(), outcome.exit_code,
                           expect_exit_, why));
}

}  // namespace chiron::remediation
