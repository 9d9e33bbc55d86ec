#include "exporter/collectors/systemd.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/series_map.h"
#include "exporter/series/labels.h"

#include <array>

#include <fmt/format.h>
#include <sys/stat.h>

namespace chiron {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"activating", "active", "deactivating", "failed",
                                                     "inactive"};

/// Restarts and start times cost D-Bus calls per unit. They are read again when the unit's row in ListUnits
/// changed, in each pass for watched services, and otherwise this often: a service that restarts between two
/// passes shows the same row before and after.
constexpr Duration kRefresh = std::chrono::seconds(30);
/// Passes between two looks at systemd's version.
constexpr int kVersionPasses = 100;

struct Settings {
  Pattern include, exclude;
  bool restarts = true;
  bool start_times = true;
  std::vector<std::string> watched;
};

/// What is kept of a unit between passes.
struct Unit {
  std::string active_state, sub_state;
  UnitState detail;
  std::optional<BootTime> read;
  bool has_series = false;
  std::array<SeriesId, kStates.size()> state{};
  SeriesId restarts = kNoSeries;
  SeriesId start_time = kNoSeries;
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
  SystemdCollector(CollectorContext context, Settings settings, std::unique_ptr<SystemdManager> manager);
  bool can_hang() const override { return true; }

  Status collect(Frame& frame) override;

 private:
  Duration remaining() const { return pass_deadline_ - context_.clock.boot(); }
  bool reported(const UnitSummary& unit) const {
    return unit.load_state == "loaded" && settings_.include.search(unit.name) &&
           !settings_.exclude.search(unit.name);
  }
  /// The handles of what is always reported. Resolved again after a pass without systemd.
  void resolve();
  bool wants_details() const { return settings_.restarts || settings_.start_times; }
  void report_totals(const std::vector<UnitSummary>& units, Frame& frame);
  Status report_manager(Frame& frame);
  /// Reads the details of the units that are due.
  Status refresh(const std::vector<const UnitSummary*>& units);
  void report_unit(const UnitSummary& unit, Frame& frame);
  void make_series(const std::string& name, Unit& unit);
  Status report_watched(const std::vector<UnitSummary>& units, Frame& frame);
  Result<bool> watched_is_up(const std::string& name, const std::map<std::string_view, bool>& up_by_name);

  const CollectorContext context_;
  const Settings settings_;
  const std::unique_ptr<SystemdManager> manager_;
  BootTime pass_deadline_{};

  FamilyId unit_state_, restart_total_, start_time_, version_family_, running_family_, totals_family_,
      up_family_;
  bool resolved_ = false;
  SeriesId running_ = kNoSeries;
  std::array<SeriesId, kStates.size()> totals_{};
  std::vector<SeriesId> service_up_;  // in the order of settings_.watched
  SeriesMap<Unit> units_;
  std::map<std::string, std::string> canonical_;  // of watched names that are aliases
  std::string version_;
  SeriesId version_series_ = kNoSeries;
  int passes_ = 0;
};

SystemdCollector::SystemdCollector(CollectorContext context, Settings settings,
                                   std::unique_ptr<SystemdManager> manager)
    : context_(std::move(context)), settings_(std::move(settings)), manager_(std::move(manager)) {
  Catalogue& catalogue = context_.catalogue;
  unit_state_ = catalogue.declare("node_systemd_unit_state",
                                  "State of a systemd unit: 1 for the one it is in.", MetricType::gauge);
  restart_total_ = catalogue.declare("node_systemd_service_restart_total",
                                     "How often systemd restarted a service by itself.", MetricType::counter);
  start_time_ = catalogue.declare("node_systemd_unit_start_time_seconds",
                                  "When a unit became active, in seconds since the epoch; 0 while it is not.",
                                  MetricType::gauge);
  version_family_ = catalogue.declare("node_systemd_version", "Version of systemd.", MetricType::gauge);
  running_family_ =
      catalogue.declare("node_systemd_system_running", "Whether the whole system is up with no failed unit.",
                        MetricType::gauge);
  totals_family_ = catalogue.declare(
      "node_systemd_units", "Units by state, those not reported one by one included.", MetricType::gauge);
  up_family_ = catalogue.declare("chiron_service_up",
                                 "Whether a watched service is active; 0 also when it does not exist.",
                                 MetricType::gauge);
}

