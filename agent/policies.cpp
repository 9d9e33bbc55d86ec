#include "agent/config.h"
#include "agent/findings.h"
#include "exporter/base/file.h"
#include "remediation/actions/glob.h"
#include "remediation/engine/remedy_check.h"
#include "remediation/remedies/shipped.h"
#include "rules/packs/packs.h"

#include <set>

#include <glob.h>

namespace chiron::agent {
namespace {

struct TextFile {
  std::string name;
  std::string text;
};

/// What the entries of rule_files or remedy_files lead to.
class Gathering {
 public:
  Gathering(const Config& config, std::string key, DiagnosticSink& sink)
      : config_(config), key_(std::move(key)), sink_(sink) {}

  std::vector<TextFile> gather(const std::vector<FilePattern>& entries, std::string_view scheme,
                               std::span<const EmbeddedFile> embedded) {
    for (const FilePattern& entry : entries) {
      if (entry.text.starts_with(scheme)) {
        add_embedded(entry, scheme, embedded);
      } else {
        add_matching(entry);
      }
    }
    return std::move(files_);
  }

 private:
  void report(const FilePattern& entry, std::string code, std::string message, std::string hint) {
    Diagnostic diagnostic;
    diagnostic.code = std::move(code);
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    diagnostic.file = config_.file;
    diagnostic.path = {key_};
    diagnostic.where = entry.where;
    diagnostic.length = entry.text.size();
    sink_.add(std::move(diagnostic));
  }

  /// As in Prometheus, a file that several entries name is loaded once.
  bool is_new(const std::string& name) {
    return std::none_of(files_.begin(), files_.end(),
                        [&name](const TextFile& file) { return file.name == name; });
  }

  void add_embedded(const FilePattern& entry, std::string_view scheme,
                    std::span<const EmbeddedFile> embedded) {
    const std::string_view wanted = std::string_view(entry.text).substr(scheme.size());
    bool found = false;
    std::vector<std::string_view> names;
    for (const EmbeddedFile& file : embedded) {
      names.push_back(file.name);
      if (!remediation::glob_match(wanted, file.name)) continue;
      found = true;
      const std::string name = std::string(scheme) + std::string(file.name);
      if (is_new(name)) files_.push_back({name, std::string(file.content)});
    }
    if (found) return;
    std::string known;
    for (const std::string_view name : names) known += (known.empty() ? "" : ", ") + std::string(name);
    const std::string near = closest(wanted, names);
    report(
        entry, "unknown-pack",
        "there is no shipped file '" + std::string(scheme) + std::string(wanted) + "'; there are: " + known,
        near.empty() ? "" : "did you mean " + std::string(scheme) + near + "?");
  }

  /// Relative to the configuration file's directory, as in Prometheus.
  std::string resolved(const std::string& pattern) const {
    if (pattern.starts_with("/")) return pattern;
    const std::size_t slash = config_.file.rfind('/');
    return slash == std::string::npos ? pattern : config_.file.substr(0, slash + 1) + pattern;
  }

  void add_matching(const FilePattern& entry) {
    const std::string pattern = resolved(entry.text);
    glob_t found{};
    const int outcome = ::glob(pattern.c_str(), 0, nullptr, &found);
    const bool is_glob = pattern.find_first_of("*?[") != std::string::npos;
    if (outcome == GLOB_NOMATCH && !is_glob) {
      report(entry, "unreadable", "there is no file " + pattern,
             "write the path of a file, or a glob; relative ones begin at the configuration's directory");
    }
    for (std::size_t i = 0; outcome == 0 && i < found.gl_pathc; ++i) {
      if (!is_new(found.gl_pathv[i])) continue;
      auto text = read_file(found.gl_pathv[i], 4 << 20);
      if (text.ok()) {
        files_.push_back({found.gl_pathv[i], *std::move(text)});
      } else {
        sink_.add(unreadable(found.gl_pathv[i], text.error()));
      }
    }
    ::globfree(&found);
  }

