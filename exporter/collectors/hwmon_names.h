#pragma once

#include "exporter/series/catalogue.h"

#include <optional>
#include <string>
#include <string_view>

namespace chiron {

/// A file of a chip: "temp1_crit" is the property crit of the sensor temp1.
struct HwmonFile {
  std::string sensor;
  std::string property;
};
/// Nothing for a file that is no sensor's (Documentation/hwmon/sysfs-interface.rst names the kinds).
std::optional<HwmonFile> parse_hwmon_file(std::string_view name);

/// How node_exporter reports a property of a sensor.
struct HwmonSeries {
  std::string family;
  std::string help;
  std::string sensor;  ///< the label's value
  double unit = 1;     ///< as in NumberAttribute
  MetricType type = MetricType::gauge;
};
/// `has_plain`: the sensor has a file without a property, whose family the input would share. `label` is the
/// board's name of the sensor.
std::optional<HwmonSeries> hwmon_series(std::string_view sensor, std::string_view property, bool has_plain,
                                        std::string_view label);

/// In lower case, anything but letters, digits and underscores replaced by those, none at the ends.
std::string hwmon_clean(std::string_view name);

/// The label of a chip: bus and name of its device, which stay the same from boot to boot; else the driver's
/// name; else hwmonN. `directory` is the chip's, below class/hwmon.
std::string hwmon_chip(const std::string& directory, std::string_view own_name, std::string_view number);

}  // namespace chiron
