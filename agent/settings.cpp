#include "agent/settings.h"

#include "exporter/base/host_paths.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/collector.h"
#include "exporter/collectors/name_filter.h"
#include "exporter/series/labels.h"
#include "rules/promql/promql.h"

#include <algorithm>

#include <unistd.h>

namespace chiron::agent {
namespace {

constexpr std::string_view kDisableDefaults = "collector.disable-defaults";

std::string home_directory(const char* variable, const char* below_home) {
  if (const char* set = std::getenv(variable); set != nullptr && *set == '/') return set;
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + below_home;
}

std::string default_config_file() {
  if (::geteuid() == 0) return "/etc/chiron/chiron.yml";
  return home_directory("XDG_CONFIG_HOME", "/.config") + "/chiron/chiron.yml";
}

std::string default_storage() {
  if (::geteuid() == 0) return "/var/lib/chiron";
  return home_directory("XDG_STATE_HOME", "/.local/state") + "/chiron";
}

void add_collectors(std::vector<Setting>& settings) {
  settings.push_back({std::string(kDisableDefaults),
                      "collectors.disable-defaults",
                      SettingKind::flag,
                      "false",
                      "Turn off every collector that is not named by an option, the environment or the file.",
                      {}});
  for (const CollectorInfo& info : all_collectors()) {
    const std::string base = "collector." + std::string(info.name);
    const std::string key = "collectors." + std::string(info.name);
    settings.push_back(
        {base, key, SettingKind::flag, info.on_by_default ? "true" : "false", std::string(info.help), {}});
    for (const CollectorOption& option : info.options) {
      const SettingKind kind = option.is_flag       ? SettingKind::flag
                               : option.is_pattern  ? SettingKind::pattern
                               : option.is_duration ? SettingKind::duration
                               : option.repeatable  ? SettingKind::list
                                                    : SettingKind::text;
      settings.push_back({flag_of(info, option), key + '.' + std::string(option.name), kind,
                          std::string(option.default_value), std::string(option.help),
                          option.zero_is_off ? "0" : ""});
    }
  }
}

std::vector<Setting> make_settings() {
  std::vector<Setting> settings{
      {"config.file", "", SettingKind::path, default_config_file(), "The configuration file.", {}},
      {"storage.path",
       "storage.path",
       SettingKind::path,
       default_storage(),
       "State: ledger, lock and control socket.",
       {}},
      {"web.listen-address",
       "http.listen",
       SettingKind::addresses,
       "127.0.0.1:10071",
       "Address of /metrics and the API, HOST:PORT or :PORT; may be given several times.",
       {}},
      {"web.allowed-host",
       "http.allowed_hosts",
       SettingKind::list,
       "",
       "Host header answered over loopback besides the listen address and localhost; '*': any. May repeat.",
       {}},
      {"web.max-requests", "http.max_requests", SettingKind::count, "40",
       "Most scrapes of /metrics at a time; what is over it gets 503 at once. 0: no limit.", "0|1000"},
      {"sampling.interval", "sampling.interval", SettingKind::duration, "5s", "Time between two passes.", {}},
      {"evaluation.interval",
       "evaluation.interval",
       SettingKind::duration,
       "",
       "Interval of rule groups that name none; the sampling interval when empty.",
       {}},
      {"history.retention",
       "history.retention",
       SettingKind::duration,
       "30m",
       "Age of the oldest sample kept.",
       {}},
      {"history.memory",
       "history.memory",
       SettingKind::bytes,
       "16MB",
       "Most memory that samples may take.",
       {}},
      {"query.max-samples", "query.max_samples", SettingKind::count, "10000000",
       "Most samples that a query may hold in memory at once, at 16 bytes.", "1|10000000000"},
      {"query.timeout",
       "query.timeout",
       SettingKind::duration,
       "2m",
       "Most time that a query may take, waiting included; of rules also at most half their interval or 10s.",
       {}},
      {"query.lookback-delta",
       "query.lookback_delta",
       SettingKind::duration,
       "5m",
       "How old a sample may be that a query takes for the present value.",
       {}},
      {"query.max-concurrency", "query.max_concurrency", SettingKind::count, "20",
       "Most queries that run at a time; as many more wait, and what is over it gets 503 at once.", "1|1000"},
      {"enable-feature",
       "query.features",
       SettingKind::features,
       "",
       "Experimental features of PromQL, by Prometheus' names; may repeat, commas separate several.",
       {}},
      {"identity.job",
       "identity.job",
       SettingKind::text,
       "node",
       "Label job of local series, in queries and alerts.",
       {}},
      {"identity.instance",
       "identity.instance",
       SettingKind::text,
       "",
       "Label instance of local series; HOSTNAME:PORT when empty.",
       {}},
      {"path.procfs",
       "path.procfs",
       SettingKind::path,
       HostPaths::Roots{}.procfs,
       "Where the host's procfs is mounted.",
       {}},
      {"path.sysfs",
       "path.sysfs",
       SettingKind::path,
       HostPaths::Roots{}.sysfs,
       "Where the host's sysfs is mounted.",
       {}},
      {"path.rootfs",
       "path.rootfs",
       SettingKind::path,
       "/",
       "Where the host's root file system is mounted.",
       {}},
      {"path.udev.data",
       "path.udev_data",
       SettingKind::path,
       "/run/udev/data",
       "Where udev keeps what it knows of disks; when not given, below path.rootfs.",
       {}},
      {"remediation.mode", "remediation.mode", SettingKind::choice, "automatic",
       "Above every remedy's own mode: dry-run says what would have been done, off not even that.",
       "automatic|dry-run|off"},
      {"log.level", "log.level", SettingKind::choice, "info", "Least severity that is logged.",
       "debug|info|warn|warning|error"},
      {"log.format", "log.format", SettingKind::choice, "auto", "auto: text on a terminal, JSON otherwise.",
       "auto|json|text"},
  };
  add_collectors(settings);
  return settings;
}

bool is_choice(std::string_view choices, std::string_view value) {
  std::string_view choice;
  while (next_field(choices, '|', choice)) {
    if (choice == value) return true;
  }
  return false;
}

/// Without looking a name up: that is for the agent, when it listens.
std::string address_fault(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto quoted = [text](const char* why) { return "'" + std::string(text) + "' " + why; };
  if (colon == std::string_view::npos)
    return quoted("has no port; write HOST:PORT, or :PORT for all addresses");
  if (!parse_int<std::uint16_t>(text.substr(colon + 1))) return quoted("must end in a port from 0 to 65535");
  if (text.substr(0, colon).find(':') != std::string_view::npos) {
    return quoted(
        "is an IPv6 address, which is not supported yet; write HOST:PORT with a name or an IPv4 address");
  }
  return {};
}

std::pair<std::uint64_t, std::uint64_t> bounds_of(const Setting& count) {
  const std::string_view choices = count.choices;
  const std::size_t bar = choices.find('|');
  return {parse_int<std::uint64_t>(choices.substr(0, bar)).value_or(0),
          parse_int<std::uint64_t>(choices.substr(bar + 1)).value_or(0)};
}

/// Why `text` is no value of the setting; "" when it is one.
std::string fault(const Setting& setting, const std::string& text) {
  switch (setting.kind) {
    case SettingKind::text:
    case SettingKind::list:
      return {};
    case SettingKind::path:
      return text.empty() ? "a path is missing here" : "";
    case SettingKind::features: {
      const auto features = promql::parse_features({text});
      return features.ok() ? "" : features.error().to_string();
    }
    case SettingKind::addresses:
      return address_fault(text);
    case SettingKind::flag:
      return parse_bool(text) ? "" : "'" + text + "' is neither true nor false";
    case SettingKind::duration: {
      if (text.empty() && setting.default_value.empty()) return {};
      const auto duration = parse_duration(text);
      if (!duration.ok()) return duration.error().to_string();
      if (*duration == Duration::zero() && setting.choices == "0") return {};
      return *duration < std::chrono::milliseconds(100) ? "'" + text + "' is too short: at least 100ms" : "";
    }
    case SettingKind::bytes: {
      const auto bytes = parse_bytes(text);
      return bytes.ok() ? "" : bytes.error().to_string();
    }
    case SettingKind::count: {
      const auto [least, most] = bounds_of(setting);
      const auto count = parse_int<std::uint64_t>(text);
      if (count && *count >= least && *count <= most) return {};
      return "'" + text + "' is no number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    case SettingKind::pattern: {
      const auto pattern = Pattern::make(text);
      return pattern.ok() ? "" : pattern.error().to_string();
    }
    case SettingKind::choice:
      return is_choice(setting.choices, text) ? "" : "'" + text + "' is none of " + setting.choices;
  }
  return {};
}

}  // namespace

std::string Setting::environment_name() const {
  std::string name = "CHIRON_";
  for (const char c : option) {
    const bool letter = (c >= 'a' && c <= 'z');
    name += letter ? static_cast<char>(c - 'a' + 'A') : (c >= '0' && c <= '9') ? c : '_';
  }
  return name;
}

const std::vector<Setting>& all_settings() {
  static const std::vector<Setting> settings = make_settings();
  return settings;
}

const Setting* find_setting(std::string_view option) {
  for (const Setting& setting : all_settings()) {
    if (setting.option == option) return &setting;
  }
  return nullptr;
}

Settings::Settings() {
  for (const Setting& setting : all_settings()) {
    SettingValue value;
    if (!setting.default_value.empty() || !setting.is_list()) value.values = {setting.default_value};
    values_.emplace(setting.option, std::move(value));
  }
}

void Settings::set(const Setting& setting, std::vector<std::string> values, std::string source,
                   Position where, DiagnosticSink& sink) {
  const auto refuse = [&](const std::string& why, std::size_t length) {
    Diagnostic diagnostic;
    diagnostic.code = "bad-value";
    diagnostic.message = why;
    diagnostic.hint = setting.help;
    diagnostic.file = source;
    diagnostic.path = {setting.key.empty() ? setting.option : setting.key};
    diagnostic.where = where;
    diagnostic.length = std::max<std::size_t>(1, length);
    sink.add(std::move(diagnostic));
  };
  bool good = true;
  for (const std::string& value : values) {
    const std::string why = fault(setting, value);
    if (why.empty()) continue;
    refuse(why, value.size());
    good = false;
  }
  if (setting.kind == SettingKind::addresses && values.empty()) return refuse("give at least one address", 2);
  if (!good) return;
  if (where.line != 0) source += ':' + std::to_string(where.line) + ':' + std::to_string(where.column);
  values_[setting.option] = {std::move(values), std::move(source)};
}

void Settings::read_environment(const Environment& environment, DiagnosticSink& sink) {
  for (const Setting& setting : all_settings()) {
    const std::string name = setting.environment_name();
    const auto text = environment(name);
    if (!text) continue;
    std::vector<std::string> values;
    if (setting.is_list()) {
      std::string_view rest = *text;
      std::string_view item;
      while (next_field(rest, ',', item)) values.emplace_back(trim(item));
    } else {
      values.push_back(*text);
    }
    set(setting, std::move(values), "environment " + name, {}, sink);
  }
}

void Settings::disable_default_collectors() {
  if (!flag(kDisableDefaults)) return;
  for (const CollectorInfo& info : all_collectors()) {
    SettingValue& collector = values_["collector." + std::string(info.name)];
    if (collector.source == "default") collector = {{"false"}, value(kDisableDefaults).source};
  }
}

void Settings::check_collectors(DiagnosticSink& sink) const {
  constexpr std::string_view kInclude = "-include";
  for (const CollectorInfo& info : all_collectors()) {
    if (!flag("collector." + std::string(info.name))) continue;
    for (const CollectorOption& option : info.options) {
      if (!option.name.ends_with(kInclude)) continue;
      const std::string stem(option.name.substr(0, option.name.size() - kInclude.size()));
      const auto other =
          std::find_if(info.options.begin(), info.options.end(),
                       [&](const CollectorOption& one) { return one.name == stem + "-exclude"; });
      if (other == info.options.end()) continue;
      const std::string include = flag_of(info, option), exclude = flag_of(info, *other);
      if (!NameFilter::contradict(text(include), text(exclude), other->default_value)) continue;
      Diagnostic diagnostic;
      diagnostic.code = "contradiction";
      diagnostic.message =
          exclude + " and " + include + " are both given: nothing can be told to be in and out";
      diagnostic.hint = "leave one of them away; with " + include + " all the rest is out";
      diagnostic.file = value(include).source;
      diagnostic.path = {find_setting(include)->key};
      sink.add(std::move(diagnostic));
    }
  }
}

const SettingValue& Settings::value(std::string_view option) const { return values_.find(option)->second; }
const std::vector<std::string>& Settings::list(std::string_view option) const { return value(option).values; }
void Settings::take(std::string_view option, const Settings& others) {
  values_[std::string(option)] = others.value(option);
}

const std::string& Settings::text(std::string_view option) const { return value(option).values.front(); }
bool Settings::flag(std::string_view option) const { return parse_bool(text(option)).value_or(false); }
Duration Settings::duration(std::string_view option) const {
  return parse_duration(text(option)).value_or(Duration::zero());
}
std::size_t Settings::bytes(std::string_view option) const { return parse_bytes(text(option)).value_or(0); }
std::size_t Settings::count(std::string_view option) const {
  return parse_int<std::size_t>(text(option)).value_or(0);
}

}  // namespace chiron::agent
