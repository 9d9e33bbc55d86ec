#include "remediation/engine/policy_keys.h"

#include "exporter/base/parse.h"
#include "remediation/engine/window_keys.h"

#include <algorithm>

namespace chiron::remediation {
namespace {

std::optional<Duration> positive(yaml::Reader& reader, std::string_view key) {
  const std::optional<Duration> value = reader.duration(key);
  if (value && *value <= Duration::zero()) {
    reader.fail(key, "out-of-range", std::string(key) + " must be more than 0s");
    return std::nullopt;
  }
  return value;
}

template <class Value, class Set>
void add(PolicyPatch& patch, const std::optional<Value>& value, Set set) {
  if (value) patch.emplace_back([value = *value, set](PolicySpec& policy) { set(policy) = value; });
}

template <class Section>
Section& made(std::optional<Section>& section) {
  return section ? *section : section.emplace();
}

void read_budget(yaml::Reader budget, PolicyPatch& patch) {
  if (const auto runs = budget.integer("runs", 1, 1'000'000)) {
    patch.emplace_back([runs](PolicySpec& policy) { policy.budget_runs = static_cast<int>(*runs); });
  }
  add(patch, positive(budget, "per"), [](PolicySpec& p) -> Duration& { return p.budget_per; });
  budget.finish();
}

void read_backoff(yaml::Reader backoff, PolicyPatch& patch) {
  patch.emplace_back([](PolicySpec& policy) { made(policy.backoff); });
  add(patch, positive(backoff, "initial"), [](PolicySpec& p) -> Duration& { return p.backoff->initial; });
  std::optional<double> factor = backoff.number("factor");
  if (factor && !(*factor >= 1 && *factor <= 1000)) {
    backoff.fail("factor", "out-of-range", "factor is a number from 1 to 1000");
    factor.reset();
  }
  add(patch, factor, [](PolicySpec& p) -> double& { return p.backoff->factor; });
  add(patch, positive(backoff, "max"), [](PolicySpec& p) -> Duration& { return p.backoff->max; });
  add(patch, positive(backoff, "reset_after"),
      [](PolicySpec& p) -> Duration& { return p.backoff->reset_after; });
  backoff.finish();
}

void read_breaker(yaml::Reader breaker, PolicyPatch& patch) {
  patch.emplace_back([](PolicySpec& policy) { made(policy.breaker); });
  if (const auto failures = breaker.integer("failures", 1, 100)) {
    patch.emplace_back([failures](PolicySpec& p) { p.breaker->failures = static_cast<int>(*failures); });
  }
  add(patch, positive(breaker, "reopen_after"),
      [](PolicySpec& p) -> Duration& { return p.breaker->reopen_after; });
  breaker.finish();
}

void read_approval(yaml::Reader approval, PolicyPatch& patch) {
  add(patch, positive(approval, "expires"), [](PolicySpec& p) -> Duration& { return p.approval_expires; });
  approval.finish();
}

std::vector<Matcher> read_list(yaml::Reader& reader, const std::vector<yaml::Node>& items) {
  std::vector<Matcher> out;
  for (const yaml::Node& item : items) {
    if (!item.is_scalar()) {
      reader.fail_at(item, "wrong-type", "a matcher is a text like alertname=\"DiskFull\"");
      continue;
    }
    Result<Matcher> matcher = parse_matcher(item.text());
    if (matcher)
      out.push_back(*std::move(matcher));
    else
      reader.fail_at(item, "bad-matcher", matcher.error().to_string(),
                     "write it like severity=~\"critical|page\"");
  }
  return out;
}

}  // namespace

std::vector<std::vector<Matcher>> read_matchers(yaml::Reader& reader, std::string_view key) {
  const std::vector<yaml::Node> items = reader.list(key);
  std::vector<std::vector<Matcher>> out;
  if (std::ranges::none_of(items, [](const yaml::Node& node) { return node.is_sequence(); })) {
    if (!items.empty()) out.push_back(read_list(reader, items));
    return out;
  }
  for (const yaml::Node& item : items) {
    if (!item.is_sequence() || item.items().empty()) {
      reader.fail_at(item, "wrong-type", "matchers and lists of matchers are mixed here",
                     "either one list of matchers, all of which must hold, or a list of such lists");
      continue;
    }
    out.push_back(read_list(reader, item.items()));
  }
  return out;
}

void read_mode(yaml::Reader& reader, PolicyPatch& patch) {
  const std::optional<std::string> mode = reader.one_of("mode", {"automatic", "dry-run", "approval"});
  if (mode) add(patch, parse_mode(*mode), [](PolicySpec& p) -> Mode& { return p.mode; });
}

void read_armed_for(yaml::Reader& reader, PolicyPatch& patch) {
  const std::optional<Duration> length = positive(reader, "for");
  if (length && *length > kLongestWait) {
    reader.fail("for", "out-of-range", "for must be at most " + format_duration(kLongestWait));
    return;
  }
  add(patch, length, [](PolicySpec& p) -> std::optional<Duration>& { return p.armed_for; });
}

PolicyPatch read_policy(yaml::Reader& policy) {
  PolicyPatch patch;
  read_mode(policy, patch);
  add(patch, policy.duration("cooldown"), [](PolicySpec& p) -> Duration& { return p.cooldown; });
  if (policy.has("budget")) read_budget(policy.mapping("budget"), patch);
  if (policy.has("backoff")) read_backoff(policy.mapping("backoff"), patch);
  if (policy.has("breaker")) read_breaker(policy.mapping("breaker"), patch);
  if (policy.has("approval")) read_approval(policy.mapping("approval"), patch);
  if (policy.has("unless")) {
    patch.emplace_back([unless = read_matchers(policy, "unless")](PolicySpec& p) { p.unless = unless; });
  }
  add(patch, read_windows(policy), [](PolicySpec& p) -> std::vector<WindowSpec>& { return p.windows; });
  policy.not_supported({"lock"});
  policy.finish();
  return patch;
}

std::optional<Contradiction> apply_policy(const PolicyPatch& patch, PolicySpec& policy) {
  for (const auto& change : patch) change(policy);
  return contradiction_in(policy);
}

}  // namespace chiron::remediation
