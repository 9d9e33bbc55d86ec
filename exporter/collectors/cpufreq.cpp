#include "exporter/collectors/cpufreq.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/cpu_info.h"
#include "exporter/collectors/device_collector.h"

#include <algorithm>

#include <unistd.h>

namespace chiron {
namespace {

/// The kernel counts in kHz.
constexpr double kKilo = 1000;
constexpr NumberAttribute kNumbers[] = {
    {"cpuinfo_cur_freq", "node_cpu_frequency_hertz", "Frequency of a CPU, as the hardware tells it.", kKilo},
    {"cpuinfo_avg_freq", "node_cpu_frequency_avg_hertz", "Average frequency of a CPU.", kKilo},
    {"cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "Lowest frequency of a CPU.", kKilo},
    {"cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "Highest frequency of a CPU.", kKilo},
    {"scaling_cur_freq", "node_cpu_scaling_frequency_hertz", "Frequency that a CPU was set to.", kKilo},
    {"scaling_min_freq", "node_cpu_scaling_frequency_min_hertz", "Lowest frequency that is allowed.", kKilo},
    {"scaling_max_freq", "node_cpu_scaling_frequency_max_hertz", "Highest frequency that is allowed.", kKilo},
};

class CpufreqCollector final : public DeviceCollector {
 public:
  // Kernels before 5.18 wait 20 ms for the frequency of an idle x86 CPU.
  explicit CpufreqCollector(const CollectorContext& context)
      : DeviceCollector(context, "devices/system/cpu", {.slow = scales(context)}) {}

 private:
  static bool scales(const CollectorContext& context) {
    return ::access(context.paths.sys("devices/system/cpu/cpu0/cpufreq").c_str(), F_OK) == 0;
  }

  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& problems) override {
    const std::string offline_path = directory + "/offline";
    std::vector<unsigned> offline;
    const Result<std::string> text = read_file(offline_path, 64 << 10);
    if (text && !parse_cpu_list(trim(*text), offline))
      problems.corrupt(offline_path, 1, "expected a list of CPUs like 0-2,5", *text);
    for (const std::string& name : names) {
      const std::optional<std::string_view> cpu = device_number(name, "cpu");
      if (!cpu) continue;
      const std::optional<unsigned> number = parse_int<unsigned>(*cpu);
      if (number && std::find(offline.begin(), offline.end(), *number) != offline.end()) continue;
      const Labels labels{{"cpu", std::string(*cpu)}};
      const std::string path = directory + '/' + name + "/cpufreq";
      for (const NumberAttribute& attribute : kNumbers) series.add_number(path, attribute, labels);
      add_governors(path, labels, series);
    }
  }

  void add_governors(const std::string& path, const Labels& labels, AttributeSeries& series) const {
    if (read_attribute(path + "/scaling_governor").empty()) return;
    const std::string available = read_attribute(path + "/scaling_available_governors");
    std::string_view rest = available;
    std::string_view word;
    std::vector<std::string> governors;
    while (next_word(rest, word)) governors.emplace_back(word);
    if (governors.empty()) return;
    const FamilyId family = catalogue().declare(
        "node_cpu_scaling_governor", "1 for the governor of a CPU that is in charge.", MetricType::gauge);
    series.add_states(family, path + "/scaling_governor", "governor", governors, labels);
  }
};

}  // namespace

Result<std::unique_ptr<Collector>> make_cpufreq_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new CpufreqCollector(context));
}

}  // namespace chiron
