#pragma once

#include "exporter/base/unit_watch.h"
#include "exporter/collectors/unit_cgroup.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace chiron {

inline constexpr std::array<std::string_view, 5> kUnitStates = {"activating", "active", "deactivating",
                                                                "failed", "inactive"};

/// What is reported of units one by one, beside their state.
struct UnitReports {
  bool restarts = true;
  bool start_times = true;
  bool tasks = true;
};

/// The families of single units: node_exporter's, and systemd_exporter's name for the CPU time of a unit.
struct UnitFamilies {
  explicit UnitFamilies(Catalogue& catalogue);
  FamilyId state, restarts, start_time, tasks_current, tasks_max, last_trigger, accepted, connections,
      refused;
  FamilyId cpu, memory, read_bytes, written_bytes, reads, writes;
};

/// The series of one unit and its control group's files.
class UnitSeries {
 public:
  UnitSeries(Catalogue& catalogue, const UnitFamilies& families, const UnitReports& reports,
             const WatchedUnit& unit);
  /// Whether the labels are those of the unit as it is now.
  bool fits(const WatchedUnit& unit) const { return type_ == unit.type; }
  /// Opens the files of the unit's group, or leaves those of the same group open. `resources`: CPU, memory
  /// and I/O are reported too, not tasks alone.
  void use_group(const CgroupMounts& mounts, const std::string& group, bool resources,
                 DescriptorBudget& budget);
  void report(const WatchedUnit& unit, Frame& frame);

 private:
  void report_group(Frame& frame);
  SeriesId of_unit(FamilyId family) const;
  SeriesId of_resource(FamilyId family, std::string_view mode = {}) const;

  Catalogue& catalogue_;
  const UnitFamilies& families_;
  const std::string name_, type_;
  const bool reports_tasks_;
  std::array<SeriesId, kUnitStates.size()> state_{};
  SeriesId restarts_ = kNoSeries, start_time_ = kNoSeries, tasks_max_ = kNoSeries, last_trigger_ = kNoSeries;
  SeriesId accepted_ = kNoSeries, connections_ = kNoSeries, refused_ = kNoSeries;

  std::unique_ptr<UnitCgroup> group_;
  bool resources_ = false;
  // Made when the group first has such a value.
  SeriesId user_ = kNoSeries, system_ = kNoSeries, memory_ = kNoSeries, tasks_ = kNoSeries;
  SeriesId read_bytes_ = kNoSeries, written_bytes_ = kNoSeries, reads_ = kNoSeries, writes_ = kNoSeries;
};

}  // namespace chiron
