#include "remediation/actions/health_check.h"

#include "exporter/base/diagnostics.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::remediation {
namespace {

// So many are named; the log has them all.
constexpr std::size_t kNamed = 8;
constexpr std::size_t kLogged = 100;

std::string name_of(const HealthFinding& finding) {
  std::string text = finding.check;
  if (!finding.what.empty()) text += fmt::format(" {}", finding.what);
  return finding.detail.empty() ? text : fmt::format("{}: {}", text, finding.detail);
}

std::string named(const std::vector<HealthFinding>& findings) {
  std::vector<std::string> names;
  for (const HealthFinding& finding : findings) {
    if (names.size() == kNamed) break;
    names.push_back(name_of(finding));
  }
  std::string text = fmt::format("{}", fmt::join(names, "; "));
  if (findings.size() > kNamed) text += fmt::format("; and {} more", findings.size() - kNamed);
  return text;
}

std::string counted_findings(std::size_t number) {
  return number == 1 ? "1 finding" : fmt::format("{} findings", number);
}

}  // namespace

void HealthCheck::declare(Arguments& arguments) {
  arguments.add("checks", &checks_, Need::optional, "what to look at; everything when not given");
  arguments.add("min_free", &min_free_, Need::optional,
                "a disk with less available to ordinary users is full, as a share or a size");
  arguments.add("severity", &severity_, Need::optional, "how the log entry of an unhealthy host is marked",
                {"warning", "critical"});
}

Status HealthCheck::validate() const {
  for (const std::string& check : checks_) {
    if (std::ranges::find(kHealthChecks, check) != kHealthChecks.end()) continue;
    const std::string near = closest(check, {kHealthChecks.begin(), kHealthChecks.end()});
    return Error(ErrorCode::invalid_argument,
                 fmt::format("checks: there is no check '{}'; {}", check,
                             near.empty() ? fmt::format("there are: {}", fmt::join(kHealthChecks, ", "))
                                          : fmt::format("did you mean {}?", near)));
  }
  if (min_free_.is_percent && (min_free_.percent < 0 || min_free_.percent > 100))
    return Error(ErrorCode::invalid_argument, "min_free: a share is from 0% to 100%");
  return {};
}

std::size_t HealthCheck::number_of_checks() const {
  return checks_.empty() ? kHealthChecks.size() : checks_.size();
}

Result<std::vector<HealthFinding>> HealthCheck::look(const ActionContext& context) const {
  if (context.host == nullptr) {
    return Error(ErrorCode::unavailable, "only a running agent knows how its host is");
  }
  Result<std::vector<HealthFinding>> found = context.host->examine(min_free_);
  if (!found) return found;
  std::erase_if(*found, [this](const HealthFinding& finding) {
    return !checks_.empty() && std::ranges::find(checks_, finding.check) == checks_.end();
  });
  return found;
}

Result<Plan> HealthCheck::plan(ActionContext& context) {
  const Result<std::vector<HealthFinding>> found = look(context);
  if (!found) return found.error();
  Plan plan;
  plan.objects = found->size();
  for (const HealthFinding& finding : *found) {
    if (plan.items.size() == 200) break;
    plan.items.push_back({.what = fmt::format("{} {}", finding.check, finding.what), .note = finding.detail});
  }
  plan.summary = fmt::format("look at {} things; now {}", number_of_checks(),
                             found->empty() ? "all is well" : "there is " + named(*found));
  return plan;
}

Status HealthCheck::run(ActionContext& context, Report& report) {
  const Result<std::vector<HealthFinding>> found = look(context);
  if (!found) return found.error();
  report.facts.emplace_back("findings", fmt::format("{}", found->size()));
  if (found->empty()) {
    report.summary = fmt::format("all is well: {} checks", number_of_checks());
    return {};
  }
  const LogLevel level = severity_ == "critical" ? LogLevel::error : LogLevel::warning;
  for (std::size_t i = 0; i < std::min(found->size(), kLogged); ++i) {
    const HealthFinding& one = (*found)[i];
    context.log.write(
        LogLevel::info, "health finding",
        {{"run", context.run_id}, {"check", one.check}, {"what", one.what}, {"detail", one.detail}});
  }
  const std::string names = named(*found);
  context.log.write(level, "host unhealthy",
                    {{"severity", severity_},
                     {"run", context.run_id},
                     {"findings", std::uint64_t{found->size()}},
                     {"detail", names}});
  return Error(ErrorCode::failed_precondition,
               fmt::format("unhealthy, {}: {}", counted_findings(found->size()), names));
}

}  // namespace chiron::remediation
