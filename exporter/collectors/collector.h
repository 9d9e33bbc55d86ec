#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/pass_files.h"
#include "exporter/base/result.h"
#include "exporter/base/systemd.h"
#include "exporter/collectors/probe_spec.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

class EventLog;

/// Values of a collector's options, by name without the --collector.NAME. prefix; defaults filled in.
class CollectorOptions {
 public:
  /// "" when the collector declares no such option.
  std::string_view get(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;  ///< repeatable options: one value each
  /// Whether a boolean option is on; false when it is not declared.
  bool flag(std::string_view name) const;
  /// Replaces all values of an option; none: the option is as if it were not declared.
  void set(std::string name, std::vector<std::string> values);

 private:
  struct Value {
    std::string name;
    std::vector<std::string> values;
  };
  std::vector<Value> values_;
};

/// What a collector is given; all of it outlives the collector.
struct CollectorContext {
  const HostPaths& paths;
  const Clock& clock;
  Catalogue& catalogue;
  EventLog& log;
  PassFiles& files;  ///< to read, for a collector that cannot hang; changes(), for all
  CollectorOptions options;
  BusAddress bus;
  std::vector<std::string> watched_services;  ///< unit names: services: in the configuration file
  std::vector<ProbeSpec> probes;
  /// Per call: how long a collector may wait for a server or mount before it gives up on it for this pass.
  Duration deadline = std::chrono::seconds(2);
};

/// Reads one kernel or service interface. Constructed once; declares its families in the constructor, keeps
/// series handles between passes. collect() is called by one thread at a time, but not always the same one.
/// It appends the values of this instant to `frame`. A handle that is not written for as long as the history
/// reaches back may be forgotten by the catalogue: after a pass without its series (the file was unreadable,
/// the device failed) resolve it again. An error with ErrorCode::no_data means that there is normally nothing
/// to report here; any other error is a failure: node_scrape_collector_success 0, and each fault of the
/// frame, or the error where the frame has none, logged once and counted. What was appended before an error
/// is used. The framework measures the duration, bounds the frame and catches exceptions.
class Collector {
 public:
  virtual ~Collector() = default;
  /// Whether collect() may wait for something that can hang (a bus, an engine, a directory that may be on a
  /// dead mount): it then has a thread of its own, and a pass takes what is there when the rest is done. The
  /// same for the collector's life.
  virtual bool can_hang() const { return false; }
  /// Asked before a collect(), by the same rules: whether that one may wait so. Where not, a collector that
  /// can hang is called like one that cannot, which saves waking its thread.
  virtual bool can_hang_now() { return can_hang(); }
  virtual Status collect(Frame& frame) = 0;
};

/// One option of a collector: --collector.NAME.OPTION and collectors.NAME.OPTION in the configuration file.
struct CollectorOption {
  std::string_view name;
  /// NAME on the command line, where node_exporter's is not the collector's name.
  std::string_view flag_prefix = {};
  std::string_view default_value;
  std::string_view help;
  bool is_flag = false;      ///< boolean, default_value "true" or "false"
  bool is_pattern = false;   ///< checked to be a regular expression when the configuration is read
  bool is_duration = false;  ///< checked to be one, of 100 ms or more
  bool zero_is_off = false;  ///< of a duration: 0 is one, too
  bool repeatable = false;
};

/// Every option at its default.
CollectorOptions default_options(std::span<const CollectorOption> options);

/// A row of the table of collectors.
struct CollectorInfo {
  std::string_view name;
  std::string_view help;
  bool on_by_default;
  std::span<const CollectorOption> options;
  Result<std::unique_ptr<Collector>> (*make)(CollectorContext context);
};

/// The option's name on the command line: collector.NAME.OPTION.
std::string flag_of(const CollectorInfo& info, const CollectorOption& option);

/// Every collector there is, in the order they run. A new one is one row in table.cpp.
std::span<const CollectorInfo> all_collectors();
const CollectorInfo* find_collector(std::string_view name);

}  // namespace chiron
