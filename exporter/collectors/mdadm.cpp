#include "exporter/collectors/mdadm.h"

#include "exporter/base/file.h"
#include "exporter/collectors/device_collector.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/mdstat.h"
#include "exporter/collectors/series_map.h"

#include <array>

#include <unistd.h>

namespace chiron {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"active", "inactive", "recovering", "resync", "check"};
constexpr std::array<std::string_view, 3> kDisks = {"active", "failed", "spare"};
constexpr NumberAttribute kRaidDisks{"raid_disks", "node_md_raid_disks", "Disks of a complete array."};
constexpr NumberAttribute kDegraded{"degraded", "node_md_degraded", "Disks that the array misses."};

/// What sysfs has of the arrays.
class MdDevices final : public DeviceCollector {
 public:
  explicit MdDevices(const CollectorContext& context) : DeviceCollector(context, "block", {}) {}

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& /*problems*/) override {
    for (const std::string& name : names) {
      const std::string path = directory + '/' + name + "/md";
      if (!name.starts_with("md") || ::access(path.c_str(), F_OK) != 0) continue;
      const Labels labels{{"device", name}};
      const std::string level = read_attribute(path + "/level");
      // A container of metadata has no disks of its own.
      if (!level.empty() && level != "container" && level != "imsm" && level != "ddf")
        series.add_number(path, kRaidDisks, labels);
      // Without redundancy nothing can be missing.
      if (::access((path + "/degraded").c_str(), F_OK) == 0) {
        series.add_number(path, kDegraded, labels);
      } else {
        series.add_constant(catalogue().declare(kDegraded.family, kDegraded.help, MetricType::gauge), labels,
                            0);
      }
    }
  }
};

class MdadmCollector final : public Collector {
 public:
  explicit MdadmCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        file_(context.paths.proc("mdstat"), context.files.changes()),
        devices_(context) {}

  Status collect(Frame& frame) override {
    const Result<std::string_view> text = file_.read();
    arrays_.clear();
    Problems problems;
    if (text) parse_mdstat(*text, file_.path(), arrays_, problems);
    series_.begin_pass();
    for (const MdArray& array : arrays_)
      report(array, series_.at(array.name, [&] { return make(array.name); }), frame);
    series_.end_pass();
    if (!text) return unless_absent(text.error(), file_.path());
    const Status devices = devices_.collect(frame, problems);
    if (!devices && devices.error().code() != ErrorCode::no_data) problems.add(devices.error());
    return problems.report(frame);
  }

 private:
  struct Series {
    SeriesId required, blocks, synced;
    std::array<SeriesId, kDisks.size()> disks;
    std::array<SeriesId, kStates.size()> states;
  };

  SeriesId series(std::string_view family, std::string_view help, const Labels& labels) const {
    return catalogue_.series(catalogue_.declare(family, help, MetricType::gauge), labels);
  }

  Series make(std::string_view name) const {
    Labels labels{{"device", std::string(name)}};
    Series made{};
    made.required = series("node_md_disks_required", "Disks that the array needs.", labels);
    made.blocks = series("node_md_blocks", "Blocks of 1 KiB of the array.", labels);
    made.synced = series("node_md_blocks_synced", "Blocks of 1 KiB that are synchronised.", labels);
    for (std::size_t i = 0; i < kDisks.size(); ++i) {
      labels.set("state", kDisks[i]);
      made.disks[i] = series("node_md_disks", "Disks of the array per state.", labels);
    }
    for (std::size_t i = 0; i < kStates.size(); ++i) {
      labels.set("state", kStates[i]);
      made.states[i] = series("node_md_state", "1 for the state that the array is in.", labels);
    }
    return made;
  }

  static void report(const MdArray& array, const Series& ids, Frame& frame) {
    frame.add(ids.required, static_cast<double>(array.required));
    frame.add(ids.blocks, static_cast<double>(array.blocks));
    frame.add(ids.synced, static_cast<double>(array.synced));
    frame.add(ids.disks[0], static_cast<double>(array.active));
    frame.add(ids.disks[1], static_cast<double>(array.failed));
    frame.add(ids.disks[2], static_cast<double>(array.spare));
    for (std::size_t i = 0; i < kStates.size(); ++i)
      frame.add(ids.states[i], static_cast<std::size_t>(array.state) == i ? 1 : 0);
  }

  Catalogue& catalogue_;
  OptionalKernelFile file_;
  MdDevices devices_;
  std::vector<MdArray> arrays_;
  SeriesMap<Series> series_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_mdadm_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new MdadmCollector(context));
}

}  // namespace chiron
