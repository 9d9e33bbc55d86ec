#include "exporter/collectors/schedstat.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/series_map.h"

#include <array>

namespace chiron {
namespace {

struct Column {
  std::string_view family;
  std::string_view help;
  double divisor;
};
/// The last three numbers of a cpu line, the same in versions 15 to 17 of the file.
constexpr std::array kColumns = {
    Column{"node_schedstat_running_seconds_total", "Seconds that tasks ran on a CPU.", 1e9},
    Column{"node_schedstat_waiting_seconds_total", "Seconds that tasks waited for a CPU, added up.", 1e9},
    Column{"node_schedstat_timeslices_total", "Time slices run on a CPU.", 1},
};
constexpr std::size_t kNumbersBefore = 6;

class SchedstatCollector final : public Collector {
 public:
  explicit SchedstatCollector(const CollectorContext& context)
      : catalogue_(context.catalogue), file_(context.paths.proc("schedstat"), context.files.changes()) {
    for (std::size_t i = 0; i < kColumns.size(); ++i)
      families_[i] = catalogue_.declare(kColumns[i].family, kColumns[i].help, MetricType::counter);
  }

  Status collect(Frame& frame) override {
    cpus_.begin_pass();
    const Status status = read(frame);
    cpus_.end_pass();
    return status;
  }

 private:
  using Series = std::array<SeriesId, kColumns.size()>;

  Status read(Frame& frame) {
    const Result<std::string_view> text = file_.read();
    if (!text) return unless_absent(text.error(), file_.path());
    Problems problems;
    KernelLines lines(*text, file_.path(), problems);
    std::string_view line;
    std::size_t cpus = 0;
    while (lines.next(line)) {
      if (!line.starts_with("cpu")) continue;
      ++cpus;
      report(line, lines, frame);
    }
    if (cpus == 0 && problems.empty())
      problems.corrupt(file_.path(), 0, "expected lines 'cpuN NUMBERS'", *text);
    return problems.report(frame);
  }

  void report(std::string_view line, KernelLines& lines, Frame& frame) {
    const std::string_view whole = line;
    std::string_view cpu;
    next_word(line, cpu);
    cpu.remove_prefix(3);
    bool good = parse_int<unsigned>(cpu).has_value();
    for (std::size_t i = 0; good && i < kNumbersBefore; ++i) good = next_number(line).has_value();
    std::array<double, kColumns.size()> values{};
    for (std::size_t i = 0; good && i < values.size(); ++i) {
      const std::optional<std::uint64_t> number = next_number(line);
      good = number.has_value();
      if (good) values[i] = static_cast<double>(*number) / kColumns[i].divisor;
    }
    if (!good) {
      lines.bad("expected 'cpuN' and nine numbers", whole);
      return;
    }
    const Series& series = cpus_.at(cpu, [&] { return make_series(cpu); });
    for (std::size_t i = 0; i < values.size(); ++i) frame.add(series[i], values[i]);
  }

  Series make_series(std::string_view cpu) const {
    Series series{};
    const Labels labels{{"cpu", std::string(cpu)}};
    for (std::size_t i = 0; i < series.size(); ++i) series[i] = catalogue_.series(families_[i], labels);
    return series;
  }

  Catalogue& catalogue_;
  OptionalKernelFile file_;
  std::array<FamilyId, kColumns.size()> families_{};
  SeriesMap<Series> cpus_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_schedstat_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new SchedstatCollector(context));
}

}  // namespace chiron
