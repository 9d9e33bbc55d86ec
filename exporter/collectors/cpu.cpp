#include "exporter/collectors/cpu.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/cpu_static.h"
#include "exporter/collectors/cpu_ticks.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/series_map.h"

#include <cctype>
#include <optional>

namespace chiron {
namespace {

constexpr double kTicksPerSecond = 100;
constexpr std::array kModes = {"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"};

class CpuCollector final : public Collector {
 public:
  CpuCollector(const CollectorContext& context, CpuStatic::Options options)
      : catalogue_(context.catalogue),
        with_guest_(context.options.flag("guest")),
        time_(catalogue_.declare("node_cpu_seconds_total", "Seconds that a CPU spent in each mode.",
                                 MetricType::counter)),
        guest_(catalogue_.declare("node_cpu_guest_seconds_total",
                                  "Seconds that a CPU spent in guests of this host, per mode.",
                                  MetricType::counter)),
        static_(context.paths, catalogue_, std::move(options)),
        throttles_(context.paths, catalogue_),
        file_(context.files.open(context.paths.proc("stat"), KernelFile::Records::one)) {}

  Status collect(Frame& frame) override {
    Problems problems;
    cpus_.begin_pass();
    if (const Result<std::string_view>& text = file_.read(); text) {
      read_times(*text, frame, problems);
    } else {
      problems.add(text.error());
    }
    cpus_.end_pass();
    // Everything else changes when CPUs come and go.
    if (cpus_.size() != known_cpus_) {
      known_cpus_ = cpus_.size();
      static_problems_ = {};
      static_.refresh(static_problems_);
      throttles_.refresh();
    }
    for (const FrameEntry& entry : static_.entries()) frame.add(entry.id, entry.value);
    problems.add(static_problems_);
    Problems throttles;
    throttles_.collect(frame, throttles);
    if (!throttles.empty()) known_cpus_ = kUnknown;
    problems.add(throttles);
    return problems.report(frame);
  }

 private:
  static constexpr auto kUnknown = static_cast<std::size_t>(-1);

  struct Cpu {
    std::array<SeriesId, kModes.size()> time{};
    SeriesId guest_user = kNoSeries, guest_nice = kNoSeries;
    SteadyTicks ticks;
  };

  void read_times(std::string_view text, Frame& frame, Problems& problems) {
    KernelLines lines(text, file_.path(), problems);
    const std::size_t before = frame.entries().size();
    std::string_view line;
    // The lines of the CPUs come first, headed by the sum of all, which is not reported.
    while (lines.next(line) && line.starts_with("cpu")) {
      const std::string_view whole = line;
      std::string_view name;
      next_word(line, name);
      name.remove_prefix(3);
      if (name.empty()) continue;
      const std::optional<CpuTicks> ticks = parse_cpu_ticks(line);
      if (!ticks || !parse_int<unsigned>(name)) {
        lines.bad("expected 'cpuN' and its ticks", whole);
        continue;
      }
      Cpu& cpu = cpus_.at(name, [&] { return make_cpu(name); });
      report(cpu, cpu.ticks.update(*ticks), frame);
    }
    if (frame.entries().size() == before && problems.empty())
      problems.corrupt(file_.path(), 1, "expected CPU times", text);
  }

  void report(const Cpu& cpu, const CpuTicks& ticks, Frame& frame) const {
    for (std::size_t mode = 0; mode < kModes.size(); ++mode) {
      frame.add(cpu.time[mode], static_cast<double>(ticks[mode]) / kTicksPerSecond);
    }
    if (!with_guest_) return;
    frame.add(cpu.guest_user, static_cast<double>(ticks[kGuest]) / kTicksPerSecond);
    frame.add(cpu.guest_nice, static_cast<double>(ticks[kGuestNice]) / kTicksPerSecond);
  }

  Cpu make_cpu(std::string_view name) const {
    const auto labels = [&](const char* mode) { return Labels{{"cpu", std::string(name)}, {"mode", mode}}; };
    Cpu cpu;
    for (std::size_t mode = 0; mode < kModes.size(); ++mode) {
      cpu.time[mode] = catalogue_.series(time_, labels(kModes[mode]));
    }
    if (with_guest_) {
      cpu.guest_user = catalogue_.series(guest_, labels("user"));
      cpu.guest_nice = catalogue_.series(guest_, labels("nice"));
    }
    return cpu;
  }

  Catalogue& catalogue_;
  const bool with_guest_;
  const FamilyId time_, guest_;
  CpuStatic static_;
  CpuThrottles throttles_;
  PassFiles::File& file_;
  SeriesMap<Cpu> cpus_;
  std::size_t known_cpus_ = kUnknown;  // how many there were when the rest was read
  Problems static_problems_;
};

Result<std::optional<Pattern>> optional_pattern(const CollectorOptions& options, std::string_view name) {
  if (options.get(name).empty()) return std::optional<Pattern>();
  Result<Pattern> pattern = Pattern::make(options.get(name));
  if (!pattern) return std::move(pattern).error().wrap("option " + std::string(name));
  return std::optional<Pattern>(std::move(*pattern));
}

}  // namespace

Result<std::unique_ptr<Collector>> make_cpu_collector(CollectorContext context) {
  Result<std::optional<Pattern>> flags = optional_pattern(context.options, "info.flags-include");
  if (!flags) return std::move(flags).error();
  Result<std::optional<Pattern>> bugs = optional_pattern(context.options, "info.bugs-include");
  if (!bugs) return std::move(bugs).error();
  CpuStatic::Options options{.info = context.options.flag("info"), .flags = *flags, .bugs = *bugs};
  // A pattern is asked for in vain without the information it picks from.
  if (options.flags || options.bugs) options.info = true;
  return std::unique_ptr<Collector>(new CpuCollector(context, std::move(options)));
}

}  // namespace chiron
