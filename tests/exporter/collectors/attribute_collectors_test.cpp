// Devices whose sysfs attributes are their series: thermal_zone, cpufreq, powersupplyclass, watchdog.
#include "exporter/collectors/attribute_series.h"
#include "tests/exporter/collectors/host_fixture.h"

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

class AttributeCollectors : public HostFixture {
 protected:
  void remove_all(std::string_view path) const { std::filesystem::remove_all(dir_ / path); }
};

constexpr std::string_view kZone = "class/thermal/thermal_zone0/";

TEST_F(AttributeCollectors, ThermalZonesAndCoolingDevices) {
  sys("class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
  sys("class/thermal/thermal_zone0/temp", "44500\n");
  sys("class/thermal/thermal_zone12/type", "iwl\n");
  sys("class/thermal/thermal_zone12/temp", "-5000\n");
  sys("class/thermal/cooling_device0/type", "Processor\n");
  sys("class/thermal/cooling_device0/max_state", "10\n");
  sys("class/thermal/cooling_device0/cur_state", "-1\n");
  make("thermal_zone");
  EXPECT_TRUE(collector_->can_hang());
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_cooling_device_cur_state{name="0",type="Processor"} -1)",
                            R"(node_cooling_device_max_state{name="0",type="Processor"} 10)",
                            R"(node_thermal_zone_temp{type="iwl",zone="12"} -5)",
                            R"(node_thermal_zone_temp{type="x86_pkg_temp",zone="0"} 44.5)"}));
}

