// hwmon, netclass, bonding, dmi, rapl, edac, nvme, mdadm, selinux, xfs, btrfs. tests/fixtures/bare_metal has
// them whole; here is what goes wrong.
#include "exporter/collectors/btrfs_devices.h"
#include "tests/exporter/collectors/host_fixture.h"

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

class HardwareCollectors : public HostFixture {};

TEST_F(HardwareCollectors, AbsentHardwareIsNoFailure) {
  for (const char* name :
       {"hwmon", "netclass", "bonding", "dmi", "rapl", "edac", "nvme", "mdadm", "xfs", "btrfs"}) {
    make(name);
    expect_no_data();
    EXPECT_FALSE(collector_->can_hang()) << name;
  }
  for (const char* directory : {"class/hwmon", "class/net", "class/dmi/id", "class/powercap", "class/nvme",
                                "devices/system/edac/mc", "fs/xfs", "fs/btrfs"})
    std::filesystem::create_directories(dir_.path() / "sys" / directory);
  for (const char* name : {"hwmon", "netclass", "dmi", "rapl", "edac", "nvme", "xfs", "btrfs"}) {
    make(name);
    expect_no_data();
  }
}

TEST_F(HardwareCollectors, HwmonChipNamesAndFilters) {
  // No device: the driver's name, then hwmonN. Two of one name are told apart.
  sys("class/hwmon/hwmon0/name", "acpitz\n");
  sys("class/hwmon/hwmon0/temp1_input", "25000\n");
  sys("class/hwmon/hwmon1/name", "acpitz\n");
  sys("class/hwmon/hwmon1/temp1_input", "26000\n");
  sys("class/hwmon/hwmon2/fan1_input", "900\n");
  sys("class/hwmon/hwmon2/device/in1_input", "3300\n");
  make("hwmon");
  EXPECT_TRUE(collector_->can_hang());
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_hwmon_chip_names{chip="acpitz_hwmon0",chip_name="acpitz"} 1)",
                            R"(node_hwmon_chip_names{chip="acpitz_hwmon1",chip_name="acpitz"} 1)",
                            R"(node_hwmon_fan_rpm{chip="hwmon2_device",sensor="fan1"} 900)",
                            R"(node_hwmon_in_volts{chip="hwmon2_device",sensor="in1"} 3.3000000000000003)",
                            R"(node_hwmon_temp_celsius{chip="acpitz_hwmon0",sensor="temp1"} 25)",
                            R"(node_hwmon_temp_celsius{chip="acpitz_hwmon1",sensor="temp1"} 26)"}));
  option("chip-exclude", {"^acpitz"});
  option("sensor-exclude", {"device;fan"});
  make("hwmon");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{R"(node_hwmon_in_volts{chip="hwmon2_device",sensor="in1"} 3.3000000000000003)"});
}

TEST_F(HardwareCollectors, HwmonMindsNoBrokenSensor) {
  sys("class/hwmon/hwmon0/name", "chip\n");
  sys("class/hwmon/hwmon0/temp1_input", "hot\n");
  sys("class/hwmon/hwmon0/temp2_input", "\xff\0\n");
  sys("class/hwmon/hwmon0/temp99999999999999_input", "1\n");
  sys("class/hwmon/hwmon0/temp3_", "1\n");
  sys("class/hwmon/hwmon0/intrusion0_alarm", "1\n");
  sys("class/hwmon/hwmon0/freq1_input", "300000000\n");
  sys("class/hwmon/hwmon0/freq1_label", "S clk\n");
  sys("class/hwmon/hwmon0/pwm1", "95\n");
  sys("class/hwmon/hwmon0/pwm1_input", "7\n");
  std::filesystem::create_directories(dir_ / "sys/class/hwmon/hwmon0/temp4_input");
  make("hwmon");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_hwmon_chip_names{chip="chip",chip_name="chip"} 1)",
                            R"(node_hwmon_freq_freq_mhz{chip="chip",sensor="s_clk"} 300)",
                            R"(node_hwmon_intrusion_alarm{chip="chip",sensor="intrusion0"} 1)",
                            R"(node_hwmon_pwm_input{chip="chip",sensor="pwm1"} 7)",
                            R"(node_hwmon_pwm{chip="chip",sensor="pwm1"} 95)",
                            R"(node_hwmon_sensor_label{chip="chip",label="S clk",sensor="freq1"} 1)"}));
}

