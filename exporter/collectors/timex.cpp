#include "exporter/collectors/timex.h"

#include <array>
#include <cerrno>
#include <optional>

#include <sys/timex.h>

namespace chiron {
namespace {

using Timex = ::timex;

/// Frequencies are parts per million with 16 bits after the point (adjtimex(2), NOTES).
constexpr double kFrequencyUnit = 65536e6;

/// Offset and jitter are in nanoseconds when the clock says so, else in microseconds.
double seconds(const Timex& clock, long value) {
  return static_cast<double>(value) / ((clock.status & STA_NANO) != 0 ? 1e9 : 1e6);
}
double microseconds(long value) { return static_cast<double>(value) / 1e6; }

struct Row {
  std::string_view family;
  std::string_view help;
  double (*value)(const Timex&);
  MetricType type = MetricType::gauge;
};
constexpr std::array kRows = {
    Row{"node_timex_offset_seconds", "Offset of the clock from its reference.",
        [](const Timex& c) { return seconds(c, c.offset); }},
    Row{"node_timex_frequency_adjustment_ratio", "Speed of the clock; 1 is unadjusted.",
        [](const Timex& c) { return 1 + static_cast<double>(c.freq) / kFrequencyUnit; }},
    Row{"node_timex_maxerror_seconds", "Largest error of the clock.",
        [](const Timex& c) { return microseconds(c.maxerror); }},
    Row{"node_timex_estimated_error_seconds", "Estimated error of the clock.",
        [](const Timex& c) { return microseconds(c.esterror); }},
    Row{"node_timex_status", "Bits of the clock's status, STA_* of adjtimex(2).",
        [](const Timex& c) { return static_cast<double>(c.status); }},
    Row{"node_timex_loop_time_constant", "Time constant of the phase-locked loop.",
        [](const Timex& c) { return static_cast<double>(c.constant); }},
    Row{"node_timex_tick_seconds", "Time between two ticks of the clock.",
        [](const Timex& c) { return microseconds(c.tick); }},
    Row{"node_timex_pps_frequency_hertz", "Frequency of the pulse per second.",
        [](const Timex& c) { return static_cast<double>(c.ppsfreq) / kFrequencyUnit; }},
    Row{"node_timex_pps_jitter_seconds", "Jitter of the pulse per second.",
        [](const Timex& c) { return seconds(c, c.jitter); }},
    Row{"node_timex_pps_shift_seconds", "Length of the calibration interval, as its logarithm to base 2.",
        [](const Timex& c) { return static_cast<double>(c.shift); }},
    Row{"node_timex_pps_stability_hertz", "Mean of recent changes of the pulse per second's frequency.",
        [](const Timex& c) { return static_cast<double>(c.stabil) / kFrequencyUnit; }},
    Row{"node_timex_pps_jitter_total", "Times that the pulse per second was over its jitter limit.",
        [](const Timex& c) { return static_cast<double>(c.jitcnt); }, MetricType::counter},
    Row{"node_timex_pps_calibration_total", "Calibration intervals of the pulse per second.",
        [](const Timex& c) { return static_cast<double>(c.calcnt); }, MetricType::counter},
    Row{"node_timex_pps_error_total", "Failed calibrations of the pulse per second.",
        [](const Timex& c) { return static_cast<double>(c.errcnt); }, MetricType::counter},
    Row{"node_timex_pps_stability_exceeded_total",
        "Times that the pulse per second was over its stability limit.",
        [](const Timex& c) { return static_cast<double>(c.stbcnt); }, MetricType::counter},
    Row{"node_timex_tai_offset_seconds", "Offset of International Atomic Time from UTC.",
        [](const Timex& c) { return static_cast<double>(c.tai); }},
};

class TimexCollector final : public Collector {
 public:
  TimexCollector(const CollectorContext& context, ReadClock read)
      : catalogue_(context.catalogue), read_(read) {
    for (std::size_t i = 0; i < kRows.size(); ++i)
      families_[i] = catalogue_.declare(kRows[i].family, kRows[i].help, kRows[i].type);
    families_.back() =
        catalogue_.declare("node_timex_sync_status", "1 when the clock is synchronised to a reliable server.",
                           MetricType::gauge);
  }

  Status collect(Frame& frame) override {
    Timex clock{};  // no modes: only asks
    const int state = read_(&clock);
    if (state < 0) {
      const int why = errno;
      series_.reset();
      if (why == EPERM || why == EACCES)
        return Error(ErrorCode::no_data, "adjtimex(2) is not permitted here");
      return Error::from_errno(why, "adjtimex");
    }
    if (!series_) series_ = resolve();
    for (std::size_t i = 0; i < kRows.size(); ++i) frame.add((*series_)[i], kRows[i].value(clock));
    frame.add(series_->back(), state == TIME_ERROR ? 0 : 1);
    return {};
  }

 private:
  using Series = std::array<SeriesId, kRows.size() + 1>;

  Series resolve() const {
    Series series{};
    for (std::size_t i = 0; i < series.size(); ++i) series[i] = catalogue_.series(families_[i], {});
    return series;
  }

  Catalogue& catalogue_;
  const ReadClock read_;
  std::array<FamilyId, kRows.size() + 1> families_{};
  std::optional<Series> series_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_timex_collector(CollectorContext context) {
  return make_timex_collector(context, &::adjtimex);
}

Result<std::unique_ptr<Collector>> make_timex_collector(CollectorContext context, ReadClock read) {
  return std::unique_ptr<Collector>(new TimexCollector(context, read));
}

}  // namespace chiron
