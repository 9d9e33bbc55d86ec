#include "remediation/engine/remedy_check.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "remediation/actions/deletion/guard.h"
#include "remediation/engine/vacuous.h"
#include "rules/engine/expr_facts.h"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::remediation {
namespace {

/// What is known of an alerting rule's alerts without a sample: the labels written out, and which others
/// there can be.
struct AlertShape {
  const rules::RuleSpec* rule = nullptr;
  Labels fixed;
  std::set<std::string> varying;  ///< labels of the rule whose value a template makes
  std::optional<std::set<std::string>> from_expr;

  bool can_have(const std::string& name) const {
    return fixed.has(name) || varying.contains(name) || !from_expr || from_expr->contains(name);
  }
  bool can_match(const Matcher& matcher) const {
    if (fixed.has(matcher.name()) || !can_have(matcher.name())) return matcher.matches(fixed);
    return true;
  }
};

AlertShape shape_of(const rules::RuleSpec& rule, const rules::GroupSpec& group) {
  AlertShape out;
  out.rule = &rule;
  const auto add = [&out](const auto& labels) {
    for (const auto& [name, text] : labels) {
      const Result<rules::Template> compiled = rules::Template::compile(text);
      out.varying.erase(name);
      out.fixed.erase(name);
      if (compiled && compiled->is_literal())
        out.fixed.set(name, text);
      else
        out.varying.insert(name);
    }
  };
  add(group.labels);
  add(rule.labels);
  out.fixed.set("alertname", rule.name);
  if (rule.expr != nullptr) out.from_expr = rules::labels_of(*rule.expr);
  return out;
}

bool can_trigger(const RemedySpec& remedy, const AlertShape& alert) {
  return std::any_of(remedy.alerts.begin(), remedy.alerts.end(), [&](const std::vector<Matcher>& all) {
    return std::all_of(all.begin(), all.end(),
                       [&](const Matcher& matcher) { return alert.can_match(matcher); });
  });
}

/// Where each label is read, for the message: target, a step or the verification.
std::vector<std::pair<std::string, std::string>> labels_read(const RemedySpec& remedy) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&out](const std::vector<std::string>& names, const std::string& place) {
    for (const std::string& name : names) out.emplace_back(name, place);
  };
  add(remedy.target.label_names(), "target");
  const auto add_step = [&add](const StepSpec& step, const std::string& place) {
    for (const auto& [key, value] : step.arguments) {
      std::vector<std::string> texts = value.texts;
      for (const auto& [name, text] : value.pairs) texts.push_back(text);
      for (const std::string& text : texts)
        if (const Result<rules::Template> compiled = rules::Template::compile(text))
          add(compiled->label_names(), place);
    }
  };
  for (std::size_t i = 0; i < remedy.steps.size(); ++i)
    add_step(remedy.steps[i], fmt::format("step {}", i + 1));
  for (std::size_t i = 0; i < remedy.on_failure.size(); ++i)
    add_step(remedy.on_failure[i], fmt::format("step {} of on_failure", i + 1));
  if (remedy.verify.expr) add(remedy.verify.expr->label_names(), "verify");
  return out;
}

/// Whether any of the times that a cron expression asks for is within a window, or is made so by the jitter.
bool meets_a_window(const ScheduleSpec& schedule, const std::vector<WindowSpec>& windows) {
  // A year has every season, by which clocks change; of days of the year, the weekday changes over the years.
  constexpr WallTime kFrom{std::chrono::milliseconds(1'767'225'600'000)};  // 2026-01-01
  constexpr WallTime kTo = kFrom + std::chrono::hours(24 * 366);
  constexpr int kFewest = 30;
  WallTime at = schedule.cron->next(kFrom, schedule.zone);
  for (int looked = 0; at < kTo || looked < kFewest; ++looked) {
    const std::optional<WallTime> until = closed_until(windows, at);
    if (!until || *until <= at + schedule.jitter) return true;
    at = schedule.cron->next(at, schedule.zone);
  }
  return false;
}

class Check {
 public:
  Check(std::span<const RemedySpec> remedies, std::span<const rules::GroupSpec> groups, DiagnosticSink& sink)
      : remedies_(remedies), sink_(sink) {
    for (const rules::GroupSpec& group : groups)
      for (const rules::RuleSpec& rule : group.rules)
        if (rule.kind == rules::RuleSpec::Kind::alerting) alerts_.push_back(shape_of(rule, group));
  }

  void run() {
    for (std::size_t i = 0; i < remedies_.size(); ++i) {
      check_name(i);
      check_remedy(remedies_[i]);
    }
  }

 private:
  void report(const RemedySpec& remedy, Severity severity, std::string code, std::string message,
              std::string hint) {
    Diagnostic out;
    out.severity = severity;
    out.code = std::move(code);
    out.message = std::move(message);
    out.hint = std::move(hint);
    out.file = remedy.file;
    out.path = {remedy.name};
    out.where = remedy.where;
    sink_.add(std::move(out));
  }

