#include "exporter/collectors/loadavg.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <array>
#include <optional>

namespace chiron {
namespace {

class LoadavgCollector final : public Collector {
 public:
  explicit LoadavgCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        families_{load("node_load1", "1 minute"), load("node_load5", "5 minutes"),
                  load("node_load15", "15 minutes")},
        file_(context.paths.proc("loadavg"), KernelFile::Records::one) {}

  Status collect(Frame& frame) override {
    const Result<std::string_view> text = file_.read();
    if (!text) {
      series_.reset();
      return text.error();
    }
    if (!series_) series_ = resolve();
    Problems problems;
    KernelLines lines(*text, file_.path(), problems);
    std::string_view line;
    if (!lines.next(line)) {
      problems.corrupt(file_.path(), 1, "expected three load averages", *text);
      return problems.report(frame);
    }
    for (const SeriesId series : *series_) {
      std::string_view word;
      const std::optional<double> value = next_word(line, word) ? parse_double(word) : std::nullopt;
      if (!value) {
        lines.bad("expected a load average", word);
        break;
      }
      frame.add(series, *value);
    }
    return problems.report(frame);
  }

 private:
  FamilyId load(std::string_view name, std::string_view period) {
    return catalogue_.declare(
        name, "Processes running or waiting, averaged over " + std::string(period) + ".", MetricType::gauge);
  }
  std::array<SeriesId, 3> resolve() const {
    return {catalogue_.series(families_[0], {}), catalogue_.series(families_[1], {}),
            catalogue_.series(families_[2], {})};
  }

  Catalogue& catalogue_;
  const std::array<FamilyId, 3> families_;
  KernelFile file_;
  std::optional<std::array<SeriesId, 3>> series_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_loadavg_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new LoadavgCollector(context));
}

}  // namespace chiron
