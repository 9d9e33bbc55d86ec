#include "agent/cli_client.h"
#include "agent/cli_print.h"
#include "agent/report.h"
#include "exporter/base/file.h"

namespace chiron::agent {
namespace {

constexpr unsigned kReportMode = 0640;

struct ReportOptions {
  std::string format;
  std::string period;
  std::string output;
};

int report(const SettingOptions& options, const ReportOptions& wanted) {
  const auto request = parse_report_request(wanted.format, wanted.period);
  if (!request.ok()) {
    return fail_usage("--" + request.error().to_string(), "`chiron report --help` tells what it takes");
  }
  const auto answer = ask_agent(
      options, {{"command", "report"}, {"format", to_string(request->format)}, {"period", wanted.period}});
  if (!answer.ok()) return fail(answer.error().to_string());
  if (!answer->is_string()) return fail("the agent's answer is not what this version of chiron understands");
  const std::string text = answer->get<std::string>();
  if (wanted.output.empty()) {
    print(text);
    return kExitOk;
  }
  const Status written = write_file_atomically(wanted.output, text, kReportMode);
  return written.ok() ? kExitOk : fail("the report is not written: " + written.error().to_string());
}

}  // namespace

void add_report_command(Cli& cli) {
  auto wanted = std::make_shared<ReportOptions>();
  auto options = std::make_shared<SettingOptions*>(nullptr);
  CLI::App* command = cli.add_command(cli.app, "report", "A health report from the running agent.",
                                      [options, wanted] { return report(**options, *wanted); });
  *options = &cli.add_settings(*command, SettingOptions::Scope::locate);
  command->add_option("--format", wanted->format, "Of the report. [markdown]")->type_name("markdown|html");
  command->add_option("--period", wanted->period, "How far back it tells of runs, 1h to 90d. [7d]")
      ->type_name("DURATION");
  command->add_option("--output", wanted->output, "Write it there instead of printing it.")
      ->type_name("FILE");
}

}  // namespace chiron::agent
