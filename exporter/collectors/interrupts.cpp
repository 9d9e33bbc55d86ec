#include "exporter/collectors/interrupts.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/name_filter.h"
#include "exporter/collectors/series_map.h"

#include <utility>
#include <vector>

namespace chiron {
namespace {

class InterruptsCollector final : public Collector {
 public:
  InterruptsCollector(const CollectorContext& context, NameFilter filter)
      : catalogue_(context.catalogue),
        filter_(std::move(filter)),
        with_zeros_(context.options.flag("include-zeros")),
        family_(catalogue_.declare("node_interrupts_total", "Interrupts that a CPU serviced since boot.",
                                   MetricType::counter)),
        file_(context.paths.proc("interrupts")) {}

  Status collect(Frame& frame) override {
    const Result<std::string_view> text = file_.read();
    Problems problems;
    ++pass_;
    rows_.begin_pass();
    if (text) read(*text, frame, problems);
    rows_.end_pass();
    if (!text) return unless_absent(text.error(), file_.path());
    return problems.report(frame);
  }

 private:
  struct Row {
    bool is_wanted = false;
    std::string type, info, devices;
    std::vector<SeriesId> series;  // of each CPU
    std::uint64_t pass = 0;        // that had it last
  };

  void read(std::string_view text, Frame& frame, Problems& problems) {
    KernelLines lines(text, file_.path(), problems);
    std::string_view line;
    if (!lines.next(line) || !read_cpus(line)) {
      if (problems.empty()) problems.corrupt(file_.path(), 1, "expected a heading for each CPU", line);
      return;
    }
    while (lines.next(line)) report(line, lines, frame);
  }

  /// "           CPU0       CPU1"
  bool read_cpus(std::string_view line) {
    if (line == heading_ && !cpus_.empty()) return true;
    cpus_.clear();
    rows_ = {};
    rows_.begin_pass();
    heading_ = line;
    constexpr std::string_view kPrefix = "CPU";
    for (std::string_view word; next_word(line, word);) {
      if (!word.starts_with(kPrefix) || !parse_int<std::uint32_t>(word.substr(kPrefix.size()))) {
        cpus_.clear();
        return false;
      }
      cpus_.emplace_back(word.substr(kPrefix.size()));
    }
    return !cpus_.empty();
  }

  /// " 24:   5   0   PCI-MSI 65536-edge   nvme0q0", "NMI:   1   2   Non-maskable interrupts". "ERR:   0" and
  /// "MIS:   0" are counts of the whole machine, and no interrupts.
  void report(std::string_view line, KernelLines& lines, Frame& frame) {
    const std::string_view whole = line;
    std::string_view type, word;
    if (!next_name(line, type)) return lines.bad("expected NAME: and a number for each CPU", whole);
    counts_.clear();
    while (counts_.size() < cpus_.size() && next_word(line, word)) {
      const std::optional<std::uint64_t> count = parse_int<std::uint64_t>(word);
      if (!count) return lines.bad("expected a number for each CPU", whole);
      counts_.push_back(*count);
    }
    key_.assign(type);
    const std::size_t name_end = key_.size();
    while (next_word(line, word)) key_.append(1, ';').append(word);
    if (key_.size() == name_end) return;
    Row& row = rows_.at(key_, [&] { return make(type, std::string_view(key_).substr(name_end + 1)); });
    if (std::exchange(row.pass, pass_) == pass_) return lines.bad("expected each interrupt once", whole);
    if (row.is_wanted) add(row, frame);
  }

  /// `details`: the words after the numbers, each ended by ';' but for the last.
  Row make(std::string_view type, std::string_view details) const {
    Row row;
    row.type = type;
    std::string_view word;
    // An interrupt with a name has a sentence, one with a number its chip and its handlers.
    const bool is_numbered = parse_int<std::int64_t>(type).has_value();
    if (is_numbered && next_field(details, ';', word)) row.info = word;
    std::string& rest = is_numbered ? row.devices : row.info;
    while (next_field(details, ';', word)) {
      if (!rest.empty()) rest += ' ';
      rest += word;
    }
    row.is_wanted = filter_.accepts(row.type + ';' + row.info + ';' + row.devices);
    if (row.is_wanted) row.series.assign(cpus_.size(), kNoSeries);
    return row;
  }

  void add(Row& row, Frame& frame) const {
    for (std::size_t cpu = 0; cpu < row.series.size(); ++cpu) {
      SeriesId& series = row.series[cpu];
      if (counts_[cpu] == 0 && !with_zeros_) {
        series = kNoSeries;
        continue;
      }
      if (series == kNoSeries) {
        series = catalogue_.series(
            family_,
            Labels{{"cpu", cpus_[cpu]}, {"type", row.type}, {"info", row.info}, {"devices", row.devices}});
      }
      frame.add(series, static_cast<double>(counts_[cpu]));
    }
  }

  Catalogue& catalogue_;
  const NameFilter filter_;
  const bool with_zeros_;
  const FamilyId family_;
  KernelFile file_;
  std::string heading_;
  std::vector<std::string> cpus_;
  SeriesMap<Row> rows_;
  std::uint64_t pass_ = 0;
  std::vector<std::uint64_t> counts_;  // of one line
  std::string key_;                    // of one line
};

}  // namespace

Result<std::unique_ptr<Collector>> make_interrupts_collector(CollectorContext context) {
  Result<NameFilter> filter = NameFilter::make(context.options, "name-include", "name-exclude", "");
  if (!filter) return std::move(filter).error();
  return std::unique_ptr<Collector>(new InterruptsCollector(context, *std::move(filter)));
}

}  // namespace chiron
