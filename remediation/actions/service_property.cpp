#include "remediation/actions/service_property.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::remediation {
namespace {

constexpr Duration kCall = std::chrono::seconds(5);
/// How systemd says that there is no limit, or that a weight is not set.
constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view kInfinityText = "infinity";

enum class Unit { share_of_cpu, weight, bytes, count };
struct Property {
  std::string_view argument;
  std::string_view name;
  const char* bus_name;  // org.freedesktop.systemd1(5)
  Unit unit;
  std::string_view help;
};
constexpr Property kTable[] = {
    {"cpu_quota", "CPUQuota", "CPUQuotaPerSecUSec", Unit::share_of_cpu,
     "share of one CPU that the unit may use, such as 50% or 200%; infinity: no limit"},
    {"cpu_weight", "CPUWeight", "CPUWeight", Unit::weight,
     "its part of the CPU beside others, from 1 to 10000, where 100 is usual"},
    {"memory_high", "MemoryHigh", "MemoryHigh", Unit::bytes,
     "memory above which it is slowed down and reclaimed from, such as 512MiB; infinity: no limit"},
    {"memory_max", "MemoryMax", "MemoryMax", Unit::bytes,
     "memory above which the kernel kills in it, such as 1GiB; infinity: no limit"},
    {"tasks_max", "TasksMax", "TasksMax", Unit::count,
     "processes and threads that it may have; infinity: no limit"},
    {"io_weight", "IOWeight", "IOWeight", Unit::weight,
     "its part of the disks beside others, from 1 to 10000, where 100 is usual"},
};
static_assert(std::size(kTable) == ServiceSetProperty::kProperties);

Error wrong(const Property& property, std::string_view text, std::string_view what) {
  return {ErrorCode::invalid_argument,
          fmt::format("{}: {} must be {}", property.argument, quoted(text), what)};
}

Result<std::uint64_t> parse_value(const Property& property, const std::string& text) {
  if (text == kInfinityText && property.unit != Unit::weight) return kInfinity;
  switch (property.unit) {
    case Unit::share_of_cpu: {
      const auto percent = text.ends_with('%')
                               ? parse_double(std::string_view(text).substr(0, text.size() - 1))
                               : std::nullopt;
      if (!percent || !(*percent >= 1 && *percent <= 1e6)) {
        return wrong(property, text, "a share of one CPU, such as 50%, at least 1%, or infinity");
      }
      return static_cast<std::uint64_t>(std::llround(*percent * 10'000));
    }
    case Unit::weight: {
      const auto weight = parse_int<std::uint64_t>(text);
      if (!weight || *weight < 1 || *weight > 10'000) return wrong(property, text, "from 1 to 10000");
      return *weight;
    }
    case Unit::bytes: {
      const Result<std::uint64_t> bytes = parse_bytes(text);
      if (!bytes || *bytes == 0) return wrong(property, text, "a size, such as 512MiB, or infinity");
      return *bytes;
    }
    case Unit::count: {
      const auto count = parse_int<std::uint64_t>(text);
      if (!count || *count < 1) return wrong(property, text, "a whole number from 1, or infinity");
      return *count;
    }
  }
  return Error(ErrorCode::internal, "a property without a unit");
}

const Property& row_of(std::string_view name) { return *std::ranges::find(kTable, name, &Property::name); }

std::string show(std::string_view name, std::uint64_t value) {
  const Unit unit = row_of(name).unit;
  if (value == kInfinity) return unit == Unit::weight ? "not set" : std::string(kInfinityText);
  if (unit == Unit::share_of_cpu) return fmt::format("{}%", static_cast<double>(value) / 10'000);
  if (unit == Unit::bytes) return format_bytes(value);
  return fmt::format("{}", value);
}

}  // namespace

void ServiceSetProperty::declare(Arguments& arguments) {
  arguments.add("unit", &unit_, Need::required, "unit to act on: nginx.service, or nginx for short");
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    arguments.add(kTable[i].argument, &texts_[i], Need::optional, kTable[i].help);
  }
}

Status ServiceSetProperty::validate() const {
  if (Status allowed = check_not_denied(full_unit_name(unit_)); !allowed) return allowed;
  if (std::ranges::all_of(texts_, &std::string::empty)) {
    return Error(ErrorCode::invalid_argument, "nothing is to be set; name at least one of the properties");
  }
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (texts_[i].empty()) continue;
    if (Result<std::uint64_t> value = parse_value(kTable[i], texts_[i]); !value)
      return std::move(value).error();
  }
  return {};
}

Result<std::vector<ServiceSetProperty::Change>> ServiceSetProperty::changes(ActionContext& context,
                                                                            SystemdManager& manager,
                                                                            std::string& id) const {
  const Result<UnitState> unit = UnitWork(context, manager).find(unit_);
  if (!unit) return unit.error();
  id = unit->id;
  if (unit->active_state != "active" && unit->active_state != "reloading") {
    return Error(
        ErrorCode::failed_precondition,
        fmt::format("{} is left alone: it is {}, there is nothing to limit", id, unit->active_state));
  }
  std::vector<Change> changes;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (texts_[i].empty()) continue;
    Result<std::uint64_t> wanted = parse_value(kTable[i], texts_[i]);
    if (!wanted) return std::move(wanted).error();
    changes.push_back({std::string(kTable[i].name), kTable[i].bus_name, 0, *wanted});
    names.emplace_back(kTable[i].bus_name);
  }
  const Result<std::vector<std::uint64_t>> now =
      manager.numbers(id, names, std::min(kCall, context.remaining()));
  if (!now) return now.error();
  for (std::size_t i = 0; i < changes.size(); ++i) changes[i].before = (*now)[i];
  return changes;
}

Result<Plan> ServiceSetProperty::plan(ActionContext& context) {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context.bus);
  std::string id;
  const Result<std::vector<Change>> changes = this->changes(context, *manager, id);
  if (!changes) return changes.error();
  Plan plan;
  std::vector<std::string> told;
  for (const Change& change : *changes) {
    if (change.before == change.wanted) continue;
    told.push_back(fmt::format("{} from {} to {}", change.property, show(change.property, change.before),
                               show(change.property, change.wanted)));
    plan.items.push_back({.what = fmt::format("{} of {}", change.property, id), .note = told.back()});
  }
  plan.objects = plan.items.size();
  plan.summary = told.empty() ? fmt::format("nothing to do for {}: it is limited so already", id)
                              : fmt::format("set {}'s {}", id, fmt::join(told, ", "));
  return plan;
}

