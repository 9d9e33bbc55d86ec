#include "remediation/actions/rescue_stages.h"

#include "exporter/base/utf8.h"
#include "remediation/actions/rescue_containers.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using Hidden = PathGlob::Hidden;

struct BuiltInPlace {
  std::string_view start;
  std::vector<std::string_view> globs;  // below start
};
struct BuiltInStage {
  std::string_view name;
  std::vector<BuiltInPlace> places;
  std::string_view lock;
};

// journald archives a file as NAME@ID.journal, and sets aside one it found damaged as NAME@ID.journal~; those
// without
// @ are being written. logrotate numbers (x.1, x.2.gz) or dates (x-20260131.gz) what it rotates, savelog(8)
// and others say x.old.
const std::vector<BuiltInStage>& built_in_stages() {
  static const std::vector<BuiltInStage> stages = {
      {"apt_cache", {{"/var/cache/apt/archives", {"*.deb", "partial/*"}}}, "/var/cache/apt/archives/lock"},
      {"journal",
       {{"/var/log/journal", {"*/*@*.journal", "*/*.journal~"}},
        {"/run/log/journal", {"*/*@*.journal", "*/*.journal~"}}},
       ""},
      {"rotated_logs",
       {{"/var/log",
         {"**/*.gz", "**/*.xz", "**/*.zst", "**/*.bz2", "**/*.[0-9]", "**/*.[0-9][0-9]",
          "**/*.[0-9][0-9][0-9]", "**/*.old", "**/*-[12][0-9][0-9][0-9][01][0-9][0-3][0-9]*"}}},
       ""},
      {"temporary_files", {{"/tmp", {"**"}}, {"/var/tmp", {"**"}}}, ""},
  };
  return stages;
}

AgeRule age_rule(std::string_view stage, const StageOptions& options) {
  // What still is read or was just unpacked is in use, whatever its mtime says: systemd-tmpfiles(8) thinks
  // the same.
  if (stage == "temporary_files") {
    return {.minimum = options.temporary_min_age, .changed = true, .accessed = true};
  }
  // Rotation renames a log every day, which changes ctime and says nothing about its age. apt and journald
  // give files the time that matters as mtime.
  return {.minimum = options.min_age, .changed = stage == "globs", .accessed = false};
}

Result<RescueStage> stage_of_globs(const StageOptions& options) {
  RescueStage stage{.name = "globs", .places = {}, .engines = {}, .lock = {}};
  for (const std::string& text : options.globs) {
    Result<PathGlob> glob = PathGlob::compile(text, Hidden::explicit_);
    if (!glob) return std::move(glob).error().wrap("globs");
    if (Status plain = check_no_braces(text); !plain) return std::move(plain).error().wrap("globs");
    const auto same = std::ranges::find(stage.places, glob->base(), &RescuePlace::start);
    RescuePlace& place =
        same != stage.places.end()
            ? *same
            : stage.places.emplace_back(RescuePlace{glob->base(), {{}, age_rule("globs", options)}});
    place.selection.globs.push_back(*std::move(glob));
  }
  return stage;
}

}  // namespace

const std::vector<std::string_view>& rescue_stage_names() {
  static const std::vector<std::string_view> names = {"apt_cache",       "journal",        "rotated_logs",
                                                      "temporary_files", kContainersStage, "globs"};
  return names;
}

Result<RescueStage> make_rescue_stage(std::string_view name, const StageOptions& options) {
  if (name == "globs") return stage_of_globs(options);
  if (name == kContainersStage) {
    return RescueStage{
        .name = std::string(name),
        .places = {},
        .engines = rescue_rules(options.min_age, options.keep_images, options.keep_image_labels),
        .lock = {}};
  }
  const auto found = std::ranges::find(built_in_stages(), name, &BuiltInStage::name);
  if (found == built_in_stages().end()) {
    return Error(ErrorCode::invalid_argument, fmt::format("stages: {} is not one of {}", quoted(name),
                                                          fmt::join(rescue_stage_names(), ", ")));
  }
  RescueStage stage{.name = std::string(name), .places = {}, .engines = {}, .lock = std::string(found->lock)};
  // Temporary files are hidden as often as not; hidden logs are somebody's own.
  const Hidden hidden = name == "temporary_files" ? Hidden::matched : Hidden::explicit_;
  for (const BuiltInPlace& place : found->places) {
    Selection selection{.globs = {}, .age = age_rule(name, options)};
    for (const std::string_view glob : place.globs) {
      Result<PathGlob> compiled = PathGlob::compile(fmt::format("{}/{}", place.start, glob), hidden);
      if (!compiled) return std::move(compiled).error();
      selection.globs.push_back(*std::move(compiled));
    }
    stage.places.push_back({std::string(place.start), std::move(selection)});
  }
  return stage;
}

}  // namespace chiron::remediation