void SystemdCollector::resolve() {
  Catalogue& catalogue = context_.catalogue;
  running_ = catalogue.series(running_family_, {});
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    totals_[i] = catalogue.series(totals_family_, {{"state", std::string(kStates[i])}});
  }
  service_up_.clear();
  for (const std::string& name : settings_.watched)
    service_up_.push_back(catalogue.series(up_family_, {{"name", name}}));
  resolved_ = true;
}

Status SystemdCollector::collect(Frame& frame) {
  pass_deadline_ = context_.clock.boot() + context_.deadline;
  Result<std::vector<UnitSummary>> units = manager_->list_units(remaining());
  if (!units) {
    version_series_ = kNoSeries;
    resolved_ = false;
    units_ = {};
    // Not run by systemd (a container, another init): nothing is amiss. systemd makes this directory
    // (sd_booted(3)).
    struct stat found {};
    const bool booted = ::stat(context_.paths.root("/run/systemd/system").c_str(), &found) == 0;
    if (!booted && context_.bus.address.empty() && settings_.watched.empty()) {
      return Error(ErrorCode::no_data, "this host does not run systemd");
    }
    return std::move(units).error();
  }

  if (!resolved_) resolve();
  report_totals(*units, frame);
  std::vector<const UnitSummary*> shown;
  for (const UnitSummary& unit : *units) {
    if (reported(unit)) shown.push_back(&unit);
  }
  units_.begin_pass();
  const Status refreshed = refresh(shown);
  for (const UnitSummary* unit : shown) report_unit(*unit, frame);
  units_.end_pass();
  const Status watched = report_watched(*units, frame);
  const Status manager = report_manager(frame);
  if (!refreshed) return refreshed;
  return watched ? manager : watched;
}

void SystemdCollector::report_totals(const std::vector<UnitSummary>& units, Frame& frame) {
  std::array<double, kStates.size()> counts{};
  for (const UnitSummary& unit : units) {
    for (std::size_t i = 0; i < kStates.size(); ++i) counts[i] += unit.active_state == kStates[i] ? 1 : 0;
  }
  for (std::size_t i = 0; i < kStates.size(); ++i) frame.add(totals_[i], counts[i]);
}

Status SystemdCollector::report_manager(Frame& frame) {
  Result<std::string> state = manager_->system_state(remaining());
  if (!state) {
    resolved_ = false;
    return std::move(state).error();
  }
  frame.add(running_, *state == "running" ? 1 : 0);
  if (version_series_ == kNoSeries || ++passes_ % kVersionPasses == 0) {
    Result<std::string> version = manager_->version(remaining());
    if (!version) return std::move(version).error();
    version_ = *std::move(version);
    version_series_ = context_.catalogue.series(version_family_, {{"version", version_}});
  }
  frame.add(version_series_, version_number(version_));
  return {};
}

Status SystemdCollector::refresh(const std::vector<const UnitSummary*>& units) {
  const BootTime now = context_.clock.boot();
  std::vector<std::string> due;
  for (const UnitSummary* summary : units) {
    Unit& unit = units_.at(summary->name, [] { return Unit(); });
    const bool changed = unit.active_state != summary->active_state || unit.sub_state != summary->sub_state;
    const bool watched = std::find(settings_.watched.begin(), settings_.watched.end(), summary->name) !=
                         settings_.watched.end();
    // Without details only the service type is wanted, once.
    const bool stale = wants_details() && (changed || watched || !unit.read || now - *unit.read >= kRefresh);
    if (!unit.read || stale) due.push_back(summary->name);
  }
  Result<std::vector<UnitState>> details = manager_->units(due, remaining());
  if (!details) return std::move(details).error();
  for (UnitState& detail : *details) {
    Unit& unit = units_.at(detail.id, [] { return Unit(); });
    if (unit.has_series && unit.detail.type != detail.type) unit.has_series = false;
    unit.detail = std::move(detail);
    unit.read = now;
  }
  // One that could not be read stands as it was, and stays due.
  for (const UnitSummary* summary : units) {
    Unit& unit = units_.at(summary->name, [] { return Unit(); });
    if (unit.read != now) continue;
    unit.active_state = summary->active_state;
    unit.sub_state = summary->sub_state;
  }
  return {};
}

