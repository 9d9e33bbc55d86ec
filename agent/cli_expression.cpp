#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/findings.h"
#include "agent/query_text.h"
#include "agent/time_text.h"
#include "exporter/base/parse.h"
#include "rules/promql/promql.h"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

/// Less than the client waits for an answer.
constexpr const char* kTimeout = "25s";
/// Points of a range query without --step.
constexpr std::int64_t kPoints = 250;
constexpr std::size_t kColumns = 80;
constexpr const char* kSeeHelp = "`chiron query --help` tells what it takes";

struct Asked {
  std::string expr, time, start, end, step;

  bool is_range() const { return !start.empty() || !end.empty() || !step.empty(); }
};

/// A time, or a duration: so long ago.
Result<TimestampMs> moment(const char* option, const std::string& text, TimestampMs now) {
  if (const auto time = parse_time(text)) return *time;
  if (const auto ago = parse_duration(text); ago.ok()) {
    return now - std::chrono::duration_cast<std::chrono::milliseconds>(*ago).count();
  }
  return Error(
      ErrorCode::invalid_argument,
      fmt::format("{}: '{}' is neither Unix seconds, nor RFC 3339 (2026-01-01T00:00:00Z), nor a duration "
                  "(30m: so long ago)",
                  option, text));
}

/// Start, end and step of the query, and of its plot.
Result<PlotOptions> range_of(const Asked& asked, TimestampMs now) {
  if (asked.start.empty()) {
    return Error(ErrorCode::invalid_argument, "--start is missing: --end and --step are those of a range");
  }
  if (!asked.time.empty()) {
    return Error(ErrorCode::invalid_argument,
                 "--time and --start exclude each other: one moment, or a range");
  }
  PlotOptions range;
  const auto start = moment("--start", asked.start, now);
  const auto end = asked.end.empty() ? Result<TimestampMs>(now) : moment("--end", asked.end, now);
  if (!start.ok()) return start.error();
  if (!end.ok()) return end.error();
  if (*end < *start) return Error(ErrorCode::invalid_argument, "--end is before --start");
  range.start = *start;
  range.end = *end;
  range.step = std::chrono::milliseconds(std::max<std::int64_t>(1000, (*end - *start) / kPoints));
  if (!asked.step.empty()) {
    const auto seconds = parse_double(asked.step);
    const auto step = seconds ? Result<Duration>(std::chrono::duration_cast<Duration>(
                                    std::chrono::duration<double>(std::clamp(*seconds, 0.0, 1e9))))
                              : parse_duration(asked.step);
    if (!step.ok() || *step < std::chrono::milliseconds(1)) {
      return Error(ErrorCode::invalid_argument,
                   fmt::format("--step: '{}' is neither a duration (30s) nor a number of seconds above 0",
                               asked.step));
    }
    range.step = *step;
  }
  return range;
}

/// What the terminal can show, as far as it can be told.
void fit_to_terminal(PlotOptions& options) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  winsize size{};
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  options.columns = parse_int<std::size_t>(variable("COLUMNS")).value_or(kColumns);
  if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.columns = size.ws_col;
    if (size.ws_row > 30) options.rows = 20;
  }
  options.columns = std::min<std::size_t>(options.columns, 1000);
  // The first that is set decides (locale(7)).
  std::string locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = to_lower(variable(name));
  }
  options.utf8 = locale.ends_with("utf-8") || locale.ends_with("utf8");
  // https://no-color.org
  options.colour = terminal && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

std::string seconds_text(TimestampMs t) { return fmt::format("{:.3f}", static_cast<double>(t) / 1000); }

int ask(const SettingOptions& options, const Asked& asked, bool json) {
  DiagnosticSink sink;
  check_expression(asked.expr, promql::Features::all(), sink);
  if (!sink.ok()) {
    std::fputs(printable(errors_text(sink)).c_str(), stderr);
    return kExitFailed;
  }
  Json request{{"command", "query"}, {"query", asked.expr}, {"timeout", kTimeout}};
  PlotOptions range;
  if (asked.is_range()) {
    const auto given = range_of(asked, to_ms(system_clock().wall()));
    if (!given.ok()) return fail_usage(given.error().to_string(), kSeeHelp);
    range = *given;
    request["start"] = seconds_text(range.start);
    request["end"] = seconds_text(range.end);
    request["step"] = fmt::format("{:.3f}", std::chrono::duration<double>(range.step).count());
  } else if (!asked.time.empty()) {
    const auto time = moment("--time", asked.time, to_ms(system_clock().wall()));
    if (!time.ok()) return fail_usage(time.error().to_string(), kSeeHelp);
    request["time"] = seconds_text(*time);
  }
  const auto answer = ask_agent(options, request);
  if (!answer.ok()) return fail(answer.error().to_string());
  if (text_of(*answer, "status") != "success") return fail(text_of(*answer, "error"));
  if (json) {
    print_json(*answer);
  } else if (asked.is_range()) {
    fit_to_terminal(range);
    print_drawing(query_plot(*answer, range));
  } else {
    print(query_table(*answer));
  }
  std::fflush(stdout);
  for (const char* kind : {"warnings", "infos"}) {
    if (json) break;
    for (const Json& note : field(*answer, kind)) {
      if (note.is_string()) std::fprintf(stderr, "%s\n", printable(note.get<std::string>()).c_str());
    }
  }
  return kExitOk;
}

}  // namespace

void add_expression_command(Cli& cli) {
  auto asked = std::make_shared<Asked>();
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command =
      cli.add_command(cli.app, "query", "Evaluate a PromQL expression over the agent's samples.",
                      [&cli, options, asked] { return ask(**options, *asked, cli.json); });
  *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
  command->add_option("EXPR", asked->expr, "The expression.")->required();
  command
      ->add_option("--time", asked->time,
                   "Evaluation time: Unix seconds, RFC 3339, or a duration (30m: so long ago); the newest "
                   "sample when absent.")
      ->type_name("TIME");
  command->add_option("--start", asked->start, "Draw a plot from here on, a time as --time takes it.")
      ->type_name("TIME");
  command->add_option("--end", asked->end, "To here; now when absent.")->type_name("TIME");
  command->add_option("--step", asked->step, "Time between two points; so that there are 250 when absent.")
      ->type_name("DURATION");
  cli.add_json_flag(*command);
}

}  // namespace chiron::agent
