#include "exporter/collectors/meminfo.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/series_map.h"

namespace chiron {
namespace {

/// "Active(file)" -> "Active_file": what no metric name may hold becomes an underscore, a closing bracket
/// nothing.
std::string metric_part(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == ')') continue;
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += fits ? c : '_';
  }
  return out;
}

class MeminfoCollector final : public Collector {
 public:
  explicit MeminfoCollector(const CollectorContext& context)
      : catalogue_(context.catalogue), file_(context.paths.proc("meminfo"), KernelFile::Records::one) {}

  Status collect(Frame& frame) override {
    Problems problems;
    const std::size_t before = frame.entries().size();
    series_.begin_pass();
    if (const Result<std::string_view> text = file_.read(); text) {
      KernelLines lines(*text, file_.path(), problems);
      std::string_view line;
      while (lines.next(line)) read_line(line, lines, frame);
      if (frame.entries().size() == before && problems.empty())
        problems.corrupt(file_.path(), 0, "expected memory figures", *text);
    } else {
      problems.add(text.error());
    }
    series_.end_pass();
    return problems.report(frame);
  }

 private:
  void read_line(std::string_view line, KernelLines& lines, Frame& frame) {
    const std::string_view whole = line;
    std::string_view key, unit, more;
    const bool named = next_name(line, key);
    const std::optional<std::uint64_t> value = next_number(line);
    const bool in_kilobytes = next_word(line, unit);
    if (!named || !value || (in_kilobytes && unit != "kB") || next_word(line, more)) {
      lines.bad("expected 'Name: NUMBER' or 'Name: NUMBER kB'", whole);
      return;
    }
    const SeriesId series = series_.at(key, [&] { return make_series(key, in_kilobytes); });
    frame.add(series, static_cast<double>(*value) * (in_kilobytes ? 1024 : 1));
  }

  SeriesId make_series(std::string_view key, bool in_bytes) {
    const std::string name = "node_memory_" + metric_part(key) + (in_bytes ? "_bytes" : "");
    const std::string help = "The line " + printable(key) + " of the kernel's meminfo" +
                             (in_bytes ? ", in bytes." : ", a number of pages.");
    return catalogue_.series(catalogue_.declare(name, help, MetricType::gauge), {});
  }

  Catalogue& catalogue_;
  KernelFile file_;
  SeriesMap<SeriesId> series_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_meminfo_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new MeminfoCollector(context));
}

}  // namespace chiron