TEST_F(HardwareCollectors, NetclassStateAndSpeed) {
  sys("class/net/eth0/operstate", "up\n");
  sys("class/net/eth0/flags", "0x1003\n");
  sys("class/net/eth0/speed", "10000\n");
  sys("class/net/eth1/operstate", "down\n");
  sys("class/net/eth1/speed", "-1\n");
  sys("class/net/veth7/mtu", "1500\n");
  sys("class/net/bonding_masters", "\n");
  option("ignored-devices", {"^veth"});
  make("netclass");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_network_flags{device="eth0"} 4099)",
                            R"(node_network_info{adminstate="up",device="eth0",operstate="up"} 1)",
                            R"(node_network_info{device="eth1",operstate="down"} 1)",
                            R"(node_network_speed_bytes{device="eth0"} 1.25e+09)",
                            R"(node_network_speed_bytes{device="eth1"} -125000)",
                            R"(node_network_up{device="eth0"} 1)", R"(node_network_up{device="eth1"} 0)"}));
  option("ignore-invalid-speed", {"true"});
  make("netclass");
  sys("class/net/eth1/operstate", "up\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(mentions(R"(speed_bytes{device="eth1"})"));
  EXPECT_TRUE(has(R"(node_network_up{device="eth1"} 1)"));
  sys("class/net/eth0/flags", "none\n");
  expect_failure("eth0/flags:1: expected a number");
}

TEST_F(HardwareCollectors, BondingSlavesComeAndGo) {
  sys("class/net/bonding_masters", "bond0 int\n");
  sys("class/net/bond0/bonding/slaves", "eth0 eth1\n");
  sys("class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n");
  sys("class/net/bond0/slave_eth1/bonding_slave/mii_status", "down\n");
  sys("class/net/int/bonding/slaves", "\n");
  make("bonding");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(),
            (Lines{R"(node_bonding_active{master="bond0"} 1)", R"(node_bonding_active{master="int"} 0)",
                   R"(node_bonding_slaves{master="bond0"} 2)", R"(node_bonding_slaves{master="int"} 0)"}));
  sys("class/net/bond0/slave_eth1/bonding_slave/mii_status", "up\n");
  sys("class/net/bonding_masters", "bond0 gone\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(),
            (Lines{R"(node_bonding_active{master="bond0"} 2)", R"(node_bonding_slaves{master="bond0"} 2)"}));
  sys("class/net/bond0/bonding/slaves", "eth0 eth7\n");
  expect_failure("slave_eth7/bonding_slave/mii_status");
}

TEST_F(HardwareCollectors, RaplZonesOfOneNameGetAnIndex) {
  for (const char* zone : {"a", "b"}) {
    sys(std::string("class/powercap/") + zone + "/name", "dram\n");
    sys(std::string("class/powercap/") + zone + "/energy_uj", "1500000\n");
  }
  sys("class/powercap/c/name", "package-3\n");
  sys("class/powercap/c/energy_uj", "x\n");
  sys("class/powercap/intel-rapl/enabled", "1\n");
  make("rapl");
  expect_failure("powercap/c/energy_uj:1: expected a number");
  const std::string path = dir_ / "sys/class/powercap/";
  EXPECT_EQ(lines(), (Lines{"node_rapl_dram_joules_total{index=\"0\",path=\"" + path + "a\"} 1.5",
                            "node_rapl_dram_joules_total{index=\"1\",path=\"" + path + "b\"} 1.5"}));
  option("enable-zone-label", {"true"});
  make("rapl");
  ASSERT_FALSE(collect().ok());
  EXPECT_TRUE(mentions(R"(rapl_zone="dram")"));
}

TEST_F(HardwareCollectors, EdacAndNvmeBadCounts) {
  sys("devices/system/edac/mc/mc0/ce_count", "1\n");
  sys("devices/system/edac/mc/mc0/csrow2/ch0_ce_count", "many\n");
  sys("devices/system/edac/mc/mc0/csrow2/ch1_ce_count", "4\n");
  sys("devices/system/edac/mc/power/control", "auto\n");
  make("edac");
  expect_failure("csrow2/ch0_ce_count:1: expected a number");
  EXPECT_EQ(lines(), (Lines{R"(node_edac_channel_correctable_errors_total{channel="1",controller="0",)"
                            R"(csrow="2",dimm_label="unknown"} 4)",
                            R"(node_edac_correctable_errors_total{controller="0"} 1)"}));
  sys("class/nvme/nvme0/state", "live\n");
  sys("class/nvme/nvme0/nvme0c1n2/size", "8\n");
  sys("class/nvme/nvme0/nvme0c1n2/queue/logical_block_size", "4096\n");
  make("nvme");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_nvme_namespace_size_bytes{device="nvme0",nsid="2"} 32768)"));
  EXPECT_TRUE(has(R"(node_nvme_namespace_info{ana_state="unknown",device="nvme0",nsid="2"} 1)"));
  sys("class/nvme/nvme0/state", "resetting\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_nvme_info{device="nvme0",state="resetting"} 1)"));
  sys("class/nvme/nvme0/nvme0c1n2/queue/logical_block_size", "big\n");
  make("nvme");
  expect_failure("queue/logical_block_size:1: expected a number");
}

