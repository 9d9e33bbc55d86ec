#include "exporter/collectors/netdev.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/attribute_series.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/name_filter.h"
#include "exporter/collectors/net_counters.h"
#include "exporter/collectors/series_map.h"

#include <array>
#include <optional>

#include <unistd.h>

namespace chiron {
namespace {

struct Column {
  std::string_view family;
  std::string_view help;
};
/// In the order of NetColumn.
constexpr std::array kColumns = {
    Column{"node_network_receive_bytes_total", "Bytes received."},
    Column{"node_network_receive_packets_total", "Packets received."},
    Column{"node_network_receive_errs_total", "Packets received with an error."},
    Column{"node_network_receive_drop_total", "Received packets dropped, missed ones included."},
    Column{"node_network_receive_fifo_total", "Receive errors because a buffer overflowed."},
    Column{"node_network_receive_frame_total",
           "Received packets with a length, alignment or checksum error."},
    Column{"node_network_receive_compressed_total", "Compressed packets received."},
    Column{"node_network_receive_multicast_total", "Multicast packets received."},
    Column{"node_network_transmit_bytes_total", "Bytes sent."},
    Column{"node_network_transmit_packets_total", "Packets sent."},
    Column{"node_network_transmit_errs_total", "Packets that failed to be sent."},
    Column{"node_network_transmit_drop_total", "Packets dropped on the way out."},
    Column{"node_network_transmit_fifo_total", "Send errors because a buffer ran empty."},
    Column{"node_network_transmit_colls_total", "Collisions while sending."},
    Column{"node_network_transmit_carrier_total",
           "Packets lost because the carrier was, or the window was late."},
    Column{"node_network_transmit_compressed_total", "Compressed packets sent."},
};

static_assert(kColumns.size() == kNetColumns);

/// Open at most, so that a host of many containers does not run out of descriptors.
constexpr std::size_t kMostKept = 128;

class NetdevCollector final : public Collector {
 public:
  NetdevCollector(const CollectorContext& context, NameFilter filter)
      : catalogue_(context.catalogue),
        filter_(std::move(filter)),
        file_(context.paths.proc("net/dev"), KernelFile::Records::brief),
        devices_directory_(context.paths.sys("class/net") + '/'),
        nohandler_(catalogue_.declare("node_network_receive_nohandler_total",
                                      "Packets received by an idle device, such as a bond's waiting slave.",
                                      MetricType::counter)) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      families_[i] = catalogue_.declare(kColumns[i].family, kColumns[i].help, MetricType::counter);
    }
  }

  Status collect(Frame& frame) override {
    Problems problems;
    devices_.begin_pass();
    if (const Result<std::string_view> text = file_.read(); text) {
      KernelLines lines(*text, file_.path(), problems);
      std::string_view line;
      // Two lines of headings, told by their bars: no device name holds one before its colon.
      std::size_t headings = 0;
      while (lines.next(line)) {
        if (headings < 2 && line.find('|') != std::string_view::npos) {
          ++headings;
        } else {
          report(line, lines, frame, problems);
        }
      }
      if (headings < 2) problems.corrupt(file_.path(), 1, "expected two lines of headings", *text);
    } else {
      problems.add(text.error());
    }
    devices_.end_pass();
    return problems.report(frame);
  }

 private:
  struct Device {
    bool wanted = false;
    std::array<SeriesId, kColumns.size()> series{};
    /// What net/dev has no column for; none: the device or the kernel does not count it.
    std::optional<AttributeFile> nohandler_file;
    std::optional<SeriesId> nohandler;
  };

  void report(std::string_view line, KernelLines& lines, Frame& frame, Problems& problems) {
    const NetCounters counters = parse_net_counters(line);
    if (counters.device.empty()) {
      lines.bad("expected 'DEVICE: COUNTERS'", line);
      return;
    }
    if (!counters.values) {
      lines.bad("expected sixteen counters", line);
      return;
    }
    Device& device = devices_.at(counters.device, [&] { return make_device(counters.device); });
    if (!device.wanted) return;
    for (std::size_t i = 0; i < kNetColumns; ++i) {
      frame.add(device.series[i], static_cast<double>((*counters.values)[i]));
    }
    report_nohandler(device, counters.device, frame, problems);
  }

  void report_nohandler(Device& device, std::string_view name, Frame& frame, Problems& problems) {
    if (!device.nohandler_file) return;
    const Result<std::string_view> text = device.nohandler_file->read();
    const std::optional<double> value = text ? parse_attribute(*text) : std::nullopt;
    if (text && !value) problems.corrupt(device.nohandler_file->path(), 1, "expected a number", *text);
    // A device that goes while it is read is in net/dev and no longer in sysfs.
    if (!text && text.error().code() != ErrorCode::not_found) problems.add(text.error());
    if (!value) {
      device.nohandler.reset();
      return;
    }
    if (!device.nohandler)
      device.nohandler = catalogue_.series(nohandler_, Labels{{"device", std::string(name)}});
    frame.add(*device.nohandler, *value);
  }

  Device make_device(std::string_view name) const {
    Device device;
    device.wanted = filter_.accepts(name);
    if (!device.wanted) return device;
    const Labels labels{{"device", std::string(name)}};
    for (std::size_t i = 0; i < families_.size(); ++i)
      device.series[i] = catalogue_.series(families_[i], labels);
    std::string path = devices_directory_ + std::string(name) + "/statistics/rx_nohandler";
    if (is_network_device(name) && ::access(path.c_str(), F_OK) == 0)
      device.nohandler_file.emplace(std::move(path), devices_.size() < kMostKept);
    return device;
  }

  Catalogue& catalogue_;
  const NameFilter filter_;
  KernelFile file_;
  const std::string devices_directory_;
  const FamilyId nohandler_;
  std::array<FamilyId, kColumns.size()> families_{};
  SeriesMap<Device> devices_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_netdev_collector(CollectorContext context) {
  Result<NameFilter> filter = NameFilter::make(context.options, "device-include", "device-exclude", "");
  if (!filter) return std::move(filter).error();
  return std::unique_ptr<Collector>(new NetdevCollector(context, std::move(*filter)));
}

}  // namespace chiron