Status ServiceSetProperty::run(ActionContext& context, Report& report) {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context.bus);
  std::string id;
  const Result<std::vector<Change>> changes = this->changes(context, *manager, id);
  if (!changes) return changes.error();
  report.facts.emplace_back("unit", id);
  std::vector<std::pair<std::string, std::uint64_t>> wanted;
  std::vector<std::string> names;
  for (const Change& change : *changes) {
    if (change.before == change.wanted) continue;
    wanted.emplace_back(change.bus_name, change.wanted);
    names.push_back(change.property);
    report.facts.emplace_back(change.property + "_before", show(change.property, change.before));
  }
  if (wanted.empty()) {
    report.summary = fmt::format("{} is limited so already", id);
    return {};
  }
  if (Status set = manager->set_numbers(id, wanted, std::min(kCall, context.remaining())); !set) return set;
  const Result<std::vector<Change>> after = this->changes(context, *manager, id);
  if (!after) return Error(after.error()).wrap("it was asked for, but what became of it is not known");
  for (const Change& change : *after) {
    if (std::ranges::find(names, change.property) == names.end()) continue;
    report.facts.emplace_back(change.property, show(change.property, change.before));
    if (change.before == change.wanted) continue;
    return Error(ErrorCode::unavailable,
                 fmt::format("{} of {} is {} still, though systemd was asked for {}", change.property, id,
                             show(change.property, change.before), show(change.property, change.wanted)));
  }
  report.summary = fmt::format("set {} of {}, until the host reboots", fmt::join(names, ", "), id);
  return {};
}

}  // namespace chiron::remediation