  const Config& config_;
  const std::string key_;
  DiagnosticSink& sink_;
  std::vector<TextFile> files_;
};

Diagnostic fault_of(const Config& config, const std::string& name, const RemedyOverride& tuned) {
  Diagnostic diagnostic;
  diagnostic.file = config.file;
  diagnostic.path = {"remedies", name};
  diagnostic.where = tuned.where;
  diagnostic.length = name.size();
  return diagnostic;
}

void apply_overrides(const Config& config, std::vector<remediation::RemedySpec>& remedies,
                     DiagnosticSink& sink) {
  std::vector<std::string_view> names;
  names.reserve(remedies.size());
  for (const remediation::RemedySpec& remedy : remedies) names.push_back(remedy.name);
  for (const auto& [name, tuned] : config.remedies) {
    Diagnostic diagnostic = fault_of(config, name, tuned);
    const auto remedy = std::find_if(remedies.begin(), remedies.end(),
                                     [&key = name](const auto& candidate) { return candidate.name == key; });
    if (remedy != remedies.end()) {
      if (tuned.targets) remedy->targets = tuned.targets;
      const auto fault = remediation::apply_policy(tuned.policy, remedy->policy);
      if (!fault) continue;
      diagnostic.code = "contradiction";
      diagnostic.message = (fault->key == "for" ? "" : "policy.") + fault->key +
                           ": with what its file says, " + fault->message;
      diagnostic.hint = fault->hint;
    } else {
      diagnostic.code = "unknown-remedy";
      diagnostic.message = "no remedy file has a remedy '" + name + "'";
      const std::string near = closest(name, names);
      diagnostic.hint =
          near.empty() ? "`chiron remedy list` shows those there are" : "did you mean " + near + "?";
    }
    sink.add(std::move(diagnostic));
  }
}

/// After the configuration has had its say about them.
void fill_in_targets(const Config& config, std::vector<remediation::RemedySpec>& remedies,
                     DiagnosticSink& sink) {
  for (remediation::RemedySpec& remedy : remedies) {
    const Status filled = remediation::fill_in_targets(remedy);
    if (filled.ok()) continue;
    Diagnostic diagnostic;
    if (const auto tuned = config.remedies.find(remedy.name); tuned != config.remedies.end()) {
      diagnostic = fault_of(config, remedy.name, tuned->second);
    } else {
      diagnostic.file = remedy.file;
      diagnostic.where = remedy.where;
      diagnostic.path = {remedy.name};
    }
    diagnostic.code = "bad-argument";
    diagnostic.message = "targets: " + filled.error().to_string();
    diagnostic.hint = "they are what the remedy acts on, all of them";
    sink.add(std::move(diagnostic));
  }
}

}  // namespace

void check_together(const Policies& policies, bool rules_are_faulty, DiagnosticSink& sink) {
  std::set<std::pair<std::string, std::string>> faulty;
  for (const Diagnostic& told : sink.all()) {
    if (told.severity == Severity::error && !told.path.empty()) faulty.emplace(told.file, told.path.front());
  }
  DiagnosticSink found;
  remediation::check_against_rules(policies.remedies, policies.groups, found);
  for (const Diagnostic& one : found.all()) {
    const bool follows = one.code != "duplicate-remedy" && faulty.contains({one.file, one.path.front()});
    if (follows || (rules_are_faulty && one.severity == Severity::warning)) continue;
    sink.add(one);
  }
}

Policies load_policies(const Config& config, DiagnosticSink& sink) {
  Policies policies;
  const std::size_t before = sink.errors();
  for (TextFile& file :
       Gathering(config, "rule_files", sink).gather(config.rule_files, "packs:", rules::packs())) {
    auto groups = rules::parse_rule_file(std::move(file.name), std::move(file.text), sink, config.features());
    std::move(groups.begin(), groups.end(), std::back_inserter(policies.groups));
  }
  const bool rules_are_faulty = sink.errors() > before;
  for (TextFile& file : Gathering(config, "remedy_files", sink)
                            .gather(config.remedy_files, "shipped:", remediation::shipped_remedies())) {
    auto remedies =
        remediation::parse_remedy_file(std::move(file.name), std::move(file.text), sink, config.features());
    std::move(remedies.begin(), remedies.end(), std::back_inserter(policies.remedies));
  }
  apply_overrides(config, policies.remedies, sink);
  fill_in_targets(config, policies.remedies, sink);
  check_together(policies, rules_are_faulty, sink);
  remediation::check_against_roots(policies.remedies, config.deletion, sink);
  return policies;
}

}  // namespace chiron::agent
