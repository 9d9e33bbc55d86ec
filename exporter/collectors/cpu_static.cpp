#include "exporter/collectors/cpu_static.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <set>

namespace chiron {
namespace {

constexpr std::string_view kCpus = "devices/system/cpu";
constexpr std::size_t kMostCpuinfo = 16 << 20;

FamilyId gauge(Catalogue& catalogue, std::string_view name, std::string_view help) {
  return catalogue.declare(name, help, MetricType::gauge);
}

std::optional<std::uint64_t> read_number(const std::string& path) {
  const Result<std::string> text = read_file(path, 64);
  return text ? parse_int<std::uint64_t>(trim(*text)) : std::nullopt;
}

}  // namespace

CpuStatic::CpuStatic(const HostPaths& paths, Catalogue& catalogue, Options options)
    : paths_(paths),
      catalogue_(catalogue),
      options_(std::move(options)),
      isolated_(gauge(catalogue, "node_cpu_isolated", "1 for a CPU that is kept free of ordinary tasks.")) {
  if (!options_.info) return;
  info_ = gauge(catalogue, "node_cpu_info", "Identity of a CPU; always 1.");
  if (options_.flags) flag_ = gauge(catalogue, "node_cpu_flag_info", "A feature of the first CPU; always 1.");
  if (options_.bugs) bug_ = gauge(catalogue, "node_cpu_bug_info", "A known bug of the first CPU; always 1.");
}

void CpuStatic::refresh(Problems& problems) {
  entries_.clear();
  const std::string isolated = paths_.sys(std::string(kCpus) + "/isolated");
  if (const Result<std::string> text = read_file(isolated, 64 << 10); text) {
    std::vector<unsigned> cpus;
    if (!parse_cpu_list(*text, cpus))
      problems.corrupt(isolated, 1, "expected a list of CPUs like 0-2,5", *text);
    for (const unsigned cpu : cpus) {
      entries_.push_back({catalogue_.series(isolated_, Labels{{"cpu", std::to_string(cpu)}}), 1});
    }
  }
  if (options_.info) {
    const std::string path = paths_.proc("cpuinfo");
    const Result<std::string> text = read_file(path, kMostCpuinfo);
    if (text) {
      const std::vector<CpuInfo> cpus = parse_cpuinfo(*text, path, problems);
      for (const CpuInfo& cpu : cpus) add_info(cpu);
      if (!cpus.empty()) {
        add_words(cpus.front().flags, options_.flags, flag_, "flag");
        add_words(cpus.front().bugs, options_.bugs, bug_, "bug");
      }
    } else {
      problems.add(text.error());
    }
  }
}

void CpuStatic::add_info(const CpuInfo& cpu) {
  const Labels labels{{"package", cpu.package},       {"core", cpu.core},
                      {"cpu", cpu.processor},         {"vendor", cpu.vendor},
                      {"family", cpu.family},         {"model", cpu.model},
                      {"model_name", cpu.model_name}, {"microcode", cpu.microcode},
                      {"stepping", cpu.stepping},     {"cachesize", cpu.cache_size}};
  entries_.push_back({catalogue_.series(info_, labels), 1});
}

void CpuStatic::add_words(std::string_view words, const std::optional<Pattern>& wanted, FamilyId family,
                          std::string_view label) {
  std::string_view word;
  while (wanted && next_word(words, word)) {
    if (!wanted->search(word)) continue;
    entries_.push_back({catalogue_.series(family, Labels{{std::string(label), std::string(word)}}), 1});
  }
}

CpuThrottles::CpuThrottles(const HostPaths& paths, Catalogue& catalogue)
    : paths_(paths),
      catalogue_(catalogue),
      core_(catalogue.declare("node_cpu_core_throttles_total",
                              "How often a core was slowed down because of heat.", MetricType::counter)),
      package_(catalogue.declare("node_cpu_package_throttles_total",
                                 "How often a package was slowed down because of heat.",
                                 MetricType::counter)) {}

void CpuThrottles::refresh() {
  counters_.clear();
  const std::string directory = paths_.sys(kCpus);
  const Result<std::vector<std::string>> names = list_directory(directory);
  if (!names) return;
  // Threads of a core and cores of a package share one counter each.
  std::set<std::pair<std::uint64_t, std::uint64_t>> cores;
  std::set<std::uint64_t> packages;
  for (const std::string& name : *names) {
    if (!name.starts_with("cpu") || !parse_int<unsigned>(std::string_view(name).substr(3))) continue;
    const std::string base = directory + "/" + name;
    const auto package = read_number(base + "/topology/physical_package_id");
    const auto core = read_number(base + "/topology/core_id");
    if (!package || !core) continue;
    const std::string core_file = base + "/thermal_throttle/core_throttle_count";
    const std::string package_file = base + "/thermal_throttle/package_throttle_count";
    const std::string package_name = std::to_string(*package);
    if (read_number(core_file) && cores.emplace(*package, *core).second) {
      const Labels labels{{"package", package_name}, {"core", std::to_string(*core)}};
      counters_.push_back({core_file, catalogue_.series(core_, labels)});
    }
    if (read_number(package_file) && packages.insert(*package).second) {
      counters_.push_back({package_file, catalogue_.series(package_, Labels{{"package", package_name}})});
    }
  }
}

// These are not kept open: a machine of 256 cores would hold a descriptor for each.
void CpuThrottles::collect(Frame& frame, Problems& problems) {
  for (const Counter& counter : counters_) {
    const Result<std::string> text = read_file(counter.path, 64);
    const std::optional<std::uint64_t> value = text ? parse_int<std::uint64_t>(trim(*text)) : std::nullopt;
    if (value) {
      frame.add(counter.series, static_cast<double>(*value));
    } else if (text) {
      problems.corrupt(counter.path, 1, "expected a number", *text);
    } else {
      problems.add(text.error());
    }
  }
}

}  // namespace chiron
