#include "exporter/collectors/softnet.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/series_map.h"

#include <array>
#include <charconv>

namespace chiron {
namespace {

struct Column {
  std::size_t word;
  std::string_view family;
  std::string_view help;
  MetricType type = MetricType::counter;
};
/// Kernels before 5.10 end before the length of the backlog and the number of the CPU.
constexpr std::array kColumns = {
    Column{0, "node_softnet_processed_total", "Packets processed."},
    Column{1, "node_softnet_dropped_total", "Packets dropped because the backlog was full."},
    Column{2, "node_softnet_times_squeezed_total", "Times that the budget ran out with packets left."},
    Column{8, "node_softnet_cpu_collision_total", "Collisions over the lock of a sending device."},
    Column{9, "node_softnet_received_rps_total", "Times that another CPU woke this one to receive packets."},
    Column{10, "node_softnet_flow_limit_count_total",
           "Packets dropped because their flow was over its limit."},
    Column{11, "node_softnet_backlog_len", "Packets in the backlog.", MetricType::gauge},
};
constexpr std::size_t kFewestWords = 9;
constexpr std::size_t kCpuWord = 12;
constexpr std::size_t kWords = kCpuWord + 1;

class SoftnetCollector final : public Collector {
 public:
  explicit SoftnetCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        file_(context.paths.proc("net/softnet_stat"), KernelFile::Records::brief) {
    for (std::size_t i = 0; i < kColumns.size(); ++i)
      families_[i] = catalogue_.declare(kColumns[i].family, kColumns[i].help, kColumns[i].type);
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
    std::uint64_t row = 0;
    while (lines.next(line)) report(line, row++, lines, frame);
    if (row == 0 && problems.empty())
      problems.corrupt(file_.path(), 0, "expected a line of numbers for each CPU", *text);
    return problems.report(frame);
  }

  void report(std::string_view line, std::uint64_t row, KernelLines& lines, Frame& frame) {
    const std::string_view whole = line;
    std::array<std::uint64_t, kWords> words{};
    std::size_t count = 0;
    for (std::string_view word; count < kWords && next_word(line, word); ++count) {
      const std::optional<std::uint64_t> number = parse_int<std::uint64_t>(word, 16);
      if (!number) {
        lines.bad("expected a hexadecimal number", word);
        return;
      }
      words[count] = *number;
    }
    if (count < kFewestWords) {
      lines.bad("expected nine numbers or more", whole);
      return;
    }
    char cpu[20];
    const std::uint64_t number = count > kCpuWord ? words[kCpuWord] : row;
    const std::string_view name(
        cpu, static_cast<std::size_t>(std::to_chars(cpu, std::end(cpu), number).ptr - cpu));
    const std::size_t columns = columns_of(count);
    Series& series = cpus_.at(name, [] { return none(); });
    for (std::size_t i = 0; i < columns; ++i) {
      if (series[i] == kNoSeries)
        series[i] = catalogue_.series(families_[i], Labels{{"cpu", std::string(name)}});
      frame.add(series[i], static_cast<double>(words[kColumns[i].word]));
    }
  }

  static std::size_t columns_of(std::size_t words) {
    std::size_t columns = 0;
    while (columns < kColumns.size() && kColumns[columns].word < words) ++columns;
    return columns;
  }

  static Series none() {
    Series series{};
    series.fill(kNoSeries);
    return series;
  }

  Catalogue& catalogue_;
  KernelFile file_;
  std::array<FamilyId, kColumns.size()> families_{};
  SeriesMap<Series> cpus_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_softnet_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new SoftnetCollector(context));
}

}  // namespace chiron
