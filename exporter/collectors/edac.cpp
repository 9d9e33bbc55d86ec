#include "exporter/collectors/edac.h"

#include "exporter/collectors/device_collector.h"

namespace chiron {
namespace {

constexpr NumberAttribute counter(std::string_view file, std::string_view family, std::string_view help) {
  return {file, family, help, 1, MetricType::counter};
}

constexpr std::string_view kCorrectedOfRow = "node_edac_csrow_correctable_errors_total";
constexpr std::string_view kUncorrectedOfRow = "node_edac_csrow_uncorrectable_errors_total";
constexpr std::string_view kCorrectedOfRowHelp = "Memory errors of a row of chips that were corrected.";
constexpr std::string_view kUncorrectedOfRowHelp = "Memory errors of a row of chips that were not corrected.";

constexpr NumberAttribute kController[] = {
    counter("ce_count", "node_edac_correctable_errors_total", "Memory errors that were corrected."),
    counter("ue_count", "node_edac_uncorrectable_errors_total", "Memory errors that were not corrected."),
};
/// Errors whose row is not known.
constexpr NumberAttribute kNoRow[] = {
    counter("ce_noinfo_count", kCorrectedOfRow, kCorrectedOfRowHelp),
    counter("ue_noinfo_count", kUncorrectedOfRow, kUncorrectedOfRowHelp),
};
constexpr NumberAttribute kRow[] = {
    counter("ce_count", kCorrectedOfRow, kCorrectedOfRowHelp),
    counter("ue_count", kUncorrectedOfRow, kUncorrectedOfRowHelp),
};

std::string without(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

/// "mc#0csrow#1channel#0" becomes mc0_csrow1_channel0, as node_exporter has it.
std::string dimm_label(const std::string& path) {
  std::string text = read_attribute(path);
  if (text.empty()) return "unknown";
  return without(without(without(std::move(text), "#", ""), "csrow", "_csrow"), "channel", "_channel");
}

class EdacCollector final : public DeviceCollector {
 public:
  explicit EdacCollector(const CollectorContext& context)
      : DeviceCollector(context, "devices/system/edac/mc", {}) {}

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& problems) override {
    for (const std::string& name : names) {
      const std::optional<std::string_view> controller = device_number(name, "mc");
      if (!controller) continue;
      const std::string path = directory + '/' + name;
      const Labels labels{{"controller", std::string(*controller)}};
      for (const NumberAttribute& number : kController) series.add_number(path, number, labels);
      Labels no_row = labels;
      no_row.set("csrow", "unknown");
      for (const NumberAttribute& number : kNoRow) series.add_number(path, number, no_row);
      find_rows(path, labels, series, problems);
    }
  }

  static void find_rows(const std::string& controller, const Labels& labels, AttributeSeries& series,
                        Problems& problems) {
    const Result<std::vector<std::string>> names = list_directory(controller);
    if (!names) return problems.add(names.error());
    for (const std::string& name : *names) {
      const std::optional<std::string_view> row = device_number(name, "csrow");
      if (!row) continue;
      const std::string path = controller + '/' + name;
      Labels of_row = labels;
      of_row.set("csrow", *row);
      for (const NumberAttribute& number : kRow) series.add_number(path, number, of_row);
      find_channels(path, of_row, series, problems);
    }
  }

  static void find_channels(const std::string& row, const Labels& labels, AttributeSeries& series,
                            Problems& problems) {
    constexpr std::string_view kSuffix = "_ce_count";
    const Result<std::vector<std::string>> names = list_directory(row);
    if (!names) return problems.add(names.error());
    for (const std::string& name : *names) {
      if (!name.ends_with(kSuffix)) continue;
      const std::string prefix = name.substr(0, name.size() - kSuffix.size());
      const std::optional<std::string_view> channel = device_number(prefix, "ch");
      if (!channel) continue;
      Labels of_channel = labels;
      of_channel.set("channel", *channel);
      of_channel.set("dimm_label", dimm_label(row + '/' + prefix + "_dimm_label"));
      series.add_number(row,
                        counter(name, "node_edac_channel_correctable_errors_total",
                                "Memory errors of a memory channel that were corrected."),
                        of_channel);
      const std::string uncorrected = prefix + "_ue_count";
      series.add_number(row,
                        counter(uncorrected, "node_edac_channel_uncorrectable_errors_total",
                                "Memory errors of a memory channel that were not corrected."),
                        of_channel);
    }
  }
};

}  // namespace

Result<std::unique_ptr<Collector>> make_edac_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new EdacCollector(context));
}

}  // namespace chiron
