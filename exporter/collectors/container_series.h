#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/collectors/cgroup_usage.h"
#include "exporter/collectors/container_answers.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// The families of all containers.
class ContainerFamilies {
 public:
  explicit ContainerFamilies(Catalogue& catalogue);

  std::vector<FamilyId> usage;  ///< in the order of the table in container_series.cpp
  std::array<FamilyId, 4> block;
  std::array<FamilyId, 8> network;
  FamilyId last_seen, start_time, ooms, health_state, state, health, exit_code, restarts;
};

/// The name of a block device that is known by its numbers: 8:0 is /dev/sda. Looked up once.
class BlockDeviceNames {
 public:
  explicit BlockDeviceNames(const HostPaths& paths) : paths_(paths) {}
  const std::string& name(const std::string& numbers);

 private:
  const HostPaths& paths_;
  std::map<std::string, std::string> names_;
};

/// The series of one container. A handle that was not written in a pass is resolved again, see Collector.
class ContainerSeries {
 public:
  ContainerSeries(Catalogue& catalogue, const ContainerFamilies& families, Labels labels)
      : catalogue_(&catalogue), families_(&families), labels_(std::move(labels)) {}
  const Labels& labels() const { return labels_; }

  /// State, health, restarts; exit code while it does not run.
  void report_state(const ContainerDetail& detail, double ooms, Frame& frame);
  void report_running(double now, double started_at, Frame& frame);
  void report_usage(const CgroupUsage& usage, BlockDeviceNames& names, Frame& frame);
  /// From the text of net/dev; without lo.
  void report_network(std::string_view text, Frame& frame);

 private:
  using Handle = std::optional<SeriesId>;
  template <std::size_t N>
  struct Group {
    std::string label;
    std::array<SeriesId, N> series;
    bool written = false;
  };
  void put(Handle& handle, FamilyId family, std::optional<double> value, Frame& frame);
  void put_one_of(std::vector<SeriesId>& series, FamilyId family, std::string_view label,
                  std::span<const std::string_view> values, std::string_view value, Frame& frame);
  template <std::size_t N>
  static void begin(std::vector<Group<N>>& groups);
  /// Those of a device, made at first sight.
  template <std::size_t N>
  Group<N>& group(std::vector<Group<N>>& groups, const std::array<FamilyId, N>& families,
                  std::string_view name, std::string_view label);

  Catalogue* catalogue_;
  const ContainerFamilies* families_;
  Labels labels_;
  Handle last_seen_, start_time_, ooms_, health_state_, exit_code_, restarts_, other_state_;
  std::string other_state_name_;
  std::vector<SeriesId> states_, healths_;
  std::vector<Handle> usage_;
  std::vector<Group<4>> devices_;
  std::vector<Group<8>> interfaces_;
};

}  // namespace chiron