TEST_F(AttributeCollectors, DevicesAppearAndVanish) {
  make("thermal_zone");
  EXPECT_FALSE(collector_->can_hang());
  expect_no_data();
  std::filesystem::create_directories(dir_ / "sys/class/thermal");
  expect_no_data();
  sys("class/thermal/thermal_zone0/temp", "1000\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{R"(node_thermal_zone_temp{zone="0"} 1)"});
  sys("class/thermal/thermal_zone1/temp", "2000\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 2u);
  remove_all("sys/class/thermal/thermal_zone0");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{R"(node_thermal_zone_temp{zone="1"} 2)"});
  remove_all("sys/class");
  expect_no_data();
  // Another directory of that path, as when a module was loaded again.
  sys("class/thermal/thermal_zone1/temp", "3000\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{R"(node_thermal_zone_temp{zone="1"} 3)"});
}

TEST_F(AttributeCollectors, OnlyDevicesCanHangNotAnEmptyDirectory) {
  std::filesystem::create_directories(dir_ / "sys/class/thermal");
  make("thermal_zone");
  EXPECT_TRUE(collector_->can_hang());
  EXPECT_FALSE(collector_->can_hang_now());
  expect_no_data();
  sys("class/thermal/thermal_zone0/temp", "1000\n");
  EXPECT_TRUE(collector_->can_hang_now());
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{R"(node_thermal_zone_temp{zone="0"} 1)"});
  remove_all("sys/class/thermal/thermal_zone0");
  expect_no_data();
  EXPECT_FALSE(collector_->can_hang_now());
  expect_no_data();
}

TEST_F(AttributeCollectors, AFileThatComesLaterIsSeenWithinAMinute) {
  sys("class/thermal/cooling_device0/cur_state", "1\n");
  make("thermal_zone");
  ASSERT_TRUE(collect().ok());
  sys("class/thermal/cooling_device0/max_state", "3\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(has(R"(node_cooling_device_max_state{name="0"} 3)"));
  clock_.advance(std::chrono::minutes(1));
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_cooling_device_max_state{name="0"} 3)"));
}

TEST_F(AttributeCollectors, BadContents) {
  sys("class/thermal/thermal_zone1/temp", "7000\n");
  for (const std::string& bad : {std::string("warm\n"), std::string(), std::string("\0\1\2\377", 4),
                                 std::string("99999999999999999999999\n"), std::string("1 2\n"),
                                 std::string("12e3\n"), std::string("0x\n"), std::string("nan\n")}) {
    sys(std::string(kZone) + "temp", bad);
    make("thermal_zone");
    expect_failure("thermal_zone0/temp:1: expected a number");
    EXPECT_EQ(lines(), Lines{R"(node_thermal_zone_temp{zone="1"} 7)"}) << bad;
  }
  sys(std::string(kZone) + "temp", std::string(70'000, '1'));
  make("thermal_zone");
  expect_failure("thermal_zone0/temp: larger than");
  remove("sys/class/thermal/thermal_zone0/temp");
  std::filesystem::create_directories(dir_ / "sys/class/thermal/thermal_zone0/temp");
  make("thermal_zone");
  expect_failure("thermal_zone0/temp: is a directory, not a file");
}

TEST_F(AttributeCollectors, ABadValueRecovers) {
  sys(std::string(kZone) + "temp", "1000\n");
  make("thermal_zone");
  ASSERT_TRUE(collect().ok());
  sys(std::string(kZone) + "temp", "?\n");
  ASSERT_FALSE(collect().ok());
  forget_everything();
  sys(std::string(kZone) + "temp", "2000\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{R"(node_thermal_zone_temp{zone="0"} 2)"});
}

TEST_F(AttributeCollectors, NamesThatAreNoTextAndLongOnes) {
  sys("class/thermal/thermal_zone\xff/temp", "1000\n");
  sys("class/thermal/thermal_zone\xff/type", "a\xff\"b\n" + std::string(500, 'x'));
  make("thermal_zone");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions("zone=\"\xef\xbf\xbd\""));
  EXPECT_TRUE(mentions("type=\"a\xef\xbf\xbd\\\"b\\nxxx"));
  EXPECT_LT(lines().front().size(), 220u);
}

TEST_F(AttributeCollectors, ManyDevicesKeepFewDescriptors) {
  for (int i = 0; i < 400; ++i)
    sys("class/thermal/thermal_zone" + std::to_string(i) + "/temp", std::to_string(i) + "000\n");
  make("thermal_zone");
  const auto open_files = [] {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return std::distance(begin(files), end(files));
  };
  const auto before = open_files();
  ASSERT_TRUE(collect().ok());
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 400u);
  EXPECT_TRUE(has(R"(node_thermal_zone_temp{zone="399"} 399)"));
  EXPECT_LE(open_files() - before, 130);
}

TEST_F(AttributeCollectors, CpufreqInHertzAndGovernors) {
  sys("devices/system/cpu/offline", "1\n");
  sys("devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1\n");
  for (const char* cpu : {"cpu0", "cpu1"}) {
    const std::string path = std::string("devices/system/cpu/") + cpu + "/cpufreq/";
    sys(path + "cpuinfo_cur_freq", "1699981\n");
    sys(path + "cpuinfo_max_freq", "3700000\n");
    sys(path + "cpuinfo_min_freq", "800000\n");
    sys(path + "scaling_cur_freq", "1699981\n");
    sys(path + "scaling_max_freq", "3700000\n");
    sys(path + "scaling_min_freq", "800000\n");
    sys(path + "scaling_governor", "powersave\n");
    sys(path + "scaling_available_governors", "performance powersave\n");
  }
  make("cpufreq");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_cpu_frequency_hertz{cpu="0"} 1699981000)",
                            R"(node_cpu_frequency_max_hertz{cpu="0"} 3.7e+09)",
                            R"(node_cpu_frequency_min_hertz{cpu="0"} 8e+08)",
                            R"(node_cpu_scaling_frequency_hertz{cpu="0"} 1699981000)",
                            R"(node_cpu_scaling_frequency_max_hertz{cpu="0"} 3.7e+09)",
                            R"(node_cpu_scaling_frequency_min_hertz{cpu="0"} 8e+08)",
                            R"(node_cpu_scaling_governor{cpu="0",governor="performance"} 0)",
                            R"(node_cpu_scaling_governor{cpu="0",governor="powersave"} 1)"}));
  sys("devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_cpu_scaling_governor{cpu="0",governor="performance"} 1)"));
}

