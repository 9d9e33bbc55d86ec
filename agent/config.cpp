#include "agent/config.h"

#include "agent/alertmanagers.h"
#include "agent/findings.h"
#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/base/systemd.h"
#include "exporter/base/yaml_reader.h"
#include "exporter/collectors/collector.h"
#include "exporter/collectors/probe_attempt.h"
#include "remediation/actions/deletion/path_glob.h"
#include "remediation/actions/request_policy.h"

#include <cstdlib>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

/// Settings are looked up where their dotted key leads; each mapping on the way is read by one reader, so
/// that what nothing asked for is unknown.
class SettingReader {
 public:
  SettingReader(yaml::Reader& root, Settings& settings, DiagnosticSink& sink)
      : root_(root), settings_(settings), sink_(sink) {}

  void read_all() {
    for (const Setting& setting : all_settings()) {
      if (!setting.key.empty()) read(setting);
    }
    for (auto& [prefix, reader] : readers_) reader.finish();
  }

  /// The one reader of a mapping, "" is the whole file. Others read through it what is no setting, before
  /// read_all().
  yaml::Reader& reader_of(const std::string& prefix) {
    if (prefix.empty()) return root_;
    if (const auto it = readers_.find(prefix); it != readers_.end()) return it->second;
    const std::size_t dot = prefix.rfind('.');
    yaml::Reader& parent = reader_of(dot == std::string::npos ? "" : prefix.substr(0, dot));
    const std::string key = dot == std::string::npos ? prefix : prefix.substr(dot + 1);
    return readers_.emplace(prefix, parent.mapping(key)).first->second;
  }

 private:
  /// collectors.NAME is either a boolean or a mapping of the collector's options.
  bool is_collector_switch(const Setting& setting) const {
    constexpr std::string_view kCollectors = "collectors.";
    return setting.key.starts_with(kCollectors) &&
           find_collector(std::string_view(setting.key).substr(kCollectors.size())) != nullptr;
  }

  /// Where the last key begins: what follows a collector's name is one, dots and all (cpu: {info: true,
  /// info.flags-include: x}), since an option may be named below another.
  static std::size_t last_step(const std::string& key) {
    constexpr std::string_view kCollectors = "collectors.";
    const std::size_t option =
        key.starts_with(kCollectors) ? key.find('.', kCollectors.size()) : std::string::npos;
    return option != std::string::npos ? option : key.rfind('.');
  }

  void read(const Setting& setting) {
    const std::size_t dot = last_step(setting.key);
    const std::string prefix = dot == std::string::npos ? "" : setting.key.substr(0, dot);
    const std::string key = dot == std::string::npos ? setting.key : setting.key.substr(dot + 1);
    if (prefix.starts_with("collectors.") && !options_are_given(prefix)) return;
    yaml::Reader& reader = reader_of(prefix);
    const yaml::Node node = reader.node(key);
    if (!node) return;
    if (is_collector_switch(setting) && node.is_mapping()) {
      settings_.set(setting, {"true"}, node.file(), node.where(), sink_);
      return;
    }
    std::vector<std::string> values;
    if (setting.is_list()) {
      const auto texts = reader.strings(key);
      if (!texts) return;
      values = *texts;
    } else {
      const auto text = reader.string(key);
      if (!text) return;
      values = {*text};
    }
    settings_.set(setting, std::move(values), node.file(), node.where(), sink_);
  }

  bool options_are_given(const std::string& prefix) {
    return reader_of("collectors").node(prefix.substr(prefix.find('.') + 1)).is_mapping();
  }

  yaml::Reader& root_;
  Settings& settings_;
  DiagnosticSink& sink_;
  std::map<std::string, yaml::Reader> readers_;
};