void SystemdCollector::make_series(const std::string& name, Unit& unit) {
  Catalogue& catalogue = context_.catalogue;
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    unit.state[i] = catalogue.series(
        unit_state_, {{"name", name}, {"state", std::string(kStates[i])}, {"type", unit.detail.type}});
  }
  if (settings_.restarts && name.ends_with(".service")) {
    unit.restarts = catalogue.series(restart_total_, {{"name", name}});
  }
  if (settings_.start_times) unit.start_time = catalogue.series(start_time_, {{"name", name}});
  unit.has_series = true;
}

void SystemdCollector::report_unit(const UnitSummary& summary, Frame& frame) {
  Unit& unit = units_.at(summary.name, [] { return Unit(); });
  // Never read: its service type, a label, is not known.
  if (!unit.read) return;
  if (!unit.has_series) make_series(summary.name, unit);
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    frame.add(unit.state[i], summary.active_state == kStates[i] ? 1 : 0);
  }
  if (unit.restarts != kNoSeries) frame.add(unit.restarts, unit.detail.restarts);
  if (unit.start_time != kNoSeries) {
    const double since = static_cast<double>(unit.detail.active_enter_us) / 1e6;
    frame.add(unit.start_time, summary.active_state == "active" ? since : 0);
  }
}

Result<bool> SystemdCollector::watched_is_up(const std::string& name,
                                             const std::map<std::string_view, bool>& up_by_name) {
  const auto alias = canonical_.find(name);
  const auto listed = up_by_name.find(alias != canonical_.end() ? alias->second : name);
  if (listed != up_by_name.end()) return listed->second;
  // ListUnits has what is loaded, under canonical names only.
  canonical_.erase(name);
  Result<UnitState> unit = manager_->unit(name, remaining());
  if (!unit && unit.error().code() == ErrorCode::not_found) return false;
  if (!unit) return std::move(unit).error();
  if (unit->id != name) canonical_[name] = unit->id;
  return is_up(unit->active_state);
}

Status SystemdCollector::report_watched(const std::vector<UnitSummary>& units, Frame& frame) {
  std::map<std::string_view, bool> up_by_name;
  if (!settings_.watched.empty()) {
    for (const UnitSummary& unit : units) up_by_name.emplace(unit.name, is_up(unit.active_state));
  }
  Status status;
  for (std::size_t i = 0; i < settings_.watched.size(); ++i) {
    Result<bool> up = watched_is_up(settings_.watched[i], up_by_name);
    if (up) {
      frame.add(service_up_[i], *up ? 1 : 0);
    } else {
      resolved_ = false;
      status = std::move(up).error();
    }
  }
  return status;
}

Result<Pattern> whole_name(std::string_view expression) {
  return Pattern::make(fmt::format("^(?:{})$", expression));
}

}  // namespace

Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context,
                                                          std::unique_ptr<SystemdManager> manager) {
  Result<Pattern> include = whole_name(context.options.get("unit-include"));
  if (!include) return std::move(include).error().wrap("unit-include");
  Result<Pattern> exclude = whole_name(context.options.get("unit-exclude"));
  if (!exclude) return std::move(exclude).error().wrap("unit-exclude");
  Settings settings{
      .include = *std::move(include),
      .exclude = *std::move(exclude),
      .restarts = parse_bool(context.options.get("enable-restarts-metrics")).value_or(true),
      .start_times = parse_bool(context.options.get("enable-start-time-metrics")).value_or(true),
      .watched = {}};
  for (const std::string& service : context.watched_services) {
    std::string name = full_unit_name(service);
    if (!is_valid_unit_name(name)) {
      return Error(ErrorCode::invalid_argument, fmt::format("services: \"{}\" is not a unit name", service));
    }
    if (std::find(settings.watched.begin(), settings.watched.end(), name) == settings.watched.end()) {
      settings.watched.push_back(std::move(name));
    }
  }
  return std::unique_ptr<Collector>(
      std::make_unique<SystemdCollector>(std::move(context), std::move(settings), std::move(manager)));
}

Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context) {
  auto manager = make_systemd_manager(context.bus);
  return make_systemd_collector(std::move(context), std::move(manager));
}

}  // namespace chiron
