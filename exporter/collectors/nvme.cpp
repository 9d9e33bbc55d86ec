#include "exporter/collectors/nvme.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/device_collector.h"

namespace chiron {
namespace {

constexpr TextAttribute kController[] = {
    {"firmware_rev", "firmware_revision"},
    {"model", "model"},
    {"serial", "serial"},
    {"state", "state"},
    {"cntlid", "cntlid"},
};
constexpr TextAttribute kNamespace[] = {{"ana_state", "ana_state"}};

/// NSID of "nvme0n1"; of one of several paths, "nvme0c0n1", too.
std::optional<std::string_view> namespace_of(std::string_view name, std::string_view controller) {
  if (!name.starts_with(controller)) return std::nullopt;
  name.remove_prefix(controller.size());
  if (name.starts_with('c')) name.remove_prefix(std::min(name.find('n'), name.size()));
  return device_number(name, "n");
}

class NvmeCollector final : public DeviceCollector {
 public:
  // Since Linux 6.8 nuse asks the device.
  explicit NvmeCollector(const CollectorContext& context)
      : DeviceCollector(context, "class/nvme", {.slow = true}) {}

 private:
  FamilyId gauge(std::string_view name, std::string_view help) const {
    return catalogue().declare(name, help, MetricType::gauge);
  }

  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& problems) override {
    for (const std::string& name : names) {
      const std::string path = directory + '/' + name;
      const FamilyId info = gauge("node_nvme_info", "Identity and state of an NVMe controller; always 1.");
      series.add_info(info, path, kController, {{"device", name}});
      const Result<std::vector<std::string>> below = list_directory(path);
      if (!below) {
        problems.add(below.error());
        continue;
      }
      for (const std::string& entry : *below) {
        if (const auto nsid = namespace_of(entry, name))
          add_namespace(path + '/' + entry, {{"device", name}, {"nsid", std::string(*nsid)}}, series,
                        problems);
      }
    }
  }

  void add_namespace(const std::string& path, const Labels& labels, AttributeSeries& series,
                     Problems& problems) const {
    const std::optional<double> size = read_number_attribute(path + "/queue/logical_block_size", problems);
    Labels with_state = labels;
    if (read_attribute(path + "/ana_state").empty()) with_state.set("ana_state", "unknown");
    series.add_info(gauge("node_nvme_namespace_info", "State of an NVMe namespace; always 1."), path,
                    kNamespace, with_state);
    if (!size) return;
    series.add_constant(gauge("node_nvme_namespace_logical_block_size_bytes", "Bytes of a logical block."),
                        labels, *size);
    series.add_number(
        path, {"size", "node_nvme_namespace_capacity_bytes", "Bytes that the namespace can hold.", *size},
        labels);
    series.add_number(path, {"size", "node_nvme_namespace_size_bytes", "Bytes of the namespace.", *size},
                      labels);
    series.add_number(
        path, {"nuse", "node_nvme_namespace_used_bytes", "Bytes of the namespace in use.", *size}, labels);
  }
};

}  // namespace

Result<std::unique_ptr<Collector>> make_nvme_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new NvmeCollector(context));
}

}  // namespace chiron