  void check_name(std::size_t index) {
    const RemedySpec& remedy = remedies_[index];
    for (std::size_t i = 0; i < index; ++i) {
      const RemedySpec& other = remedies_[i];
      if (other.name != remedy.name || remedy.name.empty() || other.file == remedy.file) continue;
      report(
          remedy, Severity::error, "duplicate-remedy",
          fmt::format("there is a remedy \"{}\" at {}:{} already", remedy.name, other.file, other.where.line),
          "cooldowns, budgets and the history are kept by name: give each remedy a name of its own");
    }
  }

  void check_remedy(const RemedySpec& remedy) {
    check_meaning(remedy);
    check_window(remedy);
    if (remedy.alerts.empty()) return;
    bool triggered = false;
    for (const AlertShape& alert : alerts_) {
      if (!can_trigger(remedy, alert)) continue;
      triggered = true;
      check_labels(remedy, alert);
      check_verification(remedy, alert);
    }
    if (triggered) return;
    report(remedy, Severity::warning, "no-rule",
           fmt::format("no alert of the rules can trigger {}", remedy.name),
           "compare on.alerts with the rules' names and labels; are all rule_files loaded?");
  }

  void check_window(const RemedySpec& remedy) {
    if (!remedy.schedule || !remedy.schedule->cron || remedy.policy.windows.empty()) return;
    if (meets_a_window(*remedy.schedule, remedy.policy.windows)) return;
    report(remedy, Severity::warning, "schedule-outside-window",
           fmt::format("its schedule, {}, asks for no time at which a window is open: it never runs by it",
                       to_string(*remedy.schedule)),
           fmt::format("its window is {}; change the one or the other",
                       to_string(remedy.policy.windows.front())));
  }

  void check_labels(const RemedySpec& remedy, const AlertShape& alert) {
    std::set<std::string> told;
    for (const auto& [name, place] : labels_read(remedy)) {
      if (alert.can_have(name) || !told.insert(name).second) continue;
      report(remedy, Severity::warning, "label-not-produced",
             fmt::format("{}: alerts of {} have no label \"{}\"", place, alert.rule->name, name),
             fmt::format("add it to the by (...) of the rule at {}:{}, or to its labels", alert.rule->file,
                         alert.rule->where.line));
    }
  }

  void check_verification(const RemedySpec& remedy, const AlertShape& alert) {
    if (remedy.verify.expr || alert.rule->expr == nullptr) return;
    const Duration history = rules::facts_of(*alert.rule->expr).history;
    if (history <= remedy.verify.within) return;
    report(remedy, Severity::error, "verify-too-short",
           fmt::format("{} looks back {}, so it cannot clear within {} however well the remedy worked",
                       alert.rule->name, format_duration(history), format_duration(remedy.verify.within)),
           "give verify.expr, an expression that shows the result at once, or a longer verify.within");
  }

  /// With its templates empty an expression keeps its shape.
  void check_meaning(const RemedySpec& remedy) {
    if (!remedy.verify.expr) return;
    const Result<std::string> text = remedy.verify.expr->expand({});
    if (!text) return;
    const std::optional<std::string> why = why_vacuous(promql::parse(*text, remedy.verify.features));
    if (!why) return;
    report(remedy, Severity::warning, "vacuous-verify", fmt::format("verify: {}: {}", *why, *text),
           "compare a value: probe_success{probe=\"web\"} == 1, without bool");
  }

  const std::span<const RemedySpec> remedies_;
  DiagnosticSink& sink_;
  std::vector<AlertShape> alerts_;
};

}  // namespace

namespace {

void check_step(const RemedySpec& remedy, const StepSpec& step, const std::vector<std::string>& roots,
                DiagnosticSink& sink) {
  if (step.action == nullptr || (step.action->name != "files.prune" && step.action->name != "logs.rotate"))
    return;
  for (const auto& [name, value] : step.arguments) {
    if (name != "globs") continue;
    for (const std::string& text : value.texts) {
      if (text.find("{{") != std::string::npos) continue;
      const Result<PathGlob> glob = PathGlob::compile(text, PathGlob::Hidden::explicit_);
      if (!glob || root_of(roots, glob->base()) != nullptr) continue;
      Diagnostic out;
      out.severity = Severity::warning;
      out.code = "outside-roots";
      out.message = fmt::format("{}: {} is below none of deletion.roots ({})", step.action->name,
                                quoted(text), fmt::join(roots, ", "));
      out.hint = "the step fails each time; add the directory to deletion: {roots: [...]} in chiron.yml";
      out.file = value.file;
      out.path = {remedy.name};
      out.where = value.where;
      sink.add(std::move(out));
    }
  }
}

}  // namespace

void check_against_roots(std::span<const RemedySpec> remedies, const DeletionPolicy& deletion,
                         DiagnosticSink& sink) {
  const Result<std::vector<std::string>> roots = clean_roots(deletion);
  if (!roots) return;  // said where the configuration is read
  for (const RemedySpec& remedy : remedies) {
    if (remedy.file.starts_with("shipped:") && remedy.policy.mode == Mode::dry_run) continue;
    for (const auto* steps : {&remedy.steps, &remedy.on_failure})
      for (const StepSpec& step : *steps) check_step(remedy, step, *roots, sink);
  }
}

void check_against_rules(std::span<const RemedySpec> remedies, std::span<const rules::GroupSpec> groups,
                         DiagnosticSink& sink) {
  Check(remedies, groups, sink).run();
}

}  // namespace chiron::remediation
