#pragma once

#include "exporter/collectors/collector.h"
#include "exporter/collectors/mount_prober.h"

#include <memory>

namespace chiron {

inline constexpr std::string_view kMountPointsExclude =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
inline constexpr std::string_view kFsTypesExclude =
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|"
    "nsfs|overlay|"
    "proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";

inline constexpr CollectorOption kFilesystemOptions[] = {
    {.name = "mount-points-exclude",
     .default_value = kMountPointsExclude,
     .help = "Mount points to leave out",
     .is_pattern = true},
    {.name = "mount-points-include",
     .default_value = "",
     .help = "Mount points to report, instead of an exclusion",
     .is_pattern = true},
    {.name = "fs-types-exclude",
     .default_value = kFsTypesExclude,
     .help = "File system types to leave out",
     .is_pattern = true},
    {.name = "fs-types-include",
     .default_value = "",
     .help = "File system types to report, instead of an exclusion",
     .is_pattern = true},
    {.name = "mount-timeout",
     .default_value = "5s",
     .help = "How long a mount may take to answer before its node_filesystem_device_error is 1",
     .is_duration = true},
};

/// node_filesystem_*: every mount of the host's first process (mountinfo of PID 1, else our own), asked with
/// statvfs(3). A mount that hangs says so in node_filesystem_device_error; the others stay fresh.
Result<std::unique_ptr<Collector>> make_filesystem_collector(CollectorContext context);
/// The same with another way to ask, for tests of mounts that hang.
Result<std::unique_ptr<Collector>> make_filesystem_collector(CollectorContext context, MountProber::Ask ask,
                                                             Duration patience);

}  // namespace chiron
