#include "exporter/base/time_zone.h"

#include "exporter/base/diagnostics.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <vector>

#include <absl/time/time.h>
#include <fmt/format.h>

namespace chiron {

struct TimeZone::Zone {
  absl::TimeZone rules;
};

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHow = "write it like Europe/Paris, UTC or Local";

const char* variable(const char* name) { return ::getenv(name); }

std::string database() {
  const char* directory = variable("TZDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/usr/share/zoneinfo";
}

/// Whether the database may have it. Names are relative paths of these characters (the database's file
/// "theory.html"); "posix/" and "right/" repeat the database, the latter with leap seconds in its times.
bool is_zone_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-+/").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.front() >= 'A' && name.front() <= 'Z' && std::ranges::all_of(name, allowed);
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code fault;
  for (fs::recursive_directory_iterator at(directory, fault), end; !fault && at != end; at.increment(fault)) {
    std::string name = at->path().lexically_relative(directory).string();
    if (!is_zone_name(name)) {
      at.disable_recursion_pending();
    } else if (std::error_code ignored; at->is_regular_file(ignored)) {
      names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  return names;
}

std::string city(std::string_view name) { return to_lower(name.substr(name.rfind('/') + 1)); }

/// The zone that was probably meant: written in other letters, a city without its continent, mistyped.
std::string nearest(std::string_view wanted, const std::vector<std::string>& names) {
  const std::string folded = to_lower(wanted);
  for (const std::string& name : names) {
    if (to_lower(name) == folded) return name;
  }
  for (const std::string& name : names) {
    if (name.find('/') != std::string::npos && city(name) == folded) return name;
  }
  std::vector<std::string_view> candidates(names.begin(), names.end());
  candidates.insert(candidates.end(), {"UTC", "Local"});
  if (std::string near = closest(wanted, candidates); !near.empty()) return near;
  const std::vector<std::string> cities = [&names] {
    std::vector<std::string> out;
    for (const std::string& name : names) out.push_back(city(name));
    return out;
  }();
  const std::string near = closest(folded, {cities.begin(), cities.end()});
  if (near.empty()) return {};
  return names[static_cast<std::size_t>(std::ranges::find(cities, near) - cities.begin())];
}

Error unknown(std::string_view name, const std::string& directory) {
  if (std::error_code ignored; !fs::exists(directory + "/Etc/UTC", ignored)) {
    return {ErrorCode::unavailable,
            fmt::format("the time zone {} cannot be looked up: there is no time zone database in {}; "
                        "`apt install tzdata`",
                        name, directory)};
  }
  const std::string near = nearest(name, names_in(directory));
  return {ErrorCode::not_found,
          fmt::format("there is no time zone \"{}\"; {}", name,
                      near.empty() ? std::string(kHow) : fmt::format("did you mean {}?", near))};
}

Result<absl::TimeZone> read_zone(const std::string& path_or_name) {
  absl::TimeZone rules;
  if (absl::LoadTimeZone(path_or_name, &rules)) return rules;
  return Error(ErrorCode::corrupt,
               fmt::format("{} is no time zone file; `apt install --reinstall tzdata`", path_or_name));
}

Result<absl::TimeZone> named_zone(std::string_view name) {
  if (name == "UTC") return absl::UTCTimeZone();
  const std::string directory = database();
  std::error_code ignored;
  // Looked for before it is loaded: the library remembers a name that it could not load for ever.
  if (!is_zone_name(name) || !fs::is_regular_file(fmt::format("{}/{}", directory, name), ignored)) {
    return unknown(name, directory);
  }
  return read_zone(std::string(name));
}

Result<absl::TimeZone> local_zone() {
  const char* set = variable("TZ");
  if (set == nullptr) return absl::LocalTimeZone();
  // tzset(3): a colon may stand before the name or path, and the empty text is UTC.
  std::string_view name = set;
  if (name.starts_with(':')) name.remove_prefix(1);
  if (name.empty()) return absl::UTCTimeZone();
  Result<absl::TimeZone> zone = name.starts_with('/') ? read_zone(std::string(name)) : named_zone(name);
  if (zone) return zone;
  return std::move(zone).error().wrap("the variable TZ");
}

WallTime from_absl(absl::Time time) { return from_ms(absl::ToUnixMillis(time)); }

constexpr absl::CivilSecond kEpoch(1970, 1, 1);

}  // namespace

TimeZone::TimeZone(std::string name, std::shared_ptr<const Zone> zone)
    : name_(std::move(name)), zone_(std::move(zone)) {}

Result<TimeZone> TimeZone::find(std::string_view name) {
  // Abseil has a lock of its own, but in an archive built without instrumentation, where ThreadSanitizer does
  // not see it.
  static std::mutex loading;
  const std::lock_guard lock(loading);
  Result<absl::TimeZone> zone = name == "Local" ? local_zone() : named_zone(name);
  if (!zone) return std::move(zone).error();
  return TimeZone(std::string(name), std::make_shared<const Zone>(*zone));
}

LocalTime TimeZone::to_local(WallTime instant) const {
  const absl::TimeZone zone = zone_ ? zone_->rules : absl::UTCTimeZone();
  const absl::CivilSecond shown = zone.At(absl::FromUnixMillis(to_ms(instant))).cs;
  return LocalTime(std::chrono::seconds(shown - kEpoch));
}

TimeZone::Instants TimeZone::to_instants(LocalTime local) const {
  const absl::TimeZone zone = zone_ ? zone_->rules : absl::UTCTimeZone();
  const absl::TimeZone::TimeInfo info = zone.At(kEpoch + local.time_since_epoch().count());
  switch (info.kind) {
    case absl::TimeZone::TimeInfo::SKIPPED:
      return {Instants::Kind::never, from_absl(info.trans), from_absl(info.trans)};
    case absl::TimeZone::TimeInfo::REPEATED:
      return {Instants::Kind::twice, from_absl(info.pre), from_absl(info.post)};
    case absl::TimeZone::TimeInfo::UNIQUE:
      break;
  }
  return {Instants::Kind::once, from_absl(info.pre), from_absl(info.pre)};
}

}  // namespace chiron
