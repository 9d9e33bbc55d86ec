#include "exporter/collectors/conntrack.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/number_files.h"

#include <algorithm>
#include <array>
#include <vector>

namespace chiron {
namespace {

constexpr FileNumber kNumbers[] = {
    {"sys/net/netfilter/nf_conntrack_count", 0, "node_nf_conntrack_entries", "Connections tracked now."},
    {"sys/net/netfilter/nf_conntrack_max", 0, "node_nf_conntrack_entries_limit",
     "Most connections that can be tracked."},
};

/// Columns of net/stat/nf_conntrack, by their heading: which there are differs between kernels. Counters all,
/// but gauges in node_exporter.
struct Column {
  std::string_view heading;
  std::string_view family;
  std::string_view help;
};
constexpr std::array kColumns = {
    Column{"found", "node_nf_conntrack_stat_found", "Lookups that found their connection."},
    Column{"invalid", "node_nf_conntrack_stat_invalid", "Packets that cannot be tracked."},
    Column{"ignore", "node_nf_conntrack_stat_ignore", "Packets that were tracked already."},
    Column{"insert", "node_nf_conntrack_stat_insert", "Connections put into the list."},
    Column{"insert_failed", "node_nf_conntrack_stat_insert_failed",
           "Connections that were in the list when they were to be put there."},
    Column{"drop", "node_nf_conntrack_stat_drop", "Packets dropped because they could not be tracked."},
    Column{"early_drop", "node_nf_conntrack_stat_early_drop",
           "Connections dropped to make room for new ones in a full table."},
    Column{"search_restart", "node_nf_conntrack_stat_search_restart",
           "Lookups started again because the table was resized."},
};

class ConntrackCollector final : public Collector {
 public:
  explicit ConntrackCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        numbers_(context, kNumbers),
        stat_(context.paths.proc("net/stat/nf_conntrack"), KernelFile::Records::brief) {
    for (std::size_t i = 0; i < kColumns.size(); ++i)
      families_[i] = catalogue_.declare(kColumns[i].family, kColumns[i].help, MetricType::gauge);
  }

  Status collect(Frame& frame) override {
    Problems problems;
    const std::size_t there = numbers_.collect(frame, problems) + (collect_stat(frame, problems) ? 1 : 0);
    if (there == 0) return absent(stat_.path());
    return problems.report(frame);
  }

 private:
  using Sums = std::array<double, kColumns.size()>;
  static constexpr std::size_t kOther = kColumns.size();

  /// Whether the file is there; a kernel with the rest may be built without it.
  bool collect_stat(Frame& frame, Problems& problems) {
    const Result<std::string_view> text = stat_.read();
    Sums sums{};
    if (!text || !sum(*text, sums, problems)) {
      series_.fill({});
      if (text) return true;
      if (text.error().code() == ErrorCode::not_found) return false;
      problems.add(text.error());
      return true;
    }
    for (const std::size_t column : columns_) {
      if (column == kOther) continue;
      if (!series_[column]) series_[column] = catalogue_.series(families_[column], {});
      frame.add(*series_[column], sums[column]);
    }
    return true;
  }

  /// A line of headings, then one of hexadecimal numbers for each CPU. False when any is bad: a sum without
  /// one of its CPUs would look like a counter that was reset.
  bool sum(std::string_view text, Sums& sums, Problems& problems) {
    Problems found;
    KernelLines lines(text, stat_.path(), found);
    std::string_view line;
    columns_.clear();
    std::size_t cpus = 0;
    if (lines.next(line)) read_headings(line);
    for (; lines.next(line); ++cpus) {
      const std::string_view whole = line;
      for (const std::size_t column : columns_) {
        const std::optional<std::uint64_t> number = next_hex(line);
        if (!number) {
          lines.bad("expected a hexadecimal number for each heading", whole);
          break;
        }
        if (column != kOther) sums[column] += static_cast<double>(*number);
      }
    }
    const bool usable = cpus != 0 && std::any_of(columns_.begin(), columns_.end(),
                                                 [](std::size_t column) { return column != kOther; });
    if (found.empty() && !usable)
      found.corrupt(stat_.path(), 0, "expected headings and a line for each CPU", text);
    if (found.empty()) return true;
    problems.add(found);
    return false;
  }

  void read_headings(std::string_view line) {
    std::string_view heading;
    while (next_word(line, heading)) {
      const auto column = std::find_if(kColumns.begin(), kColumns.end(),
                                       [&](const Column& known) { return known.heading == heading; });
      columns_.push_back(static_cast<std::size_t>(column - kColumns.begin()));
    }
  }

  Catalogue& catalogue_;
  NumberFiles numbers_;
  KernelFile stat_;
  std::array<FamilyId, kColumns.size()> families_{};
  std::array<std::optional<SeriesId>, kColumns.size()> series_{};
  std::vector<std::size_t> columns_;  // of kColumns, or kOther; as the headings of this pass are
};

}  // namespace

Result<std::unique_ptr<Collector>> make_conntrack_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new ConntrackCollector(context));
}

}  // namespace chiron
