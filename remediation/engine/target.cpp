#include "remediation/engine/target.h"

#include "exporter/base/systemd.h"
#include "remediation/actions/unit_policy.h"

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

// PATH_MAX: a target may be a mount point.
constexpr std::size_t kMaxLength = 4096;
constexpr std::size_t kShownLength = 200;

/// Whether a step would act on a label directly rather than on the target.
bool acts_on_labels(const RemedySpec& remedy) {
  const auto reads_labels = [](const std::string& text) {
    if (text.find("{{") == std::string::npos) return false;
    const Result<rules::Template> compiled = rules::Template::compile(text);
    return compiled && !compiled->label_names().empty();
  };
  for (const StepSpec& step : remedy.steps) {
    for (const auto& [name, value] : step.arguments) {
      if (std::any_of(value.texts.begin(), value.texts.end(), reads_labels)) return true;
      if (std::any_of(value.pairs.begin(), value.pairs.end(),
                      [&](const auto& pair) { return reads_labels(pair.second); })) {
        return true;
      }
    }
  }
  return false;
}

Target check(const RemedySpec& remedy, std::string name) {
  Target target{std::move(name), Suppression::none, {}};
  const auto refuse = [&target](Suppression reason, std::string detail) {
    target.reason = reason;
    target.detail = std::move(detail);
    target.name.resize(std::min(target.name.size(), kShownLength));
    return target;
  };
  if (std::optional<std::string> fault = unfit_target(target.name)) {
    return refuse(Suppression::target_not_allowed, fmt::format("the target {}", *fault));
  }
  if (std::optional<std::string> denied = denied_target(target.name)) {
    return refuse(Suppression::target_denied, *std::move(denied));
  }
  if (!remedy.allows(target.name)) {
    return refuse(Suppression::target_not_allowed,
                  remedy.targets
                      ? fmt::format("no glob of targets: matches {}", target.name)
                      : "the target comes from labels, and the remedy has no targets: to allow it");
  }
  if (!remedy.targets && acts_on_labels(remedy)) {
    return refuse(Suppression::target_not_allowed,
                  "a step reads labels, and the remedy has no targets: to allow it");
  }
  return target;
}

}  // namespace

std::optional<std::string> unfit_target(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxLength) return fmt::format("is longer than {} bytes", kMaxLength);
  if (name.front() == '-') return "begins with a dash, and could be taken for an option";
  for (const char character : name) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) return "holds a control character";
  }
  for (std::size_t at = 0; (at = name.find("..", at)) != std::string_view::npos; at += 2) {
    const bool starts = at == 0 || name[at - 1] == '/';
    const bool ends = at + 2 == name.size() || name[at + 2] == '/';
    if (starts && ends) return "holds \"..\"";
  }
  return std::nullopt;
}

std::optional<std::string> denied_target(std::string_view name) {
  // Whether it is a unit at all only the action knows: what looks like one is judged as one.
  if (!is_valid_unit_name(name)) return std::nullopt;
  Status status = check_not_denied(name);
  if (status) return std::nullopt;
  return status.error().to_string();
}

Target target_for(const RemedySpec& remedy, const rules::TemplateData& alert) {
  Result<std::string> name = remedy.target.expand(alert);
  if (!name) return {{}, Suppression::target_not_allowed, name.error().to_string()};
  return check(remedy, *std::move(name));
}

Target target_named(const RemedySpec& remedy, std::string_view name) {
  if (!name.empty()) return check(remedy, std::string(name));
  if (!remedy.target.is_literal()) {
    return {
        {},
        Suppression::target_not_allowed,
        fmt::format("the target of {} comes from labels ({}): name one", remedy.name, remedy.target.text())};
  }
  return check(remedy, remedy.target.text());
}

}  // namespace chiron::remediation
