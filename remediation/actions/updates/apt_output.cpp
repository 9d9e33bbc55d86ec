#include "remediation/actions/updates/apt_output.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <optional>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::string_view kInstall = "Inst ";
constexpr std::string_view kNotUpgraded = " not upgraded.";

/// What follows "Inst ": NAME [OLD] (NEW ORIGIN, ORIGIN [ARCH]) [BROKEN ...]; a package that is new has no
/// [OLD]. Nothing when it is otherwise.
std::optional<AptUpgrade> parse_line(std::string_view line) {
  AptUpgrade out;
  std::string_view word;
  if (!next_word(line, word)) return std::nullopt;
  out.package = std::string(word);
  const std::size_t open = line.find('('), close = line.find("])");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  const std::string_view old = trim(line.substr(0, open));
  if (old.size() > 2 && old.front() == '[' && old.back() == ']')
    out.from = std::string(old.substr(1, old.size() - 2));
  std::string_view inside = line.substr(open + 1, close - open - 1);
  const std::size_t architecture = inside.rfind('[');
  if (architecture == std::string_view::npos) return std::nullopt;
  out.architecture = std::string(inside.substr(architecture + 1));
  inside = inside.substr(0, architecture);
  if (!next_word(inside, word) || out.architecture.empty()) return std::nullopt;
  out.to = std::string(word);
  out.origins = std::string(trim(inside));
  return out;
}

/// "1 upgraded, 2 newly installed, 0 to remove and 3 not upgraded."
std::optional<std::uint64_t> kept_back_of(std::string_view line) {
  if (!line.ends_with(kNotUpgraded) || line.find(" upgraded, ") == std::string_view::npos)
    return std::nullopt;
  line.remove_suffix(kNotUpgraded.size());
  return parse_int<std::uint64_t>(line.substr(line.rfind(' ') + 1));
}

}  // namespace

bool AptUpgrade::is_security() const { return to_lower(origins).find("security") != std::string::npos; }

Result<AptSimulation> parse_apt_simulation(std::string_view text) {
  AptSimulation out;
  bool summed_up = false;
  for (std::string_view line; next_line(text, line);) {
    if (const std::optional<std::uint64_t> kept = kept_back_of(line)) {
      out.kept_back = *kept;
      summed_up = true;
    }
    if (!line.starts_with(kInstall)) continue;
    std::optional<AptUpgrade> upgrade = parse_line(line.substr(kInstall.size()));
    if (!upgrade) {
      return Error(ErrorCode::corrupt, fmt::format("apt-get says what is not understood: {}", quoted(line)));
    }
    if (!upgrade->from.empty()) out.upgrades.push_back(*std::move(upgrade));
  }
  if (!summed_up) return Error(ErrorCode::corrupt, "apt-get ended without saying what it would do");
  return out;
}

}  // namespace chiron::remediation
