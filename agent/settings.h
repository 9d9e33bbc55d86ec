#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/diagnostics.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::agent {

/// `path` is not empty; `addresses` are HOST:PORT or :PORT, several of them as with `list`; `features` are
/// names of PromQL's.
enum class SettingKind {
  text,
  flag,
  duration,
  bytes,
  list,
  pattern,
  choice,
  path,
  addresses,
  count,
  features
};

/// One scalar setting, by all the names it goes by: --OPTION, CHIRON_OPTION in the environment, and its key
/// in the file. What is structured (probes, services, remedies, ...) is in the file only: see config.h.
struct Setting {
  std::string option;  ///< storage.path
  std::string key;     ///< dotted path in the file: storage.path, collectors.filesystem.mount-points-exclude
  SettingKind kind = SettingKind::text;
  std::string default_value;
  std::string help;
  std::string choices;  ///< of SettingKind::choice, separated by |; of count: the least and the most,
                        ///< LEAST|MOST; of duration: "0" where that is one

  std::string environment_name() const;
  /// Whether it has any number of values.
  bool is_list() const {
    return kind == SettingKind::list || kind == SettingKind::addresses || kind == SettingKind::features;
  }
};

/// All of them; those of the collectors are made from the table of collectors.
const std::vector<Setting>& all_settings();
const Setting* find_setting(std::string_view option);

/// A value and where it came from: "option --x", "environment CHIRON_X", "FILE:LINE:COL", "default".
struct SettingValue {
  std::vector<std::string> values;
  std::string source = "default";
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The resolved settings: option over environment over file over default.
class Settings {
 public:
  Settings();

  /// A value a person gave; checked against the kind. The diagnostic's file is the source.
  void set(const Setting& setting, std::vector<std::string> values, std::string source, Position where,
           DiagnosticSink& sink);
  void read_environment(const Environment& environment, DiagnosticSink& sink);
  /// One value, and where it came from, as the others have it.
  void take(std::string_view option, const Settings& others);

  /// Once everything is set: collector.disable-defaults turns off the collectors that nobody named.
  void disable_default_collectors();
  /// Of each collector that is on: a mistake where what is to be in is told as well as what is to be out.
  void check_collectors(DiagnosticSink& sink) const;

  const std::string& text(std::string_view option) const;
  const std::vector<std::string>& list(std::string_view option) const;
  bool flag(std::string_view option) const;
  Duration duration(std::string_view option) const;
  std::size_t bytes(std::string_view option) const;
  std::size_t count(std::string_view option) const;
  const SettingValue& value(std::string_view option) const;

 private:
  std::map<std::string, SettingValue, std::less<>> values_;
};

}  // namespace chiron::agent
