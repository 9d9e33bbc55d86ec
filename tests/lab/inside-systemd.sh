#!/usr/bin/env bash
# inside-systemd.sh PROGRAM [ARGUMENT...]
#
# Run by systemd-namespace.sh: runs PROGRAM inside that systemd's namespaces, for what has to see the files, the bus and
# the processes that systemd sees. LAB_BUS is the bus as it is seen there.
set -euo pipefail

# The machine's other mounts, where the build is, may not be in the lab's root.
install -m 755 "$1" "$LAB_ROOT/run/lab-program"
shift
exec nsenter -t "$LAB_PID" -a env LAB_BUS=unix:path=/run/dbus/system_bus_socket TMPDIR=/tmp /run/lab-program "$@"
