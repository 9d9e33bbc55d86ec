#include "agent/config.h"
#include "agent/findings.h"
#include "exporter/base/parse.h"

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
#    for: 30d  # Then it is in dry-run again. Without: for good.
#    policy: {cooldown: 30m, budget: {runs: 3, per: 6h}}
#  restart-unit:
#    mode: automatic
#    targets: ['nginx.service', 'web-*.service']

# What remedies may delete, and what they never touch.
#deletion:
#  roots: [/var/cache/apt/archives, /var/log, /var/tmp, /tmp]
#  protect: ['/var/log/audit/**']

# What http.request may ask for, and what lies below it; without a list, any URL that a remedy names.
#requests:
#  allow: ['https://hooks.example/chiron', 'http://127.0.0.1:8080', 'unix:///run/app.sock']

# Alertmanagers that are told of this host's alerts, as Prometheus tells them. Secrets stand in files of their own.
#alertmanagers:
#  - {url: 'http://127.0.0.1:9093'}
#  - scheme: https
#    static_configs: [{targets: ['alerts-1.example:9093', 'alerts-2.example:9093']}]
#    path_prefix: /alertmanager
#    timeout: 10s
#    basic_auth: {username: chiron, password_file: /etc/chiron/alertmanager-password}
#    tls_config: {ca_file: /etc/chiron/ca.pem}
)";

constexpr std::string_view kHostBudget =
    "#  budget: {runs: 20, per: 1h}  # Of all remedies together: runs that alerts started.\n";

std::string single_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + '\'';
}

ShownSetting shown(const Setting& setting, std::vector<std::string> values, std::string source) {
  const bool plain = setting.kind == SettingKind::flag || setting.kind == SettingKind::duration ||
                     setting.kind == SettingKind::bytes || setting.kind == SettingKind::count ||
                     setting.kind == SettingKind::choice;
  return {setting.option, std::move(source), std::move(values), setting.is_list(),
          !plain || setting.default_value.empty()};
}

std::vector<std::string> default_values(const Setting& setting) {
  if (setting.default_value.empty() && setting.is_list()) return {};
  return {setting.default_value};
}

std::vector<std::string> texts_of(const std::vector<FilePattern>& files) {
  std::vector<std::string> texts;
  texts.reserve(files.size());
  for (const FilePattern& file : files) texts.push_back(file.text);
  return texts;
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
    const std::string value = shown(setting, default_values(setting), "").as_yaml();
    if (dot == std::string::npos) {
      text += fmt::format("\n# {}\n#{}: {}\n", setting.help, setting.key, value);
      continue;
    }
    if (setting.key.substr(0, dot) != section) {
      section = setting.key.substr(0, dot);
      text += fmt::format("\n#{}:\n", section);
    }
    text += fmt::format("#  {}: {}  # {}\n", setting.key.substr(dot + 1), value, setting.help);
    if (setting.key == "remediation.mode") text += kHostBudget;
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

std::string ShownSetting::as_yaml() const {
  const auto one = [this](const std::string& value) { return quoted ? single_quoted(value) : value; };
  if (!is_list) return one(values.front());
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + one(value);
  return '[' + text + ']';
}

std::vector<ShownSetting> shown_settings(const Config& config) {
  std::vector<ShownSetting> all;
  for (const Setting& setting : all_settings()) {
    const SettingValue& value = config.settings.value(setting.option);
    all.push_back(shown(setting, value.values, value.source));
  }
  const std::string from = config.file_exists ? config.file : "default";
  const auto list = [&](std::string name, std::vector<std::string> values) {
    all.push_back({std::move(name), from, std::move(values), true, true});
  };
  const auto summary = [&](std::string name, std::string text) {
    all.push_back({std::move(name), from, {std::move(text)}, false, false});
  };
  std::vector<std::string> labels;
  for (const Label& label : config.external_labels) labels.push_back(label.name + '=' + label.value);
  list("identity.external_labels", std::move(labels));
  list("services", config.services);
  summary("probes", counted(config.probes.size(), "probe"));
  list("rule_files", texts_of(config.rule_files));
  list("remedy_files", texts_of(config.remedy_files));
  summary("remediation.budget", fmt::format("{{runs: {}, per: {}}}", config.host_budget.runs,
                                            format_duration(config.host_budget.per)));
  summary("remedies", counted(config.remedies.size(), "remedy") + " tuned");
  list("deletion.roots", config.deletion.roots);
  list("deletion.protect", config.deletion.protect);
  list("requests.allow", config.requests.allow);
  std::vector<std::string> urls;
  for (const alerting::AlertmanagerSpec& one : config.alertmanagers) urls.push_back(one.url);
  list("alertmanagers", std::move(urls));
  return all;
}

}  // namespace chiron::agent
