#include "exporter/collectors/time.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/problems.h"

#include <ctime>
#include <vector>

namespace chiron {
namespace {

constexpr std::string_view kDirectory = "devices/system/clocksource";
constexpr std::string_view kPrefix = "clocksource";

class TimeCollector final : public Collector {
 public:
  explicit TimeCollector(const CollectorContext& context)
      : clock_(context.clock),
        catalogue_(context.catalogue),
        now_(gauge("node_time_seconds", "The wall clock, in seconds since the Unix epoch.")),
        offset_(
            gauge("node_time_zone_offset_seconds", "Offset of the local time zone from UTC, in seconds.")),
        available_(gauge("node_time_clocksource_available_info",
                         "A clock source that the kernel can use; always 1.")),
        current_(
            gauge("node_time_clocksource_current_info", "The clock source that the kernel uses; always 1.")),
        seconds_(catalogue_.series(now_, {})) {
    find_sources(context.paths);
  }

  Status collect(Frame& frame) override {
    const TimestampMs now = to_ms(clock_.wall());
    frame.add(seconds_, static_cast<double>(now) / 1000);
    add_zone(now, frame);
    Problems problems;
    for (Source& source : sources_) {
      add_names(source.available, source.device, frame, problems);
      add_names(source.current, source.device, frame, problems);
    }
    return problems.report(frame);
  }

 private:
  /// A file of names, each of which is a label.
  struct Names {
    KernelFile file;
    FamilyId family;
    std::string text;  // that series are of
    std::vector<SeriesId> series;
  };
  struct Source {
    std::string device;
    Names available, current;
  };

  FamilyId gauge(std::string_view name, std::string_view help) {
    return catalogue_.declare(name, help, MetricType::gauge);
  }

  void find_sources(const HostPaths& paths) {
    const std::string directory = paths.sys(kDirectory);
    const Result<std::vector<std::string>> names = list_directory(directory);
    if (!names) return;  // containers and other architectures have none
    for (const std::string& name : *names) {
      if (!name.starts_with(kPrefix) || !parse_int<unsigned>(std::string_view(name).substr(kPrefix.size())))
        continue;
      const std::string base = directory + "/" + name + "/";
      sources_.push_back(
          {name.substr(kPrefix.size()),
           {KernelFile(base + "available_clocksource", KernelFile::Records::one), available_, {}, {}},
           {KernelFile(base + "current_clocksource", KernelFile::Records::one), current_, {}, {}}});
    }
  }

  void add_zone(TimestampMs now, Frame& frame) {
    const std::time_t seconds = now / 1000;
    std::tm local{};
    if (::localtime_r(&seconds, &local) == nullptr) return;
    // Daylight saving time changes the name.
    if (zone_ == kNoSeries || zone_name_ != local.tm_zone) {
      zone_name_ = local.tm_zone;
      zone_ = catalogue_.series(offset_, Labels{{"time_zone", zone_name_}});
    }
    frame.add(zone_, static_cast<double>(local.tm_gmtoff));
  }

  void add_names(Names& names, const std::string& device, Frame& frame, Problems& problems) {
    const Result<std::string_view> text = names.file.read();
    if (!text) {
      names.text.clear();
      names.series.clear();
      return problems.add(text.error());
    }
    if (names.text != *text) {
      names.series.clear();
      std::string_view rest = trim(*text), name;
      while (next_word(rest, name)) {
        const Labels labels{{"device", device}, {"clocksource", std::string(name)}};
        names.series.push_back(catalogue_.series(names.family, labels));
      }
      names.text = *text;
    }
    for (const SeriesId series : names.series) frame.add(series, 1);
    if (names.series.empty())
      problems.corrupt(names.file.path(), 1, "expected names of clock sources", *text);
  }

  const Clock& clock_;
  Catalogue& catalogue_;
  const FamilyId now_, offset_, available_, current_;
  const SeriesId seconds_;
  std::vector<Source> sources_;
  std::string zone_name_;
  SeriesId zone_ = kNoSeries;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_time_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new TimeCollector(context));
}

}  // namespace chiron