TEST_F(HardwareCollectors, MdadmStatesAndDamage) {
  proc("mdstat",
       "Personalities : [raid1]\n"
       "md0 : active raid1 sdb1[1] sda1[0](F)\n      248896 blocks [2/1] [_U]\n"
       "      resync=DELAYED\n\n"
       "md7 : inactive sdc1[0](S)\n      7813 blocks super 1.2\n\n"
       "unused devices: <none>\n");
  make("mdadm");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_md_state{device="md0",state="resync"} 1)"));
  EXPECT_TRUE(has(R"(node_md_disks{device="md0",state="failed"} 1)"));
  EXPECT_TRUE(has(R"(node_md_blocks_synced{device="md0"} 0)"));
  EXPECT_TRUE(has(R"(node_md_state{device="md7",state="inactive"} 1)"));
  EXPECT_TRUE(has(R"(node_md_disks{device="md7",state="spare"} 1)"));
  EXPECT_EQ(frame_.entries().size(), 22u);
  for (const char* bad : {"md0 : active raid1 sda1[0]\n      many blocks [2/2] [UU]\n",
                          "md0 : active raid1 sda1[0]\n      7 blocks\n", "md0 : active raid1 sda1[0]\n",
                          "md0\n      7 blocks [2/2] [UU]\n", "md0 : active raid1 sda1[0]\n      7 blo",
                          "md0 : active raid1\n 7 blocks [2/2] [UU]\n recovery = 8%\n"}) {
    proc("mdstat", bad);
    expect_failure("mdstat");
    EXPECT_TRUE(frame_.entries().empty()) << bad;
  }
  proc("mdstat", "Personalities : \nunused devices: <none>\n");
  ASSERT_TRUE(collect().ok());
  sys("block/md1/md/level", "raid5\n");
  sys("block/md1/md/raid_disks", "5 (4)\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_md_degraded{device="md1"} 0)", R"(node_md_raid_disks{device="md1"} 5)"}));
}

TEST_F(HardwareCollectors, MdadmOfAClusterAndNamesThatMislead) {
  proc("mdstat",
       "Personalities : [raid1] [raid0]\n"
       "md0 : active raid1 sdb1[1] sda1[0]\n      8 blocks super 1.2 [2/2] [UU]\n      \tresync=REMOTE\n"
       "      bitmap: 1/1 pages [4KB], 65536KB chunk\n\n"
       "md1 : active raid1 sdb2[1] sda2[0]\n      8 blocks super 1.2 [2/1] [U_]\n      \trecover=REMOTE\n\n"
       "md2 : active raid5 sdb3[1] sda3[0]\n      8 blocks super 1.2 [2/2] [UU]\n      \treshape=REMOTE\n\n"
       "md3 : active (auto-read-only) raid1 sdb4[1] sda4[0]\n      8 blocks super 1.2 [2/2] [UU]\n"
       "      bitmap: 1/1 pages [4KB], 65536KB chunk, file: /root/check.bitmap\n\n"
       "md_raid0 : active raid1 sdb5[1](F) sda5[0]\n      8 blocks super 1.2 [2/1] [U_]\n\n"
       "md_(F) : active (read-only) raid0 sdb6[1] sda6[0]\n      16 blocks super 1.2 512k chunks\n\n"
       "md6 : active raid1 sdb7[1] sda7[0]\n      8 blocks super 1.2 [2/2] [UU]\n"
       "      [==>..................]  check = 12.5% (1/8) finish=0.1min speed=1K/sec\n"
       "      bitmap: 1/1 pages [4KB], 65536KB chunk, file: /resync (2/8)\n\n"
       "unused devices: <none>\n");
  make("mdadm");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 7u * 11);
  for (const char* line :
       {R"(node_md_state{device="md0",state="resync"} 1)", R"(node_md_blocks_synced{device="md0"} 0)",
        R"(node_md_disks{device="md0",state="active"} 2)",
        R"(node_md_state{device="md1",state="recovering"} 1)", R"(node_md_blocks_synced{device="md1"} 0)",
        R"(node_md_state{device="md2",state="active"} 0)", R"(node_md_blocks_synced{device="md2"} 0)",
        R"(node_md_state{device="md3",state="active"} 1)", R"(node_md_blocks_synced{device="md3"} 8)",
        R"(node_md_disks_required{device="md_raid0"} 2)",
        R"(node_md_disks{device="md_raid0",state="active"} 1)",
        R"(node_md_disks{device="md_raid0",state="failed"} 1)",
        R"x(node_md_disks_required{device="md_(F)"} 2)x",
        R"x(node_md_disks{device="md_(F)",state="failed"} 0)x",
        R"(node_md_state{device="md6",state="check"} 1)", R"(node_md_blocks_synced{device="md6"} 1)"})
    EXPECT_TRUE(has(line)) << line;
}