std::optional<ProbeSpec> read_probe(yaml::Reader& reader) {
  ProbeSpec probe;
  reader.require({"name"});
  probe.name = reader.string("name").value_or("");
  constexpr std::array<std::pair<std::string_view, ProbeModule>, 4> kModules{
      {{"http", ProbeModule::http},
       {"tcp", ProbeModule::tcp},
       {"unix", ProbeModule::unix_socket},
       {"redis", ProbeModule::redis}}};
  int modules = 0;
  for (const auto& [key, module] : kModules) {
    const auto target = reader.string(key);
    if (!target) continue;
    probe.module = module;
    probe.target = *target;
    ++modules;
    if (const Status fits = check_probe_target(probe); !fits.ok())
      reader.fail(key, "bad-value", fits.error().message());
  }
  if (modules != 1) {
    reader.fail_at(reader.self(), "probe-target", "a probe has exactly one of http, tcp, unix and redis",
                   "for example  - {name: web, http: 'http://127.0.0.1/health'}");
  }
  probe.interval = reader.duration("interval").value_or(probe.interval);
  probe.timeout = reader.duration("timeout").value_or(probe.timeout);
  if (probe.timeout <= Duration::zero())
    reader.fail("timeout", "bad-value", "a probe needs a timeout above zero");
  if (probe.interval < std::chrono::seconds(1)) {
    reader.fail("interval", "bad-value", "a probe runs at most once a second");
  }
  if (probe.interval > kLongestWait) reader.fail("interval", "bad-value", "a year at most");
  if (probe.timeout > kLongestWait) reader.fail("timeout", "bad-value", "a year at most");
  for (const std::string& status : reader.strings("valid_status").value_or(std::vector<std::string>{})) {
    const auto code = parse_int<int>(status);
    if (!code || *code < 100 || *code > 599) {
      reader.fail("valid_status", "bad-value", "'" + status + "' is no HTTP status");
      continue;
    }
    probe.valid_status.push_back(*code);
  }
  probe.body_regex = reader.string("body_regex").value_or("");
  if (const auto pattern = Pattern::make(probe.body_regex); !pattern.ok()) {
    reader.fail("body_regex", "bad-value", pattern.error().to_string());
  }
  probe.password_file = reader.string("password_file").value_or("");
  reader.finish();
  return probe;
}

void read_probes(yaml::Reader& root, Config& config) {
  std::size_t number = 0;
  for (const yaml::Node& node : root.list("probes")) {
    yaml::Reader reader = root.child(node, "probe " + std::to_string(++number));
    if (!node.is_mapping()) continue;  // the reader has said so
    auto probe = read_probe(reader);
    const bool twice = !probe->name.empty() &&
                       std::any_of(config.probes.begin(), config.probes.end(),
                                   [&probe](const ProbeSpec& other) { return other.name == probe->name; });
    if (twice) reader.fail("name", "duplicate", "there are two probes of the name '" + probe->name + "'");
    config.probes.push_back(*std::move(probe));
  }
}

/// The elements of a list of texts with where they stand, for faults of single ones. A single text is a list
/// of one.
std::vector<std::pair<std::string, yaml::Node>> texts_of(yaml::Reader& reader, std::string_view key) {
  std::vector<std::pair<std::string, yaml::Node>> found;
  const auto texts = reader.strings(key);
  if (!texts) return found;
  const yaml::Node node = reader.node(key);
  for (std::size_t i = 0; i < texts->size(); ++i) {
    found.emplace_back((*texts)[i], node.is_sequence() && i < node.items().size() ? node.items()[i] : node);
  }
  return found;
}

void read_services(yaml::Reader& root, Config& config) {
  for (const auto& [text, node] : texts_of(root, "services")) {
    const std::string unit = full_unit_name(text);
    if (!is_valid_unit_name(unit)) {
      root.fail_at(node, "bad-value", "'" + text + "' is not a unit name", "for example nginx.service");
    }
    config.services.push_back(unit);
  }
}

void read_files(yaml::Reader& root, std::string_view key, std::vector<FilePattern>& files) {
  if (!root.strings(key)) return;
  files.clear();
  for (const auto& [text, node] : texts_of(root, key)) files.push_back({text, node.where()});
}

