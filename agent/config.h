#pragma once

#include "agent/settings.h"
#include "alerting/alertmanager_peer.h"
#include "exporter/base/diagnostics.h"
#include "exporter/base/event_log.h"
#include "exporter/base/host_paths.h"
#include "exporter/collectors/probe_spec.h"
#include "exporter/series/labels.h"
#include "remediation/actions/action.h"
#include "remediation/engine/policy_keys.h"
#include "remediation/engine/remedy_file.h"
#include "rules/engine/rule_file.h"
#include "rules/promql/promql.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chiron::agent {

/// remedies.NAME: in the configuration file: arms or tunes a remedy without copying its file.
struct RemedyOverride {
  std::optional<std::vector<std::string>> targets;
  remediation::PolicyPatch policy;
  Position where;
};

/// An entry of rule_files or remedy_files: a path, a glob, or a shipped file.
struct FilePattern {
  std::string text;
  Position where{};
};

/// Everything the agent is told, resolved and checked (design.md, section 9). Immutable once loaded.
struct Config {
  Settings settings;
  std::string file;  ///< the configuration file looked at
  bool file_exists = false;
  Labels external_labels;
  std::vector<std::string> services;
  std::vector<ProbeSpec> probes;
  std::vector<FilePattern> rule_files = {{"packs:*"}};
  std::vector<FilePattern> remedy_files = {{"shipped:*"}};
  std::map<std::string, RemedyOverride> remedies;
  remediation::DeletionPolicy deletion;
  remediation::RequestPolicy requests;
  remediation::HostBudget host_budget;
  std::vector<alerting::AlertmanagerSpec> alertmanagers;

  HostPaths paths() const;
  LogOptions log_options() const;
  remediation::Gate gate() const;
  /// Experimental features of PromQL that expressions may use.
  promql::Features features() const;
  /// Of each query; query.max-concurrency bounds how many there are.
  promql::Limits query_limits() const;
  /// Labels job and instance of local series.
  Labels target_labels() const;
};

/// Options of the command line: option name and values, in the order given.
using GivenOptions = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// Resolves option over environment over file over default. Every fault is in the sink.
Config load_config(const GivenOptions& options, const Environment& environment, DiagnosticSink& sink);
/// getenv(3).
Environment process_environment();

/// The rules and remedies that a configuration names: embedded ones (packs:NAME, shipped:NAME) and files by
/// glob.
struct Policies {
  std::vector<rules::GroupSpec> groups;
  std::vector<remediation::RemedySpec> remedies;
};
Policies load_policies(const Config& config, DiagnosticSink& sink);
/// Holds remedies against rules. Of what is in `sink` already only the first faults are told: a remedy that
/// is faulty itself is not held against any rule, and where rules are faulty, nothing is said of what no rule
/// seems to yield.
void check_together(const Policies& policies, bool rules_are_faulty, DiagnosticSink& sink);

/// A commented configuration file with every default, for `config init`.
std::string example_config();

/// A setting as `config show` tells it; what is structured has a summary as its value.
struct ShownSetting {
  std::string name;
  std::string source;  ///< "option --x", "environment CHIRON_X", "FILE:LINE:COL", "default"
  std::vector<std::string> values;
  bool is_list = false;
  bool quoted = false;  ///< a text, which YAML wants in quotes

  std::string as_yaml() const;
};
/// Every setting with its value and where it came from.
std::vector<ShownSetting> shown_settings(const Config& config);

}  // namespace chiron::agent
