#include "exporter/collectors/pressure.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <optional>
#include <vector>

namespace chiron {
namespace {

/// Which line of which file becomes which family.
struct Source {
  std::string_view file;
  std::string_view line;
  std::string_view family;
  std::string_view help;
};
constexpr Source kSources[] = {
    {"cpu", "some", "node_pressure_cpu_waiting_seconds_total",
     "Seconds in which some task waited for a CPU."},
    {"io", "some", "node_pressure_io_waiting_seconds_total", "Seconds in which some task waited for I/O."},
    {"io", "full", "node_pressure_io_stalled_seconds_total", "Seconds in which all tasks waited for I/O."},
    {"memory", "some", "node_pressure_memory_waiting_seconds_total",
     "Seconds in which some task waited for memory."},
    {"memory", "full", "node_pressure_memory_stalled_seconds_total",
     "Seconds in which all tasks waited for memory."},
    {"irq", "full", "node_pressure_irq_stalled_seconds_total",
     "Seconds in which all tasks waited for interrupts to be handled."},
};

/// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123", microseconds.
std::optional<std::uint64_t> total_of(std::string_view line) {
  constexpr std::string_view kTotal = "total=";
  std::string_view word;
  while (next_word(line, word)) {
    if (word.starts_with(kTotal)) return parse_int<std::uint64_t>(word.substr(kTotal.size()));
  }
  return std::nullopt;
}

class PressureCollector final : public Collector {
 public:
  explicit PressureCollector(const CollectorContext& context) : catalogue_(context.catalogue) {
    for (const Source& source : kSources) {
      if (files_.empty() || files_.back().name != source.file) {
        files_.push_back(
            {source.file,
             KernelFile(context.paths.proc("pressure/" + std::string(source.file)), KernelFile::Records::one),
             {}});
      }
      const FamilyId family = catalogue_.declare(source.family, source.help, MetricType::counter);
      files_.back().wanted.push_back({source.line, family, std::nullopt});
    }
  }

  Status collect(Frame& frame) override {
    Problems problems;
    std::size_t read = 0;
    for (File& file : files_) {
      if (file.absent) continue;
      const Result<std::string_view> text = file.file.read();
      if (text) {
        ++read;
        report(file, *text, frame, problems);
        continue;
      }
      for (Wanted& wanted : file.wanted) wanted.series.reset();
      // irq came with Linux 6.1; without PSI none is there, and with psi=0 reading says "not supported".
      file.absent = text.error().code() == ErrorCode::not_found;
      if (!file.absent && text.error().code() != ErrorCode::not_supported) problems.add(text.error());
    }
    // Which of them there are is settled when the kernel boots; that there are none may be a mount that
    // comes.
    if (read == 0) {
      for (File& file : files_) file.absent = false;
    }
    if (read == 0 && problems.empty())
      return Error(ErrorCode::no_data, "this kernel keeps no pressure information");
    return problems.report(frame);
  }

 private:
  struct Wanted {
    std::string_view line;
    FamilyId family;
    std::optional<SeriesId> series;
  };
  struct File {
    std::string_view name;
    KernelFile file;
    std::vector<Wanted> wanted;
    bool absent = false;
  };

  void report(File& file, std::string_view text, Frame& frame, Problems& problems) {
    KernelLines lines(text, file.file.path(), problems);
    std::string_view line;
    std::size_t found = 0;
    while (lines.next(line)) {
      for (Wanted& wanted : file.wanted) {
        if (!line.starts_with(wanted.line)) continue;
        ++found;
        const std::optional<std::uint64_t> total = total_of(line);
        if (!total) {
          lines.bad("expected total=MICROSECONDS", line);
          continue;
        }
        if (!wanted.series) wanted.series = catalogue_.series(wanted.family, {});
        frame.add(*wanted.series, static_cast<double>(*total) / 1e6);
      }
    }
    if (found < file.wanted.size())
      problems.corrupt(file.file.path(), 0, "expected lines 'some' and 'full'", text);
  }

  Catalogue& catalogue_;
  std::vector<File> files_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_pressure_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new PressureCollector(context));
}

}  // namespace chiron
