#pragma once

#include "exporter/base/file.h"
#include "exporter/base/host_changes.h"
#include "exporter/collectors/attribute_series.h"
#include "exporter/collectors/collector.h"
#include "exporter/collectors/name_filter.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// The names in a directory of devices, listed once a generation through a kept descriptor. (sysfs keeps no
/// reliable time of change of a directory.)
class DirectoryNames {
 public:
  DirectoryNames(std::string path, const HostChanges& changes) : path_(std::move(path)), changes_(changes) {}
  /// Whether the names are others than before.
  bool refresh();
  /// Why it cannot be listed, or null; no_data: it is not there. Tried again in the next generation, or at
  /// once for any other reason.
  const Error* error() const { return error_ ? &*error_ : nullptr; }
  /// The next refresh() lists in any case.
  void look_again() { listed_in_ = 0; }
  /// Sorted; empty after an error.
  const std::vector<std::string>& names() const { return names_; }
  const std::string& path() const { return path_; }

 private:
  Status list();
  void forget();

  const std::string path_;
  const HostChanges& changes_;
  std::uint64_t listed_in_ = 0;
  std::optional<Error> error_;
  FileDescriptor fd_;
  std::vector<char> buffer_;
  std::string raw_, last_;  // names in the kernel's order, each ended by NUL
  std::vector<std::string> names_;
};

/// A collector of the devices of one sysfs directory. They are looked for when the host's devices change,
/// when a file of one vanishes, and once a minute for what changes below; in between their files are only
/// read. No directory, or no device: no_data.
class DeviceCollector : public Collector {
 public:
  struct Options {
    /// A driver that may take its time to answer (firmware, a slow bus): then the collector gets a thread of
    /// its own, but for a machine that does not have the directory when the collector is made.
    bool slow = false;
    AttributeSeries::Unreadable unreadable = AttributeSeries::Unreadable::problem;
  };
  bool can_hang() const final { return can_hang_; }
  /// Not while it has no device: looking for one asks no driver.
  bool can_hang_now() final;
  Status collect(Frame& frame) final;
  /// As a part of another collector: an error when no device could be looked at, no_data when there is none.
  Status collect(Frame& frame, Problems& problems);

 protected:
  /// `directory` below sysfs.
  DeviceCollector(const CollectorContext& context, std::string_view directory, Options options);
  /// Adds the series of the devices. `directory` is where their names are.
  virtual void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
                    Problems& problems) = 0;
  /// Adds what files do not tell, in every pass; false: the devices must be looked for again.
  virtual bool collect_more(Frame& /*frame*/, Problems& /*problems*/) { return true; }
  Catalogue& catalogue() const { return catalogue_; }

 private:
  void look();

  Catalogue& catalogue_;
  DirectoryNames names_;
  const Error no_device_;
  const bool can_hang_;
  AttributeSeries series_;
  RareLook rare_look_;
  bool looked_ = false;  // for the next collect(), and so is the next
  bool search_ = false;  // the devices are to be looked for
  bool lost_ = false;
  Problems found_;  // of the last search
};

/// A class of devices whose files are its series.
struct DeviceTable {
  std::string_view prefix;               ///< with which their names begin; not part of the label
  std::string_view label;                ///< that has the name
  std::span<const TextAttribute> texts;  ///< read once, and labels of every number
  std::span<const NumberAttribute> numbers;
  std::string_view info;  ///< a family with the texts below as labels; empty: none
  std::string_view info_help;
  std::span<const TextAttribute> info_texts;
};

/// A collector of nothing but such tables, all for the devices of one directory.
std::unique_ptr<Collector> make_device_collector(const CollectorContext& context, std::string_view directory,
                                                 std::span<const DeviceTable> tables,
                                                 DeviceCollector::Options options,
                                                 std::optional<Pattern> ignored = std::nullopt);

/// The option `name`, a regular expression of devices to leave out; none when it is empty.
Result<std::optional<Pattern>> ignored_devices(const CollectorContext& context, std::string_view name);

/// What follows `prefix` in the name of a device, when that is a number: "thermal_zone" of "thermal_zone12".
std::optional<std::string_view> device_number(std::string_view name, std::string_view prefix);

}  // namespace chiron
