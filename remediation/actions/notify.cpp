#include "remediation/actions/notify.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// What says which alert it is comes from arguments and the run alone.
constexpr std::string_view kOwnLabels[] = {"alertname", "severity", "remedy", "target"};
constexpr std::string_view kOwnAnnotations[] = {"summary", "description", "run", "state"};

Error nobody() {
  return {ErrorCode::unavailable, "no Alertmanager is configured; set alertmanagers: in chiron.yml"};
}

template <std::size_t N>
Status check_names(std::string_view argument, const std::vector<std::pair<std::string, std::string>>& pairs,
                   const std::string_view (&own)[N], std::string_view instead) {
  for (const auto& [name, text] : pairs) {
    if (!is_valid_label_name(name) || name.starts_with("__")) {
      return Error(ErrorCode::invalid_argument,
                   fmt::format("{}: {} is not a name: letters, digits and underscores, no digit first",
                               argument, quoted(name)));
    }
    if (std::ranges::count(own, std::string_view(name)) > 0) {
      return Error(ErrorCode::invalid_argument, fmt::format("{}: {} {}", argument, name, instead));
    }
  }
  return {};
}

std::string default_summary(const RunFacts& run) {
  if (run.remedy.empty()) return "A message sent by hand with chiron action run notify";
  if (run.state.empty()) return fmt::format("Remedy {} is at work on {}", run.remedy, run.target);
  return fmt::format("Remedy {} on {} ended as {}", run.remedy, run.target, run.state);
}

}  // namespace

void Notify::declare(Arguments& arguments) {
  arguments.add("severity", &severity_, Need::optional,
                "label severity, by which Alertmanager chooses whom to tell");
  arguments.add("alertname", &alertname_, Need::optional,
                "label alertname; empty: ChironRemedyFailed in on_failure, else ChironNotice");
  arguments.add("summary", &summary_, Need::optional,
                "what happened, in a line; empty: the remedy, its target and how the run ended");
  arguments.add("description", &description_, Need::optional, "more about it; empty: why the run failed");
  arguments.add("labels", &labels_, Need::optional,
                "further labels, beside alertname, severity, remedy, target, job, instance and the external "
                "ones");
  arguments.add("annotations", &annotations_, Need::optional,
                "further annotations, beside summary, description, run and state");
  arguments.add("resolve_after", &resolve_after_, Need::optional,
                "Alertmanager takes it for resolved when nobody has said it again for so long");
}

Status Notify::validate() const {
  if (trim(severity_).empty()) {
    return Error(ErrorCode::invalid_argument, "severity: is empty; for example critical or warning");
  }
  if (resolve_after_ < std::chrono::minutes(1)) {
    return Error(ErrorCode::invalid_argument,
                 "resolve_after: at least 1m, or it is over before anybody has been told");
  }
  if (Status good = check_names("labels", labels_, kOwnLabels, "is set by an argument or by the run"); !good)
    return good;
  return check_names("annotations", annotations_, kOwnAnnotations, "is set by an argument or by the run");
}

alerting::Notice Notify::notice(const ActionContext& context) const {
  const RunFacts& run = context.run;
  const char* usual = run.state.empty() ? "ChironNotice" : "ChironRemedyFailed";
  alerting::Notice notice;
  for (const auto& [name, value] : labels_) notice.labels.set(name, value);
  notice.labels.set("alertname", alertname_.empty() ? usual : alertname_);
  notice.labels.set("severity", severity_);
  if (!run.remedy.empty()) {
    notice.labels.set("remedy", run.remedy);
    notice.labels.set("target", run.target);
  }
  notice.annotations = {{"summary", summary_.empty() ? default_summary(run) : summary_}};
  const std::string& description = description_.empty() ? run.reason : description_;
  if (!description.empty()) notice.annotations.emplace_back("description", description);
  if (!context.run_id.empty()) notice.annotations.emplace_back("run", context.run_id);
  if (!run.state.empty()) notice.annotations.emplace_back("state", run.state);
  notice.annotations.insert(notice.annotations.end(), annotations_.begin(), annotations_.end());
  notice.starts_at = context.clock.wall();
  notice.ends_at = notice.starts_at + std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::min(resolve_after_, kLongestWait));
  return notice;
}

Result<Plan> Notify::plan(ActionContext& context) {
  const std::vector<std::string> receivers =
      context.notifier == nullptr ? std::vector<std::string>() : context.notifier->receivers();
  if (receivers.empty()) return nobody();
  const alerting::Notice notice = this->notice(context);
  Plan plan;
  plan.summary =
      fmt::format("tell {} of {} {}: {}", fmt::join(receivers, " and "), notice.labels.get("alertname"),
                  notice.labels.to_string(), notice.annotations.front().second);
  for (const std::string& url : receivers) {
    plan.items.push_back({.what = "alert to " + url, .bytes = 0, .objects = 1, .note = ""});
  }
  plan.objects = receivers.size();
  return plan;
}

Status Notify::run(ActionContext& context, Report& report) {
  if (context.notifier == nullptr) return nobody();
  const alerting::Notice notice = this->notice(context);
  const std::string name(notice.labels.get("alertname"));
  Result<std::string> taker =
      context.notifier->deliver(notice, std::max(Duration::zero(), context.remaining()), context.cancel);
  if (!taker) return std::move(taker).error().wrap("nobody was told of " + name);
  report.summary = fmt::format("told {} of {}, severity {}", *taker, name, severity_);
  report.facts.emplace_back("alertmanager", *taker);
  report.facts.emplace_back("resolves", to_rfc3339(notice.ends_at));
  return {};
}

}  // namespace chiron::remediation
