#include "exporter/collectors/hwmon_names.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>

namespace chiron {
namespace {

constexpr std::array<std::string_view, 14> kKinds = {
    "vrm",  "beep_enable", "update_interval", "in",     "cpu",      "fan",       "pwm",
    "temp", "curr",        "power",           "energy", "humidity", "intrusion", "freq"};

constexpr double kMilli = 0.001;
constexpr double kMicro = -1e6;

std::string_view kind_of(std::string_view sensor) {
  return sensor.substr(
      0, static_cast<std::size_t>(std::find_if(sensor.begin(), sensor.end(), is_digit) - sensor.begin()));
}

struct Form {
  std::string_view suffix;
  double unit = 1;
  MetricType type = MetricType::gauge;
};

Form form_of(std::string_view kind, std::string_view property) {
  if (property == "fault" || property == "alarm") return {};
  if (property == "beep") return {"_enabled"};
  if (kind == "in" || kind == "cpu") return {"_volts", kMilli};
  if (kind == "temp" && property != "type") return {"_celsius", kMilli};
  if (kind == "curr") return {"_amps", kMilli};
  if (kind == "energy") return {"_joule_total", kMicro, MetricType::counter};
  if (kind == "power" && property == "accuracy") return {"", kMicro};
  if (kind == "power" && property.starts_with("average_interval")) return {"_seconds", kMilli};
  if (kind == "power") return {"_watt", kMicro};
  if (kind == "humidity") return {"", kMicro};
  if (kind == "fan" &&
      (property == "input" || property == "min" || property == "max" || property == "target"))
    return {"_rpm"};
  if (kind == "freq" && property == "input") return {"_freq_mhz", kMicro};
  return {};
}

}  // namespace

std::optional<HwmonFile> parse_hwmon_file(std::string_view name) {
  const std::string_view kind = kind_of(name);
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) return std::nullopt;
  std::string_view rest = name.substr(kind.size());
  const auto digits =
      static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
  const std::optional<std::uint32_t> number =
      digits == 0 ? std::optional<std::uint32_t>(0) : parse_int<std::uint32_t>(rest.substr(0, digits));
  rest.remove_prefix(digits);
  if (!number || (!rest.empty() && (rest.front() != '_' || rest.size() == 1))) return std::nullopt;
  return HwmonFile{std::string(kind) + std::to_string(*number),
                   std::string(rest.empty() ? rest : rest.substr(1))};
}

std::optional<HwmonSeries> hwmon_series(std::string_view sensor, std::string_view property, bool has_plain,
                                        std::string_view label) {
  const std::string_view kind = kind_of(sensor);
  HwmonSeries series{"node_hwmon_", "Hardware monitor: ", std::string(sensor)};
  series.help.append(kind).append(property.empty() ? "" : " ").append(property).append(".");
  if (kind == "beep_enable" || kind == "vrm" || kind == "update_interval") {
    if (!property.empty()) return std::nullopt;
    series.family += kind == "vrm"           ? "voltage_regulator_version"
                     : kind == "beep_enable" ? "beep_enabled"
                                             : "update_interval_seconds";
    if (kind == "update_interval") series.unit = kMilli;
    return series;
  }
  if (property == "label") return std::nullopt;
  series.family += kind;
  // The input is the value itself.
  if (property == "input") {
    if (has_plain) series.family += "_input";
  } else if (!property.empty()) {
    const std::string cleaned = hwmon_clean(property);
    series.family.append(1, '_').append(cleaned);
  }
  if (kind == "freq" && property == "input") {
    if (label.empty()) return std::nullopt;
    series.sensor = hwmon_clean(label);
  }
  const Form form = form_of(kind, property);
  series.family += form.suffix;
  series.unit = form.unit;
  series.type = form.type;
  return series;
}

std::string hwmon_clean(std::string_view name) {
  std::string out = to_lower(name);
  for (char& c : out) {
    if ((c < 'a' || c > 'z') && !is_digit(c)) c = '_';
  }
  const std::size_t first = out.find_first_not_of('_');
  if (first == std::string::npos) return {};
  return out.substr(first, out.find_last_not_of('_') - first + 1);
}

std::string hwmon_chip(const std::string& directory, std::string_view own_name, std::string_view number) {
  std::error_code failed;
  const std::filesystem::path device = std::filesystem::canonical(directory + "/device", failed);
  if (!failed) {
    const std::string name = hwmon_clean(device.filename().string());
    const std::string bus = hwmon_clean(device.parent_path().filename().string());
    if (!name.empty()) return bus.empty() ? name : bus + '_' + name;
  }
  const std::string own = hwmon_clean(own_name);
  return own.empty() ? hwmon_clean(number) : own;
}

}  // namespace chiron
