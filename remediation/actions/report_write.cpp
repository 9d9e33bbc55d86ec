#include "remediation/actions/report_write.h"

#include "exporter/base/parse.h"
#include "remediation/actions/report_files.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::int64_t kMostKept = 1000;
constexpr std::size_t kLongestName = 64;

std::string_view suffix_of(ReportFormat format) { return format == ReportFormat::markdown ? ".md" : ".html"; }

bool is_name(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= kLongestName && text.front() != '-' &&
         std::ranges::all_of(text, allowed);
}

}  // namespace

void ReportWrite::declare(Arguments& arguments) {
  arguments.add("formats", &formats_, Need::optional, "`markdown`, `html` or both");
  arguments.add("directory", &directory_, Need::optional,
                "where to, inside `deletion.roots`; empty: `reports` in the state directory");
  arguments.add("name", &name_, Need::optional, "what the files' names begin with");
  arguments.add("period", &period_, Need::optional, "how far back it tells of runs, from 1h to 90d");
  arguments.add("keep", &keep_, Need::optional, "so many reports of this name stay of each format");
}

Status ReportWrite::validate() const {
  const auto refuse = [](std::string why) { return Error(ErrorCode::invalid_argument, std::move(why)); };
  if (formats_.empty()) return refuse("formats: name markdown, html or both");
  for (const std::string& format : formats_) {
    if (!parse_report_format(format))
      return refuse(fmt::format("formats: there is no format '{}'; there are markdown and html", format));
  }
  if (!is_name(name_)) {
    return refuse(fmt::format("name: lower-case letters, digits and dashes, at most {}", kLongestName));
  }
  if (!directory_.empty() && !directory_.starts_with('/'))
    return refuse("directory: write it as a path from the root");
  if (period_ < kShortestPeriod || period_ > kLongestPeriod) {
    return refuse(fmt::format("period: must be from {} to {}", format_duration(kShortestPeriod),
                              format_duration(kLongestPeriod)));
  }
  if (keep_ < 1 || keep_ > kMostKept) return refuse(fmt::format("keep: must be from 1 to {}", kMostKept));
  return {};
}

std::vector<ReportFormat> ReportWrite::formats() const {
  std::vector<ReportFormat> wanted;
  for (const ReportFormat format : kReportFormats) {
    if (std::ranges::find(formats_, to_string(format)) != formats_.end()) wanted.push_back(format);
  }
  return wanted;
}

Result<Plan> ReportWrite::plan(ActionContext& context) {
  const Result<std::string> directory = ReportDirectory::find(context, directory_);
  if (!directory) return directory.error();
  Plan plan;
  const std::string stamp = report_stamp(context.clock.wall());
  for (const ReportFormat format : formats()) {
    const Result<std::string> text = context.host->report(format, period_);
    if (!text) return text.error();
    plan.items.push_back({.what = fmt::format("{}/{}-{}{}", *directory, name_, stamp, suffix_of(format)),
                          .note = "would be written, " + format_bytes(text->size())});
  }
  plan.objects = plan.items.size();
  plan.summary =
      fmt::format("write a health report of the last {} to {}", format_duration(period_), *directory);
  return plan;
}

Status ReportWrite::run(ActionContext& context, Report& report) {
  Result<ReportDirectory> directory = ReportDirectory::open(context, directory_);
  if (!directory) return std::move(directory).error();
  const std::string stamp = report_stamp(context.clock.wall());
  std::uint64_t removed = 0;
  for (const ReportFormat format : formats()) {
    if (context.cancel.cancelled()) return Error(ErrorCode::cancelled, "cancelled");
    if (context.should_stop()) return Error(ErrorCode::timed_out, "no time is left for the report");
    const Result<std::string> text = context.host->report(format, period_);
    if (!text) return text.error();
    const std::string name = fmt::format("{}-{}{}", name_, stamp, suffix_of(format));
    if (Status written = directory->write(name, *text); !written) return written;
    report.summary +=
        fmt::format("{}{}/{}", report.summary.empty() ? "wrote " : ", ", directory->path(), name);
    const Result<std::uint64_t> gone =
        directory->prune(name_, suffix_of(format), static_cast<std::size_t>(keep_));
    if (!gone) return Error(gone.error()).wrap("the report is written, but an older one stays");
    removed += *gone;
  }
  report.facts.emplace_back("older_removed", fmt::format("{}", removed));
  return {};
}

}  // namespace chiron::remediation
