#include "exporter/collectors/stat.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <optional>
#include <vector>

namespace chiron {
namespace {

struct Line {
  std::string_view key;
  std::string_view family;
  std::string_view help;
  MetricType type;
};
constexpr Line kLines[] = {
    {"intr", "node_intr_total", "Interrupts serviced since boot.", MetricType::counter},
    {"ctxt", "node_context_switches_total", "Context switches since boot.", MetricType::counter},
    {"btime", "node_boot_time_seconds", "When the machine booted, in seconds since the Unix epoch.",
     MetricType::gauge},
    {"processes", "node_forks_total", "Processes and threads created since boot.", MetricType::counter},
    {"procs_running", "node_procs_running", "Tasks that run or are ready to run.", MetricType::gauge},
    {"procs_blocked", "node_procs_blocked", "Tasks that wait for I/O to complete.", MetricType::gauge},
};

/// kernel/softirq.c, softirq_to_name; irq_poll is still told under its name before Linux 4.5.
constexpr std::string_view kVectors[] = {"hi",           "timer",   "net_tx", "net_rx",  "block",
                                         "block_iopoll", "tasklet", "sched",  "hrtimer", "rcu"};

class StatCollector final : public Collector {
 public:
  explicit StatCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        with_softirqs_(context.options.flag("softirq")),
        file_(context.files.open(context.paths.proc("stat"), KernelFile::Records::one)) {
    for (const Line& line : kLines) {
      known_.push_back({line.key, catalogue_.declare(line.family, line.help, line.type), std::nullopt});
    }
    if (with_softirqs_) {
      softirqs_ = catalogue_.declare("node_softirqs_total",
                                     "Soft interrupts serviced since boot, per vector.", MetricType::counter);
    }
  }

  Status collect(Frame& frame) override {
    const Result<std::string_view>& text = file_.read();
    if (!text) {
      forget();
      return text.error();
    }
    Problems problems;
    KernelLines lines(*text, file_.path(), problems);
    std::string_view line;
    std::size_t found = 0;
    while (lines.next(line)) {
      std::string_view key;
      if (!next_word(line, key)) continue;
      if (with_softirqs_ && key == "softirq") report_softirqs(line, lines, frame);
      for (Known& known : known_) {
        if (known.key == key) found += report(known, line, lines, frame) ? 1u : 0u;
      }
    }
    if (found < known_.size() && problems.empty()) {
      problems.corrupt(file_.path(), 0, "expected intr, ctxt, btime, processes, procs_running, procs_blocked",
                       *text);
    }
    if (found < known_.size()) forget();
    return problems.report(frame);
  }

 private:
  struct Known {
    std::string_view key;
    FamilyId family;
    std::optional<SeriesId> series;
  };

  bool report(Known& known, std::string_view rest, KernelLines& lines, Frame& frame) {
    // The intr line goes on with one number per interrupt, thousands on a large host: the first is the sum.
    std::string_view word;
    const std::optional<std::uint64_t> value =
        next_word(rest, word) ? parse_int<std::uint64_t>(word) : std::nullopt;
    if (!value) {
      lines.bad("expected a number", word);
      return false;
    }
    if (!known.series) known.series = catalogue_.series(known.family, {});
    frame.add(*known.series, static_cast<double>(*value));
    return true;
  }

  void report_softirqs(std::string_view rest, KernelLines& lines, Frame& frame) {
    if (!next_number(rest)) {  // the sum
      lines.bad("expected numbers of soft interrupts", rest);
      return;
    }
    if (vectors_.empty()) {
      for (const std::string_view vector : kVectors) {
        vectors_.push_back(catalogue_.series(softirqs_, Labels{{"vector", std::string(vector)}}));
      }
    }
    for (const SeriesId vector : vectors_) {
      const std::optional<std::uint64_t> value = next_number(rest);
      if (!value) {
        lines.bad("expected ten soft interrupt vectors", rest);
        return;
      }
      frame.add(vector, static_cast<double>(*value));
    }
  }

  void forget() {
    for (Known& known : known_) known.series.reset();
    vectors_.clear();
  }

  Catalogue& catalogue_;
  const bool with_softirqs_;
  PassFiles::File& file_;
  std::vector<Known> known_;
  FamilyId softirqs_{};
  std::vector<SeriesId> vectors_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_stat_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new StatCollector(context));
}

}  // namespace chiron
