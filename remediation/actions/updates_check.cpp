#include "remediation/actions/updates_check.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/base/subprocess.h"
#include "exporter/base/utf8.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr Duration kLongestGrace = std::chrono::seconds(5);
/// A distribution upgrade prints some 300 bytes for each of 10,000 packages.
constexpr std::size_t kOutputLimit = 8 << 20;
constexpr std::size_t kMostItems = 200;
constexpr std::size_t kNamedBytes = 400;  // of package names, in the report

/// The line that says why: apt marks it with "E: ".
std::string why(std::string_view err) {
  std::string_view rest = err, line, best;
  while (next_line(rest, line)) {
    if (line.starts_with("E: ") && !best.starts_with("E: ")) best = line;
    if (best.empty()) best = line;
  }
  return replace_invalid_utf8(trim(best).substr(0, 300));
}

std::optional<WallTime> modified(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return from_ms(std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000);
}

/// A stamp that apt's timer and its hooks leave after a success; else the directory, into which every list
/// that changed is renamed. Whatever failed leaves no trace in either.
std::optional<WallTime> lists_changed(const HostPaths& paths) {
  return std::max(modified(paths.root("/var/lib/apt/periodic/update-success-stamp")),
                  modified(paths.root("/var/lib/apt/lists")));
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::string_view line; next_line(text, line);) {
    if (!trim(line).empty()) lines.emplace_back(trim(line));
  }
  std::ranges::sort(lines);
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

}  // namespace

void UpdatesCheck::declare(Arguments& arguments) {
  arguments.add("refresh", &refresh_, Need::optional,
                "whether the package lists are fetched first, as apt-get update does");
}

Result<std::string> UpdatesCheck::run_apt(ActionContext& context, std::vector<std::string> words) const {
  if (::access(apt_.c_str(), X_OK) != 0) {
    return Error(
        ErrorCode::not_supported,
        fmt::format("there is no {} on this host; a remedy with `needs: [{}]` is skipped here", apt_, apt_));
  }
  const Duration remaining = context.remaining();
  if (remaining <= Duration::zero()) return Error(ErrorCode::timed_out, "no time was left to start apt-get");
  Command command;
  command.argv = {apt_, "-q"};
  if (context.paths.roots().rootfs != "/") {
    const auto at = [&](std::string_view path) { return context.paths.root(path); };
    for (const auto& [name, path] :
         {std::pair("Dir::Etc", "/etc/apt"), std::pair("Dir::State", "/var/lib/apt"),
          std::pair("Dir::State::status", "/var/lib/dpkg/status"),
          std::pair("Dir::Cache", "/var/cache/apt")}) {
      command.argv.insert(command.argv.end(), {"-o", fmt::format("{}={}", name, at(path))});
    }
  }
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                         {"LC_ALL", "C"},
                         {"DEBIAN_FRONTEND", "noninteractive"},
                         {"CHIRON_RUN_ID", context.run_id}};
  command.output_limit = kOutputLimit;
  command.grace = std::min(kLongestGrace, remaining / 10);
  command.timeout = remaining - command.grace;

  const std::string what = "apt-get " + words.back();
  Result<CommandOutcome> outcome = run_command(command, context.cancel);
  if (!outcome) return std::move(outcome).error().wrap(what + " did not start");
  if (outcome->cancelled) return Error(ErrorCode::cancelled, what + " was cancelled");
  if (outcome->timed_out) {
    return Error(ErrorCode::timed_out,
                 fmt::format("{} did not end within {}", what, format_duration(command.timeout)));
  }
  if (outcome->signal != 0) {
    return Error(ErrorCode::unavailable, fmt::format("{} was ended by signal {}", what, outcome->signal));
  }
  if (outcome->exit_code != 0) {
    return Error(ErrorCode::unavailable,
                 fmt::format("{} ended with exit code {}: {}", what, outcome->exit_code, why(outcome->err)));
  }
  if (outcome->truncated) return Error(ErrorCode::exhausted, what + " printed more than is looked at");
  return std::move(outcome->out);
}

Status UpdatesCheck::refresh(ActionContext& context) const {
  // Without Error-Mode, a source that cannot be reached is a warning and the exit code 0 (apt.conf(5)).
  Result<std::string> done = run_apt(context, {"-o", "APT::Update::Error-Mode=any", "update"});
  if (done) return {};
  return std::move(done).error().wrap("the package lists could not be fetched");
}

