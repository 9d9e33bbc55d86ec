#include "agent/findings.h"

#include "agent/settings.h"

#include <fmt/format.h>
#include <unistd.h>

namespace chiron::agent {

std::vector<Diagnostic> in_order(const DiagnosticSink& sink) {
  std::vector<Diagnostic> found = sink.all();
  std::map<std::string, std::size_t> order;
  for (const Diagnostic& one : found) order.emplace(one.file, order.size());
  std::stable_sort(found.begin(), found.end(), [&order](const Diagnostic& a, const Diagnostic& b) {
    const auto key = [&order](const Diagnostic& one) {
      return std::tuple(order.at(one.file), one.where.line, one.where.column);
    };
    return key(a) < key(b);
  });
  // A file that is named and that a configuration loads is read twice.
  const auto same = [](const Diagnostic& a, const Diagnostic& b) { return to_text(a) == to_text(b); };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  return found;
}

std::string errors_text(const DiagnosticSink& sink) {
  std::string text;
  for (const Diagnostic& diagnostic : in_order(sink)) {
    if (diagnostic.severity == Severity::error) text += to_text(diagnostic) + '\n';
  }
  return text;
}

std::string counted(std::size_t number, std::string_view noun) {
  if (number == 1) return fmt::format("1 {}", noun);
  if (noun.ends_with('y')) return fmt::format("{} {}ies", number, noun.substr(0, noun.size() - 1));
  return fmt::format("{} {}s", number, noun);
}

Diagnostic unreadable(const std::string& file, const Error& error, std::string hint) {
  Diagnostic diagnostic;
  diagnostic.code = "unreadable";
  diagnostic.message = error.to_string();
  if (const std::string prefix = file + ": "; diagnostic.message.starts_with(prefix)) {
    diagnostic.message.erase(0, prefix.size());
  }
  diagnostic.hint = std::move(hint);
  if (error.code() == ErrorCode::permission_denied) {
    diagnostic.hint = "run chiron as a user who may read it, or change the file's owner or mode";
  }
  diagnostic.file = file;
  return diagnostic;
}

void check_environment(const std::vector<std::string>& names, DiagnosticSink& sink) {
  constexpr std::string_view kPrefix = "CHIRON_";
  std::vector<std::string> known;
  for (const Setting& setting : all_settings()) {
    known.push_back(setting.environment_name().substr(kPrefix.size()));
  }
  for (const std::string& name : names) {
    if (!name.starts_with(kPrefix)) continue;
    const std::string word = name.substr(kPrefix.size());
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    const std::string near = closest(word, {known.begin(), known.end()});
    if (near.empty()) continue;
    Diagnostic diagnostic;
    diagnostic.severity = Severity::warning;
    diagnostic.code = "unknown-variable";
    diagnostic.message = "no setting is called that, so it does nothing";
    diagnostic.hint = "did you mean CHIRON_" + near + "?";
    diagnostic.file = "environment " + name;
    sink.add(std::move(diagnostic));
  }
}

std::vector<std::string> process_environment_names() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

}  // namespace chiron::agent
