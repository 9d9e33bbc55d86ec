#include "exporter/collectors/systemd.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/known_services.h"
#include "exporter/collectors/series_map.h"
#include "exporter/collectors/unit_series.h"
#include "exporter/series/labels.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace chiron {
namespace {

constexpr std::array kPresences = {ServicePresence::running, ServicePresence::failed,
                                   ServicePresence::stopped};

struct Patterns {
  Pattern include, exclude, resources;
  bool reported(std::string_view name) const { return include.search(name) && !exclude.search(name); }
};

struct Settings {
  std::shared_ptr<const Patterns> patterns;
  UnitReports reports;
  std::vector<std::string> watched;
};

/// "252.39-1~deb12u1" -> 252.39 and "v255 custom" -> 255, as node_exporter reads them; 0 without a number.
double version_number(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  text.remove_prefix(std::min(text.find_first_of(kDigits), text.size()));
  std::size_t end = std::min(text.find_first_not_of(kDigits), text.size());
  if (end + 1 < text.size() && text[end] == '.' && kDigits.find(text[end + 1]) != std::string_view::npos) {
    end = std::min(text.find_first_not_of(kDigits, end + 1), text.size());
  }
  return parse_double(text.substr(0, end)).value_or(0);
}

bool is_up(std::string_view active_state) { return active_state == "active" || active_state == "reloading"; }

class SystemdCollector final : public Collector {
 public:
  SystemdCollector(CollectorContext context, Settings settings, std::unique_ptr<UnitWatch> watch);
  bool can_hang() const override { return true; }
  Status collect(Frame& frame) override;

 private:
  struct Reported {
    const WatchedUnit* unit;
    UnitSeries* series;
  };
  Duration remaining() const { return pass_deadline_ - context_.clock.boot(); }
  /// After a pass without systemd: no handle is good any more.
  Status absent(Error error);
  /// The handles of what is always reported.
  void resolve();
  /// Takes over what changed: which units are reported, and how many are in which state.
  void look_again();
  Status find_watched();
  void report_known(Frame& frame);

  const CollectorContext context_;
  const Settings settings_;
  const std::unique_ptr<UnitWatch> watch_;
  KnownServices known_;
  const UnitFamilies families_;
  DescriptorBudget descriptors_;
  CgroupMounts mounts_;
  BootTime pass_deadline_{};

  FamilyId version_family_, running_family_, virtualization_family_, totals_family_, up_family_,
      presence_family_;
  bool resolved_ = false;
  SeriesId running_ = kNoSeries, version_ = kNoSeries, virtualization_ = kNoSeries;
  std::array<SeriesId, kUnitStates.size()> totals_{};
  std::vector<SeriesId> service_up_;  // in the order of settings_.watched
  SeriesMap<std::array<SeriesId, kPresences.size()>> presences_;