Result<UpdatesCheck::State> UpdatesCheck::look(ActionContext& context) const {
  // Debug::NoLocking: root takes the locks even to simulate (apt-get(8)). Without file names for its caches
  // apt builds them in memory, and writes none.
  const Result<std::string> text =
      run_apt(context, {"-o", "Debug::NoLocking=true", "-o", "Dir::Cache::pkgcache=", "-o",
                        "Dir::Cache::srcpkgcache=", "--simulate", "dist-upgrade"});
  if (!text) return text.error();
  Result<AptSimulation> simulation = parse_apt_simulation(*text);
  if (!simulation) return std::move(simulation).error();
  State state;
  state.simulation = *std::move(simulation);
  state.security =
      static_cast<std::uint64_t>(std::ranges::count_if(state.simulation.upgrades, &AptUpgrade::is_security));
  // update-notifier and unattended-upgrades keep these two (Debian Policy knows of no other place).
  const std::string flag = context.paths.root("/run/reboot-required");
  state.reboot_required = ::access(flag.c_str(), F_OK) == 0;
  if (const Result<std::string> packages = read_file(flag + ".pkgs", 64 << 10))
    state.reboot_packages = lines_of(*packages);
  state.lists = lists_changed(context.paths);
  return state;
}

std::string UpdatesCheck::summary_of(const State& state, const Clock& clock) {
  std::string text = fmt::format("{} updates wait, {} of them security updates",
                                 state.simulation.upgrades.size(), state.security);
  if (state.simulation.kept_back > 0) text += fmt::format(", {} are kept back", state.simulation.kept_back);
  if (state.lists) {
    const auto age = std::chrono::duration_cast<std::chrono::minutes>(clock.wall() - *state.lists);
    text += fmt::format("; the package lists are {} old",
                        format_duration(std::max(Duration::zero(), Duration(age))));
  }
  if (state.reboot_required) {
    text += "; a reboot is required";
    if (!state.reboot_packages.empty()) text += fmt::format(" by {}", fmt::join(state.reboot_packages, ", "));
  }
  return text;
}

std::vector<Finding> UpdatesCheck::findings_of(const State& state) {
  std::map<std::pair<std::string, std::string>, double> pending;
  for (const AptUpgrade& one : state.simulation.upgrades) ++pending[{one.origins, one.architecture}];
  if (pending.empty()) pending[{"", ""}] = 0;
  std::vector<Finding> findings;
  for (const auto& [key, count] : pending) {
    findings.push_back({"apt_upgrades_pending",
                        "Packages that apt would upgrade, per origin and architecture.",
                        Labels{{"origin", key.first}, {"arch", key.second}}, count});
  }
  findings.push_back({"node_reboot_required", "1 when an update that was installed needs a reboot.", Labels(),
                      state.reboot_required ? 1.0 : 0.0});
  if (state.lists) {
    findings.push_back({"apt_package_cache_timestamp_seconds",
                        "When the package lists were last fetched, in seconds since the Unix epoch.",
                        Labels(), static_cast<double>(to_ms(*state.lists)) / 1000});
  }
  return findings;
}

Result<Plan> UpdatesCheck::plan(ActionContext& context) {
  const Result<State> state = look(context);
  if (!state) return state.error();
  Plan plan;
  plan.summary =
      (refresh_ ? "fetch the package lists and count again; now " : "") + summary_of(*state, context.clock);
  for (const AptUpgrade& one : state->simulation.upgrades) {
    if (plan.items.size() == kMostItems) break;
    plan.items.push_back({.what = fmt::format("{} {}", one.package, one.to),
                          .bytes = 0,
                          .objects = 1,
                          .note = fmt::format("from {}, {}{}", one.from, one.origins,
                                              one.is_security() ? " (security)" : "")});
  }
  plan.objects = state->simulation.upgrades.size();
  return plan;
}

Status UpdatesCheck::run(ActionContext& context, Report& report) {
  if (refresh_) {
    if (Status fetched = refresh(context); !fetched) return fetched;
  }
  const Result<State> state = look(context);
  if (!state) return state.error();
  report.summary = summary_of(*state, context.clock);
  report.facts.emplace_back("upgrades", std::to_string(state->simulation.upgrades.size()));
  report.facts.emplace_back("security", std::to_string(state->security));
  report.facts.emplace_back("kept_back", std::to_string(state->simulation.kept_back));
  report.facts.emplace_back("reboot_required", state->reboot_required ? "yes" : "no");
  std::string names;
  for (const AptUpgrade& one : state->simulation.upgrades) {
    if (one.is_security() && names.size() < kNamedBytes) names += (names.empty() ? "" : " ") + one.package;
  }
  if (!names.empty()) report.facts.emplace_back("security_packages", names);
  // A step that was left behind speaks for nobody any more.
  if (context.findings != nullptr && !context.should_stop()) {
    context.findings->publish("updates.check", findings_of(*state));
  }
  return {};
}

}  // namespace chiron::remediation
