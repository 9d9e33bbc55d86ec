#pragma once

#include "tests/support/collector_world.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace chiron::testing {

/// A host made of literals: files under proc/, sys/ and root/ of a temporary directory, and what a collector
/// needs.
class HostFixture : public ::testing::Test, protected CollectorWorld {
 protected:
  void proc(std::string_view path, std::string_view content) const {
    dir_.write("proc/" + std::string(path), content);
  }
  void sys(std::string_view path, std::string_view content) const {
    dir_.write("sys/" + std::string(path), content);
  }
  void root(std::string_view path, std::string_view content) const {
    dir_.write("root/" + std::string(path), content);
  }
  void remove(std::string_view path) const { std::filesystem::remove(dir_ / path); }

  /// The collector of the table's row `name`, with its default options but for those set with option().
  void make(std::string_view name) {
    const CollectorInfo* info = find_collector(name);
    ASSERT_NE(info, nullptr);
    Result<std::unique_ptr<Collector>> made = info->make(context(*info));
    ASSERT_TRUE(made.ok()) << made.error().to_string();
    collector_ = std::move(*made);
  }
  CollectorContext context(const CollectorInfo& info) {
    CollectorContext context = default_context(paths_, info);
    for (const auto& [name, values] : options_) context.options.set(name, values);
    return context;
  }
  void option(std::string name, std::vector<std::string> values) {
    options_.emplace_back(std::move(name), std::move(values));
  }

  Status collect() {
    frame_.clear();
    files_.begin_pass();
    return collector_->collect(frame_);
  }
  /// Collects, and expects a failure that names `place` (FILE or FILE:LINE).
  void expect_failure(std::string_view place) {
    const Status status = collect();
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().to_string().find(place), std::string::npos) << status.error().to_string();
  }
  /// Collects, and expects that there is normally nothing to report.
  void expect_no_data() {
    const Status status = collect();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), ErrorCode::no_data) << status.error().to_string();
    EXPECT_TRUE(frame_.entries().empty());
  }
  /// As when nothing was written for as long as the history reaches back, and much else came and went.
  void forget_everything() {
    std::vector<SeriesId> all;
    catalogue_.select({}, all);
    catalogue_.forget(all);
    const FamilyId family = catalogue_.declare("other", "", MetricType::gauge);
    for (std::size_t i = 0; i <= Catalogue::kMostTombstones; ++i) {
      catalogue_.forget(std::vector{catalogue_.series(family, {{"i", std::to_string(i)}})});
    }
    clock_.advance(Catalogue::kShortestTombstone);
    catalogue_.forget({});
  }

  /// The frame as lines "name{labels} value", sorted.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const FrameEntry& entry : frame_.entries()) {
      char number[32];
      const auto end = std::to_chars(number, number + sizeof number, entry.value).ptr;
      out.push_back(std::string(catalogue_.prefix(entry.id)) + std::string(number, end));
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  bool has(std::string_view line) const {
    const std::vector<std::string> all = lines();
    return std::find(all.begin(), all.end(), line) != all.end();
  }
  bool mentions(std::string_view text) const {
    const std::vector<std::string> all = lines();
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

  TempDir dir_;
  HostPaths paths_{{.procfs = dir_ / "proc", .sysfs = dir_ / "sys", .rootfs = dir_ / "root"}};
  std::vector<std::pair<std::string, std::vector<std::string>>> options_;
  Frame frame_;
  std::unique_ptr<Collector> collector_;
};

}  // namespace chiron::testing
