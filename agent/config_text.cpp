#include "agent/config.h"
#include "agent/table.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

constexpr std::string_view kStructured = R"(
# Units that must run: stopped counts as down (chiron_service_up). Remedies may start them again.
#services: [nginx.service, postgresql.service]

# Scheduled probes: probe_success{probe,module,target}.
#probes:
#  - {name: web, http: 'http://127.0.0.1/health', interval: 15s, timeout: 5s}
#  - {name: database, tcp: '127.0.0.1:5432'}
#  - {name: app, unix: /run/app.sock}
#  - {name: cache, redis: '127.0.0.1:6379', password_file: /etc/chiron/redis-password}

# Prometheus rule files: shipped ones (packs:NAME) and files of your own.
#rule_files: ['packs:*', '/etc/chiron/rules/*.yml']
#remedy_files: ['shipped:*', '/etc/chiron/remedies/*.yml']

# Every shipped remedy says what it would do until it is armed here.
#remedies:
#  rescue-disk:
#    mode: automatic
#    policy: {cooldown: 30m, budget: {runs: 3, per: 6h}}
#  restart-unit:
#    mode: automatic
#    targets: ['nginx.service', 'web-*.service']

# What remedies may delete, and what they never touch.
#deletion:
#  roots: [/var/cache/apt/archives, /var/log, /var/tmp, /tmp]
#  protect: ['/var/log/audit/**']
)";

std::string yaml_value(const Setting& setting, const std::vector<std::string>& values) {
  if (setting.kind == SettingKind::list) {
    std::string text;
    for (const std::string& value : values) text += (text.empty() ? "'" : ", '") + value + '\'';
    return '[' + text + ']';
  }
  if (setting.kind == SettingKind::flag || setting.kind == SettingKind::duration ||
      setting.kind == SettingKind::bytes || setting.kind == SettingKind::choice) {
    return values.front();
  }
  std::string quoted = "'";
  for (const char c : values.front()) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + '\'';
}

std::vector<std::string> default_values(const Setting& setting) {
  if (setting.default_value.empty() && setting.kind == SettingKind::list) return {};
  return {setting.default_value};
}

}  // namespace

std::string example_config() {
  std::string text =
      "# Chiron's configuration. Every line is a default: uncomment what you change. Options of `chiron run` "
      "and\n"
      "# environment variables (CHIRON_STORAGE_PATH for storage.path) override this file; `chiron config "
      "show` tells\n"
      "# where each value came from, `chiron check` checks it.\n";
  std::string section;
  for (const Setting& setting : all_settings()) {
    if (setting.key.empty() || setting.key.starts_with("collectors.")) continue;
    const std::size_t dot = setting.key.find('.');
    const std::string value = yaml_value(setting, default_values(setting));
    if (dot == std::string::npos) {
      text += fmt::format("\n# {}\n#{}: {}\n", setting.help, setting.key, value);
      continue;
    }
    if (setting.key.substr(0, dot) != section) {
      section = setting.key.substr(0, dot);
      text += fmt::format("\n#{}:\n", section);
    }
    text += fmt::format("#  {}: {}  # {}\n", setting.key.substr(dot + 1), value, setting.help);
  }
  text += kStructured;
  text += "\n# Collectors: true, false, or a mapping of a collector's options.\n#collectors:\n";
  for (const Setting& setting : all_settings()) {
    if (!setting.key.starts_with("collectors.")) continue;
    if (std::count(setting.key.begin(), setting.key.end(), '.') > 1) continue;
    text += fmt::format("#  {}: {}  # {}\n", setting.key.substr(11), setting.default_value, setting.help);
  }
  return text;
}

std::string show_config(const Config& config) {
  Table table({"SETTING", "FROM", "VALUE"});
  for (const Setting& setting : all_settings()) {
    const SettingValue& value = config.settings.value(setting.option);
    table.add({setting.option, value.source, yaml_value(setting, value.values)});
  }
  const auto listed = [](const std::vector<std::string>& values) {
    std::string text;
    for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
    return '[' + text + ']';
  };
  const std::string from = config.file_exists ? config.file : "default";
  table.add({"services", from, listed(config.services)});
  table.add({"probes", from, fmt::format("{} probes", config.probes.size())});
  table.add({"rule_files", from, listed(config.rule_files)});
  table.add({"remedy_files", from, listed(config.remedy_files)});
  table.add({"remedies", from, fmt::format("{} tuned", config.remedies.size())});
  table.add({"deletion.roots", from, listed(config.deletion.roots)});
  table.add({"deletion.protect", from, listed(config.deletion.protect)});
  return table.to_string();
}

}  // namespace chiron::agent