TEST_F(HardwareCollectors, Selinux) {
  make("selinux");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{"node_selinux_enabled 0"});
  sys("fs/selinux/policyvers", "33\n");
  sys("fs/selinux/enforce", "1");
  root("etc/selinux/config", "# SELINUX=permissive\nSELINUX=permissive\nSELINUXTYPE=targeted\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(),
            (Lines{"node_selinux_config_mode 0", "node_selinux_current_mode 1", "node_selinux_enabled 1"}));
  sys("fs/selinux/enforce", "?");
  expect_failure("fs/selinux/enforce:1: expected a number");
}

TEST_F(HardwareCollectors, XfsAndBtrfsDamage) {
  sys("fs/xfs/sda1/stats/stats", "extent_alloc 1 2 3\nrw 4 5\nfuture 1\n");
  make("xfs");
  expect_failure("fs/xfs/sda1/stats/stats: expected a name and numbers, found 'extent_alloc 1 2 3'");
  EXPECT_TRUE(has(R"(node_xfs_write_calls_total{device="sda1"} 4)"));
  sys("fs/xfs/sda1/stats/stats", "rw 4 18446744073709551615\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(frame_.entries().size(), 2u);
  sys("fs/btrfs/a-b/label", "\n");
  make("btrfs");
  expect_failure("fs/btrfs/a-b/devices");
  for (const char* group : {"data", "metadata", "system"})
    sys(std::string("fs/btrfs/a-b/allocation/") + group + "/bytes_reserved", "0\n");
  sys("fs/btrfs/a-b/allocation/data/raid6/used_bytes", "-\n");
  sys("fs/btrfs/a-b/devices/sda/size", "2\n");
  make("btrfs");
  expect_failure("raid6/used_bytes:1: expected a number");
  EXPECT_TRUE(has(R"(node_btrfs_device_size_bytes{device="sda",uuid="a-b"} 1024)"));
  EXPECT_TRUE(has(R"(node_btrfs_allocation_ratio{block_group_type="data",mode="raid6",uuid="a-b"} 0)"));
}

TEST_F(HardwareCollectors, BtrfsIsNotAskedAtAMountPointOfAnother) {
  sys("fs/btrfs/a-b/label", "\n");
  for (const char* group : {"data", "metadata", "system"})
    sys(std::string("fs/btrfs/a-b/allocation/") + group + "/bytes_reserved", "0\n");
  sys("fs/btrfs/a-b/devices/sda/size", "2\n");
  root("data/.keep", "");
  proc("1/mountinfo", "27 1 0:30 / /data rw - btrfs /dev/sda rw\n28 1 0:31 / /gone rw - btrfs /dev/sdb rw\n");
  make("btrfs");
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(collect().ok());
    EXPECT_TRUE(has(R"(node_btrfs_device_size_bytes{device="sda",uuid="a-b"} 1024)"));
    EXPECT_FALSE(mentions("btrfs_dev_uuid"));
  }
  EXPECT_EQ(btrfs_devices(paths_.root("/data"), "a-b").error().to_string(),
            paths_.root("/data") + ": not the Btrfs a-b");
  EXPECT_EQ(btrfs_devices(paths_.root("/gone"), "a-b").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace chiron
