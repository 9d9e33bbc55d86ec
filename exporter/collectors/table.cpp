#include "exporter/collectors/arp.h"
#include "exporter/collectors/bonding.h"
#include "exporter/collectors/btrfs.h"
#include "exporter/collectors/collector.h"
#include "exporter/collectors/conntrack.h"
#include "exporter/collectors/containers.h"
#include "exporter/collectors/cpu.h"
#include "exporter/collectors/cpufreq.h"
#include "exporter/collectors/diskstats.h"
#include "exporter/collectors/dmi.h"
#include "exporter/collectors/edac.h"
#include "exporter/collectors/entropy.h"
#include "exporter/collectors/filefd.h"
#include "exporter/collectors/filesystem.h"
#include "exporter/collectors/hwmon.h"
#include "exporter/collectors/interrupts.h"
#include "exporter/collectors/loadavg.h"
#include "exporter/collectors/mdadm.h"
#include "exporter/collectors/meminfo.h"
#include "exporter/collectors/netclass.h"
#include "exporter/collectors/netdev.h"
#include "exporter/collectors/netstat.h"
#include "exporter/collectors/nvme.h"
#include "exporter/collectors/os_release.h"
#include "exporter/collectors/powersupplyclass.h"
#include "exporter/collectors/pressure.h"
#include "exporter/collectors/probes.h"
#include "exporter/collectors/processes.h"
#include "exporter/collectors/rapl.h"
#include "exporter/collectors/schedstat.h"
#include "exporter/collectors/self.h"
#include "exporter/collectors/selinux.h"
#include "exporter/collectors/sockstat.h"
#include "exporter/collectors/softnet.h"
#include "exporter/collectors/stat.h"
#include "exporter/collectors/systemd.h"
#include "exporter/collectors/tcpstat.h"
#include "exporter/collectors/textfile.h"
#include "exporter/collectors/thermal_zone.h"
#include "exporter/collectors/time.h"
#include "exporter/collectors/timex.h"
#include "exporter/collectors/udp_queues.h"
#include "exporter/collectors/uname.h"
#include "exporter/collectors/vmstat.h"
#include "exporter/collectors/watchdog.h"
#include "exporter/collectors/xfs.h"

namespace chiron {
namespace {

constexpr CollectorInfo kCollectors[] = {
    {"arp", "Entries of the ARP table", true, kArpOptions, make_arp_collector},
    {"bonding", "Bonded network devices and their slaves", true, {}, make_bonding_collector},
    {"btrfs", "Space and commits of Btrfs file systems", true, {}, make_btrfs_collector},
    {"conntrack", "Connections that netfilter tracks", true, {}, make_conntrack_collector},
    {"containers", "State, health, CPU and memory of Docker's or Podman's containers", true,
     kContainersOptions, make_containers_collector},
    {"cpu", "Time that each CPU spent in each mode", true, kCpuOptions, make_cpu_collector},
    {"cpufreq", "Frequencies and governors of the CPUs", true, {}, make_cpufreq_collector},
    {"diskstats", "Reads, writes and identity of block devices", true, kDiskstatsOptions,
     make_diskstats_collector},
    {"dmi", "Identity of the machine and its firmware", true, {}, make_dmi_collector},
    {"edac", "Memory errors", true, {}, make_edac_collector},
    {"entropy", "The random number generator's pool", true, {}, make_entropy_collector},
    {"filefd", "Open file descriptors of the whole system", true, {}, make_filefd_collector},
    {"filesystem", "Size, free space and free inodes of mounted file systems", true, kFilesystemOptions,
     make_filesystem_collector},
    {"hwmon", "Temperatures, voltages, fans and their alarms", true, kHwmonOptions, make_hwmon_collector},
    {"interrupts", "Interrupts by CPU and source: a series for each pair", false, kInterruptsOptions,
     make_interrupts_collector},
    {"loadavg", "Load averages", true, {}, make_loadavg_collector},
    {"mdadm", "Linux software RAID", true, {}, make_mdadm_collector},
    {"meminfo", "Memory by use", true, {}, make_meminfo_collector},
    {"netclass", "State, address and speed of network devices", true, kNetclassOptions,
     make_netclass_collector},
    {"netdev", "Bytes, packets and errors of network devices", true, kNetdevOptions, make_netdev_collector},
    {"netstat", "Counters of the network protocols", true, kNetstatOptions, make_netstat_collector},
    {"nvme", "NVMe controllers and namespaces", true, {}, make_nvme_collector},
    {"os", "Name and version of the operating system", true, {}, make_os_collector},
    {"powersupplyclass", "Batteries and other power supplies", true, kPowerSupplyOptions,
     make_powersupplyclass_collector},
    {"pressure", "Time lost to waiting for CPU, memory and I/O", true, {}, make_pressure_collector},
    {"probes", "Scheduled probes: HTTP, TCP, Unix sockets, Redis", true, {}, make_probes_collector},
    {"processes", "Processes and threads per state, and their limits", true, kProcessesOptions,
     make_processes_collector},
    {"rapl", "Energy that the processors used", true, kRaplOptions, make_rapl_collector},
    {"schedstat", "Time that tasks ran on each CPU and waited for it", true, {}, make_schedstat_collector},
    {"self", "CPU, memory and descriptors of this process", true, {}, make_self_collector},
    {"selinux", "Mode of SELinux", true, {}, make_selinux_collector},
    {"sockstat", "Sockets in use and the memory they take", true, {}, make_sockstat_collector},
    {"softnet", "Received packets that each CPU processed and dropped", true, {}, make_softnet_collector},
    {"stat", "Interrupts, context switches, forks, boot time", true, kStatOptions, make_stat_collector},
    {"systemd", "States, restarts, resources, timers and sockets of systemd units", true, kSystemdOptions,
     make_systemd_collector},
    {"tcpstat", "TCP sockets per state", true, {}, make_tcpstat_collector},
    {"textfile", "Metrics that other programs leave in files", true, kTextfileOptions,
     make_textfile_collector},
    {"thermal_zone", "Temperatures and cooling devices", true, {}, make_thermal_zone_collector},
    {"time", "The wall clock, the time zone and the clock sources", true, {}, make_time_collector},
    {"timex", "How well the kernel's clock is disciplined", true, {}, make_timex_collector},
    {"udp_queues", "Memory in the queues of UDP sockets", true, {}, make_udp_queues_collector},
    {"uname", "Names of the system and its kernel", true, {}, make_uname_collector},
    {"vmstat", "Paging, swapping and memory faults", true, kVmstatOptions, make_vmstat_collector},
    {"watchdog", "Hardware watchdogs", true, {}, make_watchdog_collector},
    {"xfs", "Operations of XFS file systems", true, {}, make_xfs_collector},
};

}  // namespace

std::span<const CollectorInfo> all_collectors() { return kCollectors; }

const CollectorInfo* find_collector(std::string_view name) {
  for (const CollectorInfo& info : kCollectors) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

}  // namespace chiron
