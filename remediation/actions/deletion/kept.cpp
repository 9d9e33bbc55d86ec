#include "remediation/actions/deletion/kept.h"

#include <string_view>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

struct Reason {
  std::string_view name;
  std::string_view text;
  std::uint64_t Kept::*count;
};
constexpr Reason kReasons[] = {
    {"kept_young", "too young", &Kept::young},
    {"kept_newest", "among the newest", &Kept::newest},
    {"kept_in_use", "in use", &Kept::in_use},
    {"kept_untold", "of unknown use (leases need CAP_LEASE)", &Kept::untold},
    {"kept_protected", "protected", &Kept::is_protected},
    {"kept_linked", "hard-linked", &Kept::linked},
    {"kept_changed", "changed meanwhile", &Kept::changed},
    {"kept_refused", "refused by the kernel", &Kept::refused},
    {"kept_other_mount", "on another mount or behind a link", &Kept::other_mount},
    {"kept_unvisited", "in directories not looked into", &Kept::unvisited},
};

}  // namespace

Kept& Kept::operator+=(const Kept& other) {
  for (const Reason& reason : kReasons) this->*reason.count += other.*reason.count;
  return *this;
}

std::vector<std::pair<std::string, std::string>> kept_facts(const Kept& kept) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const Reason& reason : kReasons) {
    const std::uint64_t count = kept.*reason.count;
    if (count > 0) facts.emplace_back(reason.name, fmt::format("{}", count));
  }
  return facts;
}

std::string describe(const Kept& kept) {
  std::string text;
  for (const Reason& reason : kReasons) {
    const std::uint64_t count = kept.*reason.count;
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "kept " : ", ", count, reason.text);
  }
  return text;
}

}  // namespace chiron::remediation