TEST_F(AttributeCollectors, CpufreqAbsentAndBad) {
  make("cpufreq");
  expect_no_data();
  sys("devices/system/cpu/cpu0/topology/core_id", "0\n");
  expect_no_data();
  sys("devices/system/cpu/offline", "x-y\n");
  make("cpufreq");
  expect_failure("cpu/offline:1: expected a list of CPUs");
  expect_failure("cpu/offline:1: expected a list of CPUs");
}

TEST_F(AttributeCollectors, PowerSupplies) {
  sys("class/power_supply/AC/type", "Mains\n");
  sys("class/power_supply/AC/online", "0\n");
  sys("class/power_supply/BAT0/type", "Battery\n");
  sys("class/power_supply/BAT0/status", "Discharging\n");
  sys("class/power_supply/BAT0/model_name", "LNV-45N1  \n");
  sys("class/power_supply/BAT0/capacity", "98\n");
  sys("class/power_supply/BAT0/energy_now", "49450000\n");
  sys("class/power_supply/BAT0/voltage_now", "12229000\n");
  sys("class/power_supply/BAT0/temp", "301\n");
  sys("class/power_supply/BAT0/cycle_count", "-1\n");
  make("powersupplyclass");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_power_supply_capacity{power_supply="BAT0"} 98)",
                            R"(node_power_supply_cyclecount{power_supply="BAT0"} -1)",
                            R"(node_power_supply_energy_watthour{power_supply="BAT0"} 49.45)",
                            R"(node_power_supply_info{model_name="LNV-45N1",power_supply="BAT0",)"
                            R"(status="Discharging",type="Battery"} 1)",
                            R"(node_power_supply_info{power_supply="AC",type="Mains"} 1)",
                            R"(node_power_supply_online{power_supply="AC"} 0)",
                            R"(node_power_supply_temp_celsius{power_supply="BAT0"} 30.1)",
                            R"(node_power_supply_voltage_volt{power_supply="BAT0"} 12.229)"}));
  sys("class/power_supply/BAT0/status", "Charging\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions(R"(status="Charging")"));
  EXPECT_FALSE(mentions("Discharging"));
  option("ignored-supplies", {"^BAT"});
  make("powersupplyclass");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 2u);
}

TEST_F(AttributeCollectors, Watchdogs) {
  make("watchdog");
  expect_no_data();
  sys("class/watchdog/watchdog0/bootstatus", "1\n");
  sys("class/watchdog/watchdog0/nowayout", "0\n");
  sys("class/watchdog/watchdog0/timeout", "60\n");
  sys("class/watchdog/watchdog0/timeleft", "300\n");
  sys("class/watchdog/watchdog0/identity", "iTCO_wdt\n");
  sys("class/watchdog/watchdog0/state", "active\n");
  sys("class/watchdog/watchdog0/status", "0x8000\n");
  sys("class/watchdog/watchdog1/uevent", "\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_watchdog_bootstatus{name="watchdog0"} 1)",
                            R"(node_watchdog_info{identity="iTCO_wdt",name="watchdog0",state="active",)"
                            R"(status="0x8000"} 1)",
                            R"(node_watchdog_info{name="watchdog1"} 1)",
                            R"(node_watchdog_nowayout{name="watchdog0"} 0)",
                            R"(node_watchdog_timeleft_seconds{name="watchdog0"} 300)",
                            R"(node_watchdog_timeout_seconds{name="watchdog0"} 60)"}));
}

TEST(AttributeNumbers, Forms) {
  EXPECT_EQ(parse_attribute("0x1003"), 4099);
  EXPECT_EQ(parse_attribute("-1"), -1);
  EXPECT_EQ(parse_attribute("18446744073709551615"), 18446744073709551615.0);
  EXPECT_EQ(parse_attribute("+1"), std::nullopt);
  EXPECT_EQ(parse_attribute(""), std::nullopt);
}

}  // namespace
}  // namespace chiron
