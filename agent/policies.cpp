#include "agent/config.h"
#include "exporter/base/file.h"
#include "remediation/engine/remedy_check.h"
#include "remediation/remedies/shipped.h"
#include "rules/packs/packs.h"

#include <glob.h>

namespace chiron::agent {
namespace {

struct TextFile {
  std::string name;
  std::string text;
};

void report(DiagnosticSink& sink, const std::string& file, std::string code, std::string message,
            std::string hint) {
  Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostic.file = file;
  sink.add(std::move(diagnostic));
}

void add_embedded(std::string_view scheme, std::string_view wanted, std::span<const EmbeddedFile> files,
                  std::vector<TextFile>& out, DiagnosticSink& sink) {
  bool found = false;
  std::vector<std::string_view> names;
  for (const EmbeddedFile& file : files) {
    names.push_back(file.name);
    if (!remediation::glob_match(wanted, file.name)) continue;
    found = true;
    out.push_back({std::string(scheme) + std::string(file.name), std::string(file.content)});
  }
  if (found) return;
  std::string known;
  for (const std::string_view name : names) known += (known.empty() ? "" : ", ") + std::string(name);
  const std::string near = closest(wanted, names);
  report(sink, std::string(scheme) + std::string(wanted), "unknown-pack",
         "there is no shipped file '" + std::string(wanted) + "'; there are: " + known,
         near.empty() ? "" : "did you mean " + std::string(scheme) + near + "?");
}

void add_matching(const std::string& pattern, std::vector<TextFile>& out, DiagnosticSink& sink) {
  glob_t found{};
  const int outcome = ::glob(pattern.c_str(), 0, nullptr, &found);
  const bool is_glob = pattern.find_first_of("*?[") != std::string::npos;
  if (outcome == GLOB_NOMATCH && !is_glob) {
    report(sink, pattern, "unreadable", "no such file", "write the path of a file, or a glob");
  }
  for (std::size_t i = 0; outcome == 0 && i < found.gl_pathc; ++i) {
    auto text = read_file(found.gl_pathv[i], 4 << 20);
    if (text.ok()) {
      out.push_back({found.gl_pathv[i], *std::move(text)});
    } else {
      report(sink, found.gl_pathv[i], "unreadable", text.error().to_string(), "");
    }
  }
  ::globfree(&found);
}

std::vector<TextFile> gather(const std::vector<std::string>& entries, std::string_view scheme,
                             std::span<const EmbeddedFile> embedded, DiagnosticSink& sink) {
  std::vector<TextFile> files;
  for (const std::string& entry : entries) {
    if (entry.starts_with(scheme)) {
      add_embedded(scheme, std::string_view(entry).substr(scheme.size()), embedded, files, sink);
    } else {
      add_matching(entry, files, sink);
    }
  }
  return files;
}

void apply(const RemedyOverride& tuned, remediation::RemedySpec& remedy) {
  if (tuned.mode) remedy.policy.mode = *tuned.mode;
  if (tuned.targets) remedy.targets = tuned.targets;
  if (tuned.cooldown) remedy.policy.cooldown = *tuned.cooldown;
  if (tuned.budget_runs) remedy.policy.budget_runs = *tuned.budget_runs;
  if (tuned.budget_per) remedy.policy.budget_per = *tuned.budget_per;
}

void apply_overrides(const Config& config, std::vector<remediation::RemedySpec>& remedies,
                     DiagnosticSink& sink) {
  std::vector<std::string_view> names;
  for (const remediation::RemedySpec& remedy : remedies) names.push_back(remedy.name);
  for (const auto& [name, tuned] : config.remedies) {
    const auto remedy = std::find_if(remedies.begin(), remedies.end(),
                                     [&key = name](const auto& candidate) { return candidate.name == key; });
    if (remedy != remedies.end()) {
      apply(tuned, *remedy);
      continue;
    }
    Diagnostic diagnostic;
    diagnostic.code = "unknown-remedy";
    diagnostic.message = "no remedy file has a remedy '" + name + "'";
    const std::string near = closest(name, names);
    diagnostic.hint =
        near.empty() ? "`chiron remedy list` shows those there are" : "did you mean " + near + "?";
    diagnostic.file = config.file;
    diagnostic.path = {"remedies", name};
    diagnostic.where = tuned.where;
    diagnostic.length = name.size();
    sink.add(std::move(diagnostic));
  }
}

}  // namespace

Policies load_policies(const Config& config, DiagnosticSink& sink) {
  Policies policies;
  for (TextFile& file : gather(config.rule_files, "packs:", rules::packs(), sink)) {
    auto groups = rules::parse_rule_file(std::move(file.name), std::move(file.text), sink);
    std::move(groups.begin(), groups.end(), std::back_inserter(policies.groups));
  }
  for (TextFile& file : gather(config.remedy_files, "shipped:", remediation::shipped_remedies(), sink)) {
    auto remedies = remediation::parse_remedy_file(std::move(file.name), std::move(file.text), sink);
    std::move(remedies.begin(), remedies.end(), std::back_inserter(policies.remedies));
  }
  apply_overrides(config, policies.remedies, sink);
  if (sink.ok()) remediation::check_against_rules(policies.remedies, policies.groups, sink);
  return policies;
}

}  // namespace chiron::agent
