#include "exporter/collectors/diskstats.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/disk_properties.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/name_filter.h"
#include "exporter/collectors/series_map.h"

#include <array>
#include <vector>

namespace chiron {
namespace {

struct Column {
  std::string_view family;
  std::string_view help;
  double unit = 1;  ///< the kernel's number times this
  MetricType type = MetricType::counter;
};
/// Sectors are 512 bytes here whatever the device's own.
constexpr double kSector = 512;
/// The columns after the device name; kernels before 4.18 end after eleven, before 5.5 after fifteen.
/// Milliseconds are divided rather than multiplied, so unit is negative where the number is to be divided by
/// it.
constexpr double kMilliseconds = -1000;
constexpr std::array kColumns = {
    Column{"node_disk_reads_completed_total", "Reads completed."},
    Column{"node_disk_reads_merged_total", "Reads merged with a neighbour before they were issued."},
    Column{"node_disk_read_bytes_total", "Bytes read.", kSector},
    Column{"node_disk_read_time_seconds_total", "Seconds that all reads took, added up.", kMilliseconds},
    Column{"node_disk_writes_completed_total", "Writes completed."},
    Column{"node_disk_writes_merged_total", "Writes merged with a neighbour before they were issued."},
    Column{"node_disk_written_bytes_total", "Bytes written.", kSector},
    Column{"node_disk_write_time_seconds_total", "Seconds that all writes took, added up.", kMilliseconds},
    Column{"node_disk_io_now", "Requests in flight.", 1, MetricType::gauge},
    Column{"node_disk_io_time_seconds_total", "Seconds in which at least one request was in flight.",
           kMilliseconds},
    Column{"node_disk_io_time_weighted_seconds_total", "Seconds that all requests were in flight, added up.",
           kMilliseconds},
    Column{"node_disk_discards_completed_total", "Discards completed."},
    Column{"node_disk_discards_merged_total", "Discards merged with a neighbour before they were issued."},
    Column{"node_disk_discarded_sectors_total", "Sectors of 512 bytes discarded."},
    Column{"node_disk_discard_time_seconds_total", "Seconds that all discards took, added up.",
           kMilliseconds},
    Column{"node_disk_flush_requests_total", "Flushes completed."},
    Column{"node_disk_flush_requests_time_seconds_total", "Seconds that all flushes took, added up.",
           kMilliseconds},
};
constexpr std::size_t kFewestColumns = 11;

class DiskstatsCollector final : public Collector {
 public:
  DiskstatsCollector(const CollectorContext& context, NameFilter filter)
      : paths_(context.paths),
        catalogue_(context.catalogue),
        filter_(std::move(filter)),
        properties_(context.catalogue),
        file_(context.paths.proc("diskstats"), KernelFile::Records::brief),
        rare_look_(context.clock) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      families_[i] = catalogue_.declare(kColumns[i].family, kColumns[i].help, kColumns[i].type);
    }
  }

  Status collect(Frame& frame) override {
    Problems problems;
    devices_.begin_pass();
    properties_due_ = rare_look_.due();
    if (properties_due_) rare_look_.done();
    if (const Result<std::string_view> text = file_.read(); text) {
      KernelLines lines(*text, file_.path(), problems);
      std::string_view line;
      while (lines.next(line)) report(line, lines, frame);
    } else {
      problems.add(text.error());
    }
    devices_.end_pass();
    return problems.report(frame);
  }

 private:
  struct Device {
    bool wanted = false;
    std::vector<SeriesId> series;  // as many as the kernel has columns
    std::vector<FrameEntry> properties;
  };

  void report(std::string_view line, KernelLines& lines, Frame& frame) {
    const std::string_view whole = line;
    std::string_view major, minor, name;
    if (!next_word(line, major) || !next_word(line, minor) || !next_word(line, name) ||
        !parse_int<unsigned>(major) || !parse_int<unsigned>(minor)) {
      lines.bad("expected 'MAJOR MINOR DEVICE COUNTERS'", whole);
      return;
    }
    Device& device = devices_.at(name, [&] { return Device{filter_.accepts(name), {}, {}}; });
    if (!device.wanted) return;
    std::array<double, kColumns.size()> values{};
    std::size_t count = 0;
    while (count < values.size()) {
      std::string_view word;
      if (!next_word(line, word)) break;
      const std::optional<std::uint64_t> number = parse_int<std::uint64_t>(word);
      if (!number) {
        lines.bad("expected a counter", word);
        return;
      }
      values[count++] = static_cast<double>(*number);
    }
    if (count < kFewestColumns) {
      lines.bad("expected eleven counters or more", whole);
      return;
    }
    if (device.series.size() != count) resolve(device, name, count);
    for (std::size_t i = 0; i < count; ++i) {
      const double unit = kColumns[i].unit;
      frame.add(device.series[i], unit < 0 ? values[i] / -unit : values[i] * unit);
    }
    if (device.properties.empty() || properties_due_) {
      device.properties =
          properties_.read(paths_, {std::string(name), std::string(major), std::string(minor)});
    }
    for (const FrameEntry& entry : device.properties) frame.add(entry.id, entry.value);
  }

  void resolve(Device& device, std::string_view name, std::size_t count) const {
    const Labels labels{{"device", std::string(name)}};
    device.series.clear();
    for (std::size_t i = 0; i < count; ++i) device.series.push_back(catalogue_.series(families_[i], labels));
  }

  const HostPaths& paths_;
  Catalogue& catalogue_;
  const NameFilter filter_;
  const DiskProperties properties_;
  KernelFile file_;
  std::array<FamilyId, kColumns.size()> families_{};
  SeriesMap<Device> devices_;
  RareLook rare_look_;  // udev's database and sysfs change when a disk is formatted or renamed: rarely
  bool properties_due_ = false;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_diskstats_collector(CollectorContext context) {
  Result<NameFilter> filter =
      NameFilter::make(context.options, "device-include", "device-exclude", kDiskDeviceExclude);
  if (!filter) return std::move(filter).error();
  return std::unique_ptr<Collector>(new DiskstatsCollector(context, std::move(*filter)));
}

}  // namespace chiron
