#include "exporter/sampling/fault_log.h"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

namespace chiron {
namespace {

constexpr Duration kPeriod = std::chrono::hours(1);

}  // namespace

FaultLog::FaultLog(std::string collector, EventLog& log, const Clock& clock)
    : collector_(std::move(collector)), log_(log), clock_(clock) {}

void FaultLog::failed(std::span<const std::string> faults, std::size_t count) {
  total_ += count;
  reason_.clear();
  for (const std::string& fault : faults) {
    if (std::find(known_.begin(), known_.end(), fault) != known_.end()) continue;
    if (!take_entry()) return;
    known_.push_back(fault);
    is_failing_ = true;
    log_.warning("collector failed", {{"collector", collector_}, {"error", fault}});
  }
}

void FaultLog::hangs(std::string_view error) {
  ++total_;
  reason_.clear();
  if (!take_entry()) return;
  is_failing_ = true;
  log_.warning("collector hangs", {{"collector", collector_}, {"error", error}});
}

void FaultLog::went_well() {
  reason_.clear();
  known_.clear();
  if (clock_.boot() - begin_ >= kPeriod) {
    entries_ = 0;
    is_cut_ = false;
  }
  if (!is_failing_) return;
  is_failing_ = false;
  log_.info("collector recovered", {{"collector", collector_}});
}

void FaultLog::has_nothing(std::string_view reason) {
  if (reason == reason_) return;
  went_well();
  reason_ = reason;
  log_.debug("collector has nothing to report", {{"collector", collector_}, {"reason", reason}});
}

bool FaultLog::take_entry() {
  if (entries_ == 0) begin_ = clock_.boot();
  if (entries_ < kMostLogged) {
    ++entries_;
    return true;
  }
  if (!is_cut_) {
    is_cut_ = true;
    log_.warning("collector has more faults",
                 {{"collector", collector_},
                  {"error", fmt::format("{} are logged; others are counted in chiron_collector_faults_total",
                                        kMostLogged)}});
  }
  return false;
}

}  // namespace chiron