void read_overrides(yaml::Reader& root, Config& config) {
  const yaml::Node all = root.node("remedies");
  if (!all) return;
  for (const auto& entry : root.mapping("remedies").self().entries()) {
    yaml::Reader reader = root.child(entry.value, entry.key.text());
    RemedyOverride tuned;
    tuned.where = entry.key.where();
    remediation::read_mode(reader, tuned.policy);
    remediation::read_armed_for(reader, tuned.policy);
    tuned.targets = reader.strings("targets");
    if (reader.has("policy")) {
      yaml::Reader policy = reader.mapping("policy");
      const remediation::PolicyPatch patch = remediation::read_policy(policy);
      tuned.policy.insert(tuned.policy.end(), patch.begin(), patch.end());
    }
    reader.finish();
    config.remedies.emplace(entry.key.text(), std::move(tuned));
  }
}

void read_host_budget(yaml::Reader& remediation, Config& config) {
  if (!remediation.has("budget")) return;
  yaml::Reader budget = remediation.mapping("budget");
  if (const auto runs = budget.integer("runs", 1, 10'000)) config.host_budget.runs = static_cast<int>(*runs);
  config.host_budget.per = budget.duration("per").value_or(config.host_budget.per);
  if (config.host_budget.per <= Duration::zero() || config.host_budget.per > std::chrono::hours(24 * 31)) {
    budget.fail("per", "out-of-range", "per must be more than 0s and at most 31d");
  }
  budget.finish();
}

void read_deletion(yaml::Reader& root, Config& config) {
  yaml::Reader deletion = root.mapping("deletion");
  if (auto roots = deletion.strings("roots")) config.deletion.roots = *std::move(roots);
  if (auto protect = deletion.strings("protect")) config.deletion.protect = *std::move(protect);
  for (const auto& [path, node] : texts_of(deletion, "roots")) {
    const Result<std::string> clean = remediation::clean_absolute_path(path);
    if (!clean.ok()) {
      deletion.fail_at(node, "bad-value", clean.error().message(), "for example /var/log");
    } else if (*clean == "/") {
      deletion.fail_at(node, "bad-value", "/ would allow everything", "name directories, such as /var/log");
    }
  }
  for (const auto& [glob, node] : texts_of(deletion, "protect")) {
    const auto compiled = remediation::PathGlob::compile(glob, remediation::PathGlob::Hidden::matched);
    Status good = compiled.ok() ? remediation::check_no_braces(glob) : Status(compiled.error());
    if (!good.ok()) {
      deletion.fail_at(node, "bad-value", good.error().message(), "for example /var/log/audit/**");
    }
  }
  deletion.finish();
}

void read_requests(yaml::Reader& root, Config& config) {
  yaml::Reader requests = root.mapping("requests");
  if (auto allow = requests.strings("allow")) config.requests.allow = *std::move(allow);
  for (const auto& [text, node] : texts_of(requests, "allow")) {
    if (const Status good = remediation::check_allowed_url(text); !good) {
      requests.fail_at(node, "bad-value", good.error().message(),
                       "for example https://hooks.example/chiron or http://127.0.0.1:8080");
    }
  }
  if (requests.has("allow") && config.requests.allow.empty()) {
    requests.fail(
        "allow", "missing-value", "an empty list would allow everything",
        "name what http.request may ask; to forbid all of it, leave the action out of the remedies, or "
        "allow an address that nobody has");
  }
  requests.finish();
}

void read_external_labels(yaml::Reader& identity, Config& config) {
  const auto labels = identity.string_map("external_labels");
  if (!labels) return;
  for (const auto& [name, value] : *labels) {
    if (is_valid_label_name(name) && !name.starts_with("__")) {
      config.external_labels.set(name, value);
      continue;
    }
    identity.fail("external_labels", "bad-value", "'" + name + "' is not a label name",
                  "letters, digits and underscores, no digit first, not two underscores first");
  }
}

/// As in `--config.file /dev/null`: no file, whatever the default one holds.
bool is_null_device(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == ::makedev(1, 3);
}

void read_file_into(Config& config, std::string text, DiagnosticSink& sink) {
  sink.add_source(config.file, text);
  const std::size_t before = sink.errors();
  const yaml::Node node = yaml::parse(config.file, std::move(text), sink);
  if (sink.errors() != before) return;
  yaml::Reader root(node, sink);
  SettingReader settings(root, config.settings, sink);
  read_services(root, config);
  read_probes(root, config);
  read_overrides(root, config);
  read_deletion(root, config);
  read_requests(root, config);
  read_files(root, "rule_files", config.rule_files);
  read_files(root, "remedy_files", config.remedy_files);
  read_host_budget(settings.reader_of("remediation"), config);
  read_external_labels(settings.reader_of("identity"), config);
  config.alertmanagers = read_alertmanagers(root);
  settings.read_all();
  root.finish();
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Config load_config(const GivenOptions& options, const Environment& environment, DiagnosticSink& sink) {
  Config config;
  // The file's name comes first, from the two sources that do not need the file.
  Settings early;
  early.read_environment(environment, sink);
  for (const auto& [option, values] : options) {
    if (option == "config.file") early.set(*find_setting(option), values, "option --" + option, {}, sink);
  }
  config.file = early.text("config.file");
  const bool named = early.value("config.file").source != "default";
  auto text =
      is_null_device(config.file) ? Result<std::string>(std::string()) : read_file(config.file, 4 << 20);
  if (text.ok()) {
    config.file_exists = true;
    read_file_into(config, *std::move(text), sink);
  } else if (named || text.error().code() != ErrorCode::not_found) {
    sink.add(
        unreadable(config.file, text.error(), "`chiron config init` prints a configuration to start from"));
  }
  DiagnosticSink repeated;  // the first look at the environment has reported it
  config.settings.read_environment(environment, repeated);
  for (const auto& [option, values] : options) {
    config.settings.set(*find_setting(option), values, "option --" + option, {}, sink);
  }
  config.settings.disable_default_collectors();
  config.settings.check_collectors(sink);
  return config;
}

HostPaths Config::paths() const {
  const SettingValue& udev_data = settings.value("path.udev.data");
  const bool given = udev_data.source != "default";
  return HostPaths({.procfs = settings.text("path.procfs"),
                    .sysfs = settings.text("path.sysfs"),
                    .rootfs = settings.text("path.rootfs"),
                    .udev_data = given ? udev_data.values.front() : std::string()});
}

LogOptions Config::log_options() const {
  LogOptions options;
  const std::string& level = settings.text("log.level");
  options.level = level == "debug"            ? LogLevel::debug
                  : level.starts_with("warn") ? LogLevel::warning
                  : level == "error"          ? LogLevel::error
                                              : LogLevel::info;
  const std::string& format = settings.text("log.format");
  const bool text = format == "text" || (format == "auto" && ::isatty(STDERR_FILENO) == 1);
  options.format = text ? LogFormat::text : LogFormat::json;
  return options;
}

remediation::Gate Config::gate() const {
  return remediation::parse_gate(settings.text("remediation.mode")).value_or(remediation::Gate::dry_run);
}

promql::Features Config::features() const {
  return promql::parse_features(settings.list("enable-feature")).value_or(promql::Features());
}

promql::Limits Config::query_limits() const {
  promql::Limits limits;
  limits.lookback = settings.duration("query.lookback-delta");
  limits.max_samples = settings.count("query.max-samples");
  limits.timeout = settings.duration("query.timeout");
  limits.delayed_name_removal = features().delayed_name_removal;
  limits.start_timestamps = features().start_timestamps;
  return limits;
}

Labels Config::target_labels() const {
  std::string instance = settings.text("identity.instance");
  if (instance.empty()) {
    const std::vector<std::string>& listen = settings.list("web.listen-address");
    const std::string address = listen.empty() ? std::string(":10071") : listen.front();
    instance = host_name() + address.substr(address.rfind(':'));
  }
  return Labels{{"job", settings.text("identity.job")}, {"instance", instance}};
}

}  // namespace chiron::agent
