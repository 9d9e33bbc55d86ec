#include "exporter/collectors/arp.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/name_filter.h"

#include <string>
#include <vector>

namespace chiron {
namespace {

class ArpCollector final : public Collector {
 public:
  ArpCollector(const CollectorContext& context, NameFilter filter)
      : catalogue_(context.catalogue),
        filter_(std::move(filter)),
        family_(context.catalogue.declare("node_arp_entries", "Entries of the ARP table, per device.",
                                          MetricType::gauge)),
        file_(context.paths.proc("net/arp"), KernelFile::Records::brief) {}

  Status collect(Frame& frame) override {
    for (Device& device : devices_) device.entries = 0;
    const Status status = read(frame);
    std::erase_if(devices_, [](const Device& device) { return device.entries == 0; });
    for (const Device& device : devices_) {
      if (device.series) frame.add(*device.series, device.entries);
    }
    return status;
  }

 private:
  struct Device {
    std::string name;
    std::optional<SeriesId> series;  // none: not wanted
    double entries = 0;
  };

  Status read(Frame& frame) {
    const Result<std::string_view> text = file_.read();
    if (!text) return unless_absent(text.error(), file_.path());
    Problems problems;
    KernelLines lines(*text, file_.path(), problems);
    std::string_view line;
    if (!lines.next(line)) {
      if (problems.empty()) problems.corrupt(file_.path(), 1, "expected a line of headings", *text);
    } else if (!line.starts_with("IP address")) {
      lines.bad("expected a line of headings", line);
    }
    while (lines.next(line)) count(line, lines);
    return problems.report(frame);
  }

  /// "192.0.2.1  0x1  0x2  02:fc:00:00:00:05  *  eth0"
  void count(std::string_view line, KernelLines& lines) {
    const std::string_view whole = line;
    std::string_view word, more;
    std::size_t words = 0;
    while (words < 6 && next_word(line, word)) ++words;
    if (words < 6 || next_word(line, more)) {
      lines.bad("expected 'ADDRESS TYPE FLAGS HARDWARE-ADDRESS MASK DEVICE'", whole);
      return;
    }
    device(word).entries += 1;
  }

  /// Few devices have neighbours: a search beats a table.
  Device& device(std::string_view name) {
    for (Device& device : devices_) {
      if (device.name == name) return device;
    }
    Device device{std::string(name), {}};
    if (filter_.accepts(name)) device.series = catalogue_.series(family_, Labels{{"device", device.name}});
    return devices_.emplace_back(std::move(device));
  }

  Catalogue& catalogue_;
  const NameFilter filter_;
  const FamilyId family_;
  KernelFile file_;
  std::vector<Device> devices_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_arp_collector(CollectorContext context) {
  Result<NameFilter> filter = NameFilter::make(context.options, "device-include", "device-exclude", "");
  if (!filter) return std::move(filter).error();
  return std::unique_ptr<Collector>(new ArpCollector(context, std::move(*filter)));
}

}  // namespace chiron
