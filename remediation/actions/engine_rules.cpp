#include "remediation/actions/engine_rules.h"

#include "remediation/actions/glob.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

struct Reason {
  std::string_view name;
  std::string_view text;
  std::uint64_t EngineKept::*count;
};
constexpr Reason kReasons[] = {
    {"kept_young", "too young", &EngineKept::young},
    {"kept_untold", "of unknown age", &EngineKept::untold},
    {"kept_in_use", "in use", &EngineKept::in_use},
    {"kept_listed", "by keep or keep_labels", &EngineKept::listed},
    {"kept_changed", "changed meanwhile", &EngineKept::changed},
    {"kept_refused", "refused by the engine", &EngineKept::refused},
    {"kept_over_budget", "over the budget", &EngineKept::over_budget},
};

/// Docker leaves out the registry and the library of its own images; Podman does not.
std::string_view short_name(std::string_view name) {
  for (const std::string_view prefix : {"docker.io/library/", "docker.io/"}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

bool names(const std::string& pattern, std::string_view name) {
  return glob_match(pattern, name) || glob_match(pattern, short_name(name));
}

bool is_listed(const EngineRules& rules, const EngineObject& object) {
  const auto matches = [&](const std::string& pattern) {
    const auto named = [&](const std::string& name) { return names(pattern, name); };
    return std::ranges::any_of(object.names, named) || std::ranges::any_of(object.digests, named) ||
           named(object.id) || (!object.image.empty() && named(object.image));
  };
  if (std::ranges::any_of(rules.keep, matches)) return true;
  return std::ranges::any_of(rules.keep_labels, [&](const auto& wanted) {
    return std::ranges::any_of(object.labels, [&](const auto& label) {
      return label.first == wanted.first && (wanted.second.empty() || label.second == wanted.second);
    });
  });
}

std::string_view singular(EngineKind kind) {
  switch (kind) {
    case EngineKind::containers:
      return "container";
    case EngineKind::networks:
      return "network";
    case EngineKind::volumes:
      return "volume";
    case EngineKind::images:
      return "image";
    case EngineKind::build_cache:
      return "build cache";
  }
  return "";
}

constexpr std::string_view kWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr std::string_view kReference =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";

bool consists_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == text.npos;
}

}  // namespace

bool is_plain_word(std::string_view text) { return consists_of(text, kWord); }
bool is_plain_reference(std::string_view text) { return consists_of(text, kReference); }

std::string_view digits_of(std::string_view id) {
  constexpr std::string_view kPrefix = "sha256:";
  return id.starts_with(kPrefix) ? id.substr(kPrefix.size()) : id;
}

std::string_view to_string(EngineKind kind) {
  switch (kind) {
    case EngineKind::containers:
      return "containers";
    case EngineKind::networks:
      return "networks";
    case EngineKind::volumes:
      return "volumes";
    case EngineKind::images:
      return "images";
    case EngineKind::build_cache:
      return "build_cache";
  }
  return "";
}

std::string describe(const EngineItem& item) {
  const EngineObject& object = item.object;
  std::string text(singular(item.kind));
  if (item.kind == EngineKind::build_cache) return text + " " + object.id;
  if (!object.names.empty()) return text + fmt::format(" {}", fmt::join(object.names, ", "));
  if (!object.digests.empty()) return text + " " + object.digests.front();
  // As the engines' own tables show an id.
  constexpr std::size_t kShown = 19;
  return text + " " + object.id.substr(0, kShown);
}

EngineKept& EngineKept::operator+=(const EngineKept& other) {
  for (const Reason& reason : kReasons) this->*reason.count += other.*reason.count;
  return *this;
}

std::vector<std::pair<std::string, std::string>> kept_facts(const EngineKept& kept) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const Reason& reason : kReasons) {
    const std::uint64_t count = kept.*reason.count;
    if (count > 0) facts.emplace_back(reason.name, std::to_string(count));
  }
  return facts;
}

std::string describe(const EngineKept& kept) {
  std::string text;
  for (const Reason& reason : kReasons) {
    const std::uint64_t count = kept.*reason.count;
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "kept " : ", ", count, reason.text);
  }
  return text;
}

bool may_go(const EngineRules& rules, const EngineItem& item, double now, EngineKept& kept) {
  const EngineObject& object = item.object;
  const auto keep = [](std::uint64_t& count) {
    ++count;
    return false;
  };
  if (object.in_use) return keep(kept.in_use);
  if (is_listed(rules, object)) return keep(kept.listed);
  if (object.since <= 0) return keep(kept.untold);
  const double least = std::chrono::duration<double>(rules.older_than).count();
  if (now - object.since < least) return keep(kept.young);
  return true;
}

}  // namespace chiron::remediation
