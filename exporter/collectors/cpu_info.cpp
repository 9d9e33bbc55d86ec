#include "exporter/collectors/cpu_info.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <optional>

namespace chiron {
namespace {

struct Field {
  std::string_view name;
  std::string CpuInfo::*member;
};
constexpr Field kFields[] = {
    {"vendor_id", &CpuInfo::vendor},      {"cpu family", &CpuInfo::family},
    {"model", &CpuInfo::model},           {"model name", &CpuInfo::model_name},
    {"stepping", &CpuInfo::stepping},     {"microcode", &CpuInfo::microcode},
    {"cache size", &CpuInfo::cache_size}, {"physical id", &CpuInfo::package},
    {"core id", &CpuInfo::core},          {"flags", &CpuInfo::flags},
    {"Features", &CpuInfo::flags},        {"bugs", &CpuInfo::bugs},
};

}  // namespace

std::vector<CpuInfo> parse_cpuinfo(std::string_view text, std::string_view file, Problems& problems) {
  std::vector<CpuInfo> cpus;
  KernelLines lines(text, file, problems);
  std::string_view line;
  while (lines.next(line)) {
    if (trim(line).empty()) continue;
    const std::string_view whole = line;
    std::string_view name;
    if (!next_name(line, name)) {
      lines.bad("expected 'name : value'", whole);
      continue;
    }
    const std::string_view value = trim(line);
    // ARM64 and RISC-V count processors the same way; s390 writes "processor 0: ..." and has no such blocks.
    if (name == "processor") {
      cpus.emplace_back().processor = value;
      continue;
    }
    if (cpus.empty()) continue;
    for (const Field& field : kFields) {
      if (field.name == name) cpus.back().*field.member = value;
    }
  }
  return cpus;
}

bool parse_cpu_list(std::string_view text, std::vector<unsigned>& out) {
  constexpr unsigned kMostCpus = 1 << 16;  // NR_CPUS is 8192 at most
  text = trim(text);
  std::string_view range;
  while (next_field(text, ',', range)) {
    const std::size_t dash = range.find('-');
    const std::optional<unsigned> first = parse_int<unsigned>(range.substr(0, dash));
    const std::optional<unsigned> last =
        dash == std::string_view::npos ? first : parse_int<unsigned>(range.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMostCpus) return false;
    for (unsigned cpu = *first; cpu <= *last; ++cpu) out.push_back(cpu);
  }
  return true;
}

}  // namespace chiron
