#include "exporter/collectors/powersupplyclass.h"

#include "exporter/collectors/device_collector.h"

namespace chiron {
namespace {

/// The kernel counts in millionths, and temperatures in tenths.
constexpr double kMicro = -1e6;
constexpr double kTenth = -10;

constexpr NumberAttribute kNumbers[] = {
    {"authentic", "node_power_supply_authentic", "Whether the battery is genuine."},
    {"calibrate", "node_power_supply_calibrate", "Whether the battery is being calibrated."},
    {"capacity", "node_power_supply_capacity", "Charge of the battery in percent."},
    {"capacity_alert_max", "node_power_supply_capacity_alert_max",
     "Charge in percent above which the system is told."},
    {"capacity_alert_min", "node_power_supply_capacity_alert_min",
     "Charge in percent below which the system is told."},
    {"cycle_count", "node_power_supply_cyclecount", "Charging cycles of the battery."},
    {"online", "node_power_supply_online", "Whether the supply feeds the system."},
    {"present", "node_power_supply_present", "Whether the battery is there."},
    {"time_to_empty_now", "node_power_supply_time_to_empty_seconds", "Seconds until the battery is empty."},
    {"time_to_full_now", "node_power_supply_time_to_full_seconds", "Seconds until the battery is full."},
    {"current_boot", "node_power_supply_current_boot", "Current at boot, in amperes.", kMicro},
    {"current_max", "node_power_supply_current_max", "Highest current, in amperes.", kMicro},
    {"current_now", "node_power_supply_current_ampere", "Current, in amperes.", kMicro},
    {"energy_empty", "node_power_supply_energy_empty", "Energy when empty, in watt-hours.", kMicro},
    {"energy_empty_design", "node_power_supply_energy_empty_design",
     "Energy when empty by design, in watt-hours.", kMicro},
    {"energy_full", "node_power_supply_energy_full", "Energy when full, in watt-hours.", kMicro},
    {"energy_full_design", "node_power_supply_energy_full_design",
     "Energy when full by design, in watt-hours.", kMicro},
    {"energy_now", "node_power_supply_energy_watthour", "Energy, in watt-hours.", kMicro},
    {"voltage_boot", "node_power_supply_voltage_boot", "Voltage at boot, in volts.", kMicro},
    {"voltage_max", "node_power_supply_voltage_max", "Highest voltage, in volts.", kMicro},
    {"voltage_max_design", "node_power_supply_voltage_max_design", "Highest voltage by design, in volts.",
     kMicro},
    {"voltage_min", "node_power_supply_voltage_min", "Lowest voltage, in volts.", kMicro},
    {"voltage_min_design", "node_power_supply_voltage_min_design", "Lowest voltage by design, in volts.",
     kMicro},
    {"voltage_now", "node_power_supply_voltage_volt", "Voltage, in volts.", kMicro},
    {"voltage_ocv", "node_power_supply_voltage_ocv", "Voltage without load, in volts.", kMicro},
    {"charge_control_limit", "node_power_supply_charge_control_limit",
     "Limit of the charging current, in amperes.", kMicro},
    {"charge_control_limit_max", "node_power_supply_charge_control_limit_max",
     "Highest limit of the charging current, in amperes.", kMicro},
    {"charge_counter", "node_power_supply_charge_counter", "Charge counted, in ampere-hours.", kMicro},
    {"charge_empty", "node_power_supply_charge_empty", "Charge when empty, in ampere-hours.", kMicro},
    {"charge_empty_design", "node_power_supply_charge_empty_design",
     "Charge when empty by design, in ampere-hours.", kMicro},
    {"charge_full", "node_power_supply_charge_full", "Charge when full, in ampere-hours.", kMicro},
    {"charge_full_design", "node_power_supply_charge_full_design",
     "Charge when full by design, in ampere-hours.", kMicro},
    {"charge_now", "node_power_supply_charge_ampere", "Charge, in ampere-hours.", kMicro},
    {"charge_term_current", "node_power_supply_charge_term_current",
     "Current at which charging ends, in amperes.", kMicro},
    {"constant_charge_current", "node_power_supply_constant_charge_current", "Charging current, in amperes.",
     kMicro},
    {"constant_charge_current_max", "node_power_supply_constant_charge_current_max",
     "Highest charging current, in amperes.", kMicro},
    {"constant_charge_voltage", "node_power_supply_constant_charge_voltage", "Charging voltage, in volts.",
     kMicro},
    {"constant_charge_voltage_max", "node_power_supply_constant_charge_voltage_max",
     "Highest charging voltage, in volts.", kMicro},
    {"precharge_current", "node_power_supply_precharge_current", "Current of precharging, in amperes.",
     kMicro},
    {"input_current_limit", "node_power_supply_input_current_limit",
     "Limit of the input current, in amperes.", kMicro},
    {"power_now", "node_power_supply_power_watt", "Power, in watts.", kMicro},
    {"temp", "node_power_supply_temp_celsius", "Temperature, in degrees Celsius.", kTenth},
    {"temp_alert_max", "node_power_supply_temp_alert_max_celsius",
     "Temperature above which the system is told.", kTenth},
    {"temp_alert_min", "node_power_supply_temp_alert_min_celsius",
     "Temperature below which the system is told.", kTenth},
    {"temp_ambient", "node_power_supply_temp_ambient_celsius", "Temperature around it, in degrees Celsius.",
     kTenth},
    {"temp_ambient_max", "node_power_supply_temp_ambient_max_celsius",
     "Highest temperature around it, in degrees Celsius.", kTenth},
    {"temp_ambient_min", "node_power_supply_temp_ambient_min_celsius",
     "Lowest temperature around it, in degrees Celsius.", kTenth},
    {"temp_max", "node_power_supply_temp_max_celsius", "Highest temperature, in degrees Celsius.", kTenth},
    {"temp_min", "node_power_supply_temp_min_celsius", "Lowest temperature, in degrees Celsius.", kTenth},
};
constexpr TextAttribute kTexts[] = {
    {"capacity_level", "capacity_level"},
    {"charge_type", "charge_type"},
    {"health", "health"},
    {"manufacturer", "manufacturer"},
    {"model_name", "model_name"},
    {"serial_number", "serial_number"},
    {"status", "status"},
    {"technology", "technology"},
    {"type", "type"},
    {"usb_type", "usb_type"},
    {"scope", "scope"},
};
constexpr DeviceTable kTables[] = {
    {.prefix = {},
     .label = "power_supply",
     .texts = {},
     .numbers = kNumbers,
     .info = "node_power_supply_info",
     .info_help = "Identity and state of a power supply; always 1.",
     .info_texts = kTexts},
};

}  // namespace

Result<std::unique_ptr<Collector>> make_powersupplyclass_collector(CollectorContext context) {
  Result<std::optional<Pattern>> ignored = ignored_devices(context, "ignored-supplies");
  if (!ignored) return std::move(ignored).error();
  // The embedded controller of a laptop is asked, over a slow bus.
  return make_device_collector(context, "class/power_supply", kTables, {.slow = true}, std::move(*ignored));
}

}  // namespace chiron
