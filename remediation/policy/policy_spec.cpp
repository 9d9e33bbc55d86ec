#include "remediation/policy/policy_spec.h"

#include "exporter/base/parse.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::array<std::pair<Mode, std::string_view>, 3> kModes{
    {{Mode::automatic, "automatic"}, {Mode::dry_run, "dry-run"}, {Mode::approval, "approval"}}};

}  // namespace

std::string_view to_string(Mode mode) {
  for (const auto& [value, name] : kModes) {
    if (value == mode) return name;
  }
  return "dry-run";
}

std::optional<Mode> parse_mode(std::string_view text) {
  for (const auto& [value, name] : kModes) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::optional<Gate> parse_gate(std::string_view text) {
  if (text == "automatic") return Gate::automatic;
  if (text == "dry-run") return Gate::dry_run;
  if (text == "off") return Gate::off;
  return std::nullopt;
}

PolicySpec as_asked(PolicySpec policy) {
  policy.mode = Mode::automatic;
  policy.armed_for.reset();
  return policy;
}

std::optional<Contradiction> contradiction_in(const PolicySpec& policy) {
  if (policy.armed_for && policy.mode != Mode::automatic) {
    return Contradiction{"for",
                         fmt::format("it is the time for which the remedy acts by itself, and its mode is {}",
                                     to_string(policy.mode)),
                         "give mode: automatic beside it, or take it away"};
  }
  if (!policy.backoff) return std::nullopt;
  const BackoffSpec& backoff = *policy.backoff;
  if (backoff.initial > backoff.max) {
    return Contradiction{"backoff",
                         fmt::format("initial, {}, is longer than max, {}", format_duration(backoff.initial),
                                     format_duration(backoff.max)),
                         "give a longer max"};
  }
  if (backoff.reset_after <= backoff.max) {
    return Contradiction{
        "backoff",
        fmt::format("reset_after, {}, is over before max, {}: it would never be waited that long",
                    format_duration(backoff.reset_after), format_duration(backoff.max)),
        "give a reset_after that is longer than max"};
  }
  return std::nullopt;
}

}  // namespace chiron::remediation