  std::uint64_t revision_ = 0;  ///< of what stands below
  std::array<double, kUnitStates.size()> counts_{};
  SeriesMap<std::unique_ptr<UnitSeries>> units_;
  std::vector<Reported> reported_;
  std::vector<std::string> canonical_;  ///< of settings_.watched; "" when it is not loaded
};

SystemdCollector::SystemdCollector(CollectorContext context, Settings settings,
                                   std::unique_ptr<UnitWatch> watch)
    : context_(std::move(context)),
      settings_(std::move(settings)),
      watch_(std::move(watch)),
      known_(context_.paths),
      families_(context_.catalogue) {
  const auto gauge = [&](const char* name, const char* help) {
    return context_.catalogue.declare(name, help, MetricType::gauge);
  };
  version_family_ = gauge("node_systemd_version", "Version of systemd.");
  running_family_ =
      gauge("node_systemd_system_running", "Whether the whole system is up with no failed unit.");
  virtualization_family_ = gauge("node_systemd_virtualization_info",
                                 "What systemd runs in: a virtual machine, a container, or none; always 1.");
  totals_family_ = gauge("node_systemd_units", "Units by state, those not reported one by one included.");
  up_family_ =
      gauge("chiron_service_up", "Whether a watched service is active; 0 also when it does not exist.");
  presence_family_ = gauge("chiron_discovered_service_state",
                           "State of a well-known service that is installed: 1 for the one it is in.");
}

Status SystemdCollector::absent(Error error) {
  resolved_ = false;
  // Not run by systemd (a container, another init): nothing is amiss. systemd makes this directory
  // (sd_booted(3)).
  struct stat found {};
  const bool booted = ::stat(context_.paths.root("/run/systemd/system").c_str(), &found) == 0;
  if (!booted && context_.bus.address.empty() && settings_.watched.empty()) {
    return Error(ErrorCode::no_data, "this host does not run systemd");
  }
  return error;
}

void SystemdCollector::resolve() {
  Catalogue& catalogue = context_.catalogue;
  mounts_ = find_cgroup_mounts(context_.paths);
  running_ = catalogue.series(running_family_, {});
  for (std::size_t i = 0; i < kUnitStates.size(); ++i) {
    totals_[i] = catalogue.series(totals_family_, {{"state", std::string(kUnitStates[i])}});
  }
  service_up_.clear();
  for (const std::string& name : settings_.watched)
    service_up_.push_back(catalogue.series(up_family_, {{"name", name}}));
  const ManagerFacts& manager = watch_->manager();
  version_ = catalogue.series(version_family_, {{"version", manager.version}});
  virtualization_ = catalogue.series(
      virtualization_family_,
      {{"virtualization_type", manager.virtualization.empty() ? "none" : manager.virtualization}});
  units_ = {};
  presences_ = {};
  revision_ = 0;
  resolved_ = true;
}

Status SystemdCollector::collect(Frame& frame) {
  pass_deadline_ = context_.clock.boot() + context_.deadline;
  if (Status updated = watch_->update(remaining()); !updated) return absent(std::move(updated).error());
  if (!resolved_) resolve();
  Status watched;
  if (revision_ != watch_->revision()) {
    watched = find_watched();
    look_again();
    revision_ = watch_->revision();
  }
  const ManagerFacts& manager = watch_->manager();
  frame.add(running_, manager.state == "running" ? 1 : 0);
  frame.add(version_, version_number(manager.version));
  frame.add(virtualization_, 1);
  for (std::size_t i = 0; i < kUnitStates.size(); ++i) frame.add(totals_[i], counts_[i]);
  for (std::size_t i = 0; i < canonical_.size(); ++i) {
    const auto unit = watch_->units().find(canonical_[i]);
    frame.add(service_up_[i], unit != watch_->units().end() && is_up(unit->second.row.active_state) ? 1 : 0);
  }
  report_known(frame);
  for (const Reported& one : reported_) one.series->report(*one.unit, frame);
  if (!watched) resolved_ = false;
  return watched;
}

void SystemdCollector::look_again() {
  counts_ = {};
  reported_.clear();
  units_.begin_pass();
  for (const auto& [name, unit] : watch_->units()) {
    for (std::size_t i = 0; i < kUnitStates.size(); ++i) {
      counts_[i] += unit.row.active_state == kUnitStates[i] ? 1 : 0;
    }
    // Never read: its service type, a label, is not known.
    if (!unit.detailed || unit.row.load_state != "loaded") continue;
    const auto make = [&] {
      return std::make_unique<UnitSeries>(context_.catalogue, families_, settings_.reports, unit);
    };
    std::unique_ptr<UnitSeries>& series = units_.at(name, make);
    if (!series->fits(unit)) series = make();
    const bool ended = unit.row.active_state == "inactive" || unit.row.active_state == "failed";
    series->use_group(mounts_, ended ? "" : unit.control_group, settings_.patterns->resources.search(name),
                      descriptors_);
    reported_.push_back({&unit, series.get()});
  }
  units_.end_pass();
}

Status SystemdCollector::find_watched() {
  canonical_.clear();
  for (const std::string& name : settings_.watched) {
    if (watch_->units().contains(name)) {
      canonical_.push_back(name);
      continue;
    }
    // The list has canonical names only.
    Result<std::string> canonical = watch_->canonical_name(name, remaining());
    if (!canonical && canonical.error().code() != ErrorCode::not_found) {
      canonical_.clear();
      return std::move(canonical).error();
    }
    canonical_.push_back(canonical ? *std::move(canonical) : std::string());
  }
  return {};
}

void SystemdCollector::report_known(Frame& frame) {
  presences_.begin_pass();
  for (const FoundService& service : known_.find(watch_->units(), context_.clock.boot())) {
    const std::string key = fmt::format("{} {}", service.name, service.unit);
    const auto& series = presences_.at(key, [&] {
      std::array<SeriesId, kPresences.size()> made{};
      for (std::size_t i = 0; i < kPresences.size(); ++i) {
        made[i] =
            context_.catalogue.series(presence_family_, {{"name", std::string(service.name)},
                                                         {"unit", service.unit},
                                                         {"state", std::string(to_string(kPresences[i]))}});
      }
      return made;
    });
    for (std::size_t i = 0; i < kPresences.size(); ++i) {
      frame.add(series[i], service.presence == kPresences[i] ? 1 : 0);
    }
  }
  presences_.end_pass();
}

Result<Pattern> whole_name(const CollectorOptions& options, std::string_view option) {
  Result<Pattern> pattern = Pattern::make(fmt::format("^(?:{})$", options.get(option)));
  if (!pattern) return std::move(pattern).error().wrap(std::string(option));
  return pattern;
}

}  // namespace

Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context,
                                                          const MakeUnitWatch& make_watch) {
  const CollectorOptions& options = context.options;
  Result<Pattern> include = whole_name(options, "unit-include");
  if (!include) return std::move(include).error();
  Result<Pattern> exclude = whole_name(options, "unit-exclude");
  if (!exclude) return std::move(exclude).error();
  Result<Pattern> resources = whole_name(options, "resources");
  if (!resources) return std::move(resources).error();
  auto patterns = std::make_shared<const Patterns>(
      Patterns{*std::move(include), *std::move(exclude), *std::move(resources)});
  const UnitReports reports{.restarts = options.flag("enable-restarts-metrics"),
                            .start_times = options.flag("enable-start-time-metrics"),
                            .tasks = options.flag("enable-task-metrics")};
  Settings settings{.patterns = patterns, .reports = reports, .watched = {}};
  for (const std::string& service : context.watched_services) {
    std::string name = full_unit_name(service);
    if (!is_valid_unit_name(name)) {
      return Error(ErrorCode::invalid_argument, fmt::format("services: \"{}\" is not a unit name", service));
    }
    if (std::find(settings.watched.begin(), settings.watched.end(), name) == settings.watched.end()) {
      settings.watched.push_back(std::move(name));
    }
  }
  const bool tasks = reports.tasks;
  UnitInterest interest{.wanted = [patterns](std::string_view name) { return patterns->reported(name); },
                        .control_group =
                            [patterns, tasks](std::string_view name) {
                              return patterns->reported(name) && (patterns->resources.search(name) ||
                                                                  (tasks && name.ends_with(".service")));
                            },
                        .tasks_max = tasks};
  auto watch = make_watch(context.bus, std::move(interest));
  return std::unique_ptr<Collector>(
      std::make_unique<SystemdCollector>(std::move(context), std::move(settings), std::move(watch)));
}

Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context) {
  return make_systemd_collector(std::move(context), make_unit_watch);
}

}  // namespace chiron
