#!/usr/bin/env bash
# systemd-namespace.sh COMMAND [ARGUMENT...]
#
# Runs COMMAND beside a real systemd that is PID 1 of namespaces of its own, with a D-Bus system bus, and ends it all
# afterwards; the exit status is COMMAND's. Needs root. Nothing of it stays: its root is an overlay over the machine's
# with the upper layer on a tmpfs, its control groups live below one that is removed.
#
# COMMAND finds in its environment:
#   LAB_PID    the process id of that systemd, seen from outside
#   LAB_BUS    the address of its system bus
#   LAB_ROOT   its root directory, seen from outside; units go to $LAB_ROOT/run/systemd/system
# `nsenter -t $LAB_PID -a systemctl ...` runs something inside.
set -euo pipefail

# Inside the new namespaces, as PID 1: builds the root and becomes systemd.
become_systemd() {
  local dir=$1
  mount --make-rprivate /
  ip link set lo up
  mount -t tmpfs -o mode=755 tmpfs "$dir"
  mkdir "$dir/upper" "$dir/work" "$dir/root"
  mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root"
  cd "$dir/root"
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t tmpfs tmpfs sys/fs/cgroup 2>/dev/null || true
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount --rbind /dev dev
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=1777 tmpfs tmp
  mkdir -p run/systemd/system run/dbus
  # No default dependencies anywhere: sysinit.target would bring in what acts on the kernel that all share.
  cat >run/systemd/system/lab.target <<'UNIT'
[Unit]
DefaultDependencies=no
AllowIsolate=yes
Wants=dbus.socket dbus.service
UNIT
  cat >run/systemd/system/dbus.socket <<'UNIT'
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket
UNIT
  cat >run/systemd/system/dbus.service <<'UNIT'
[Unit]
DefaultDependencies=no
Requires=dbus.socket
After=dbus.socket
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation
UNIT
  mkdir -p old
  pivot_root . old
  umount -l old
  exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=lab.target --log-target=null --show-status=0 </dev/null >/dev/null 2>&1
}

if [[ ${1:-} == --become-systemd ]]; then
  become_systemd "$2"
fi

[[ $# -gt 0 ]] || { echo "usage: $0 COMMAND [ARGUMENT...]" >&2; exit 2; }
# 77: ctest counts the test as skipped.
[[ $EUID -eq 0 ]] || { echo "$0: needs root" >&2; exit 77; }
for program in /lib/systemd/systemd dbus-daemon busctl ip nsenter; do
  command -v "$program" >/dev/null || { echo "$0: needs $program" >&2; exit 77; }
done

self=$(readlink -f "$0")
# Inside docker-engine.sh, below what that takes away when this is killed with all else there: the directory and the
# control group.
dir=$(mktemp -d "${LAB_DIR:-/tmp}/chiron-lab-XXXXXX")
unified=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
cgroup=${unified:+$unified${LAB_CGROUP_PARENT:-}/chiron-lab-$$}
holder= command=

tear_down() {
  set +e
  [[ -z $command ]] || kill "$command" 2>/dev/null
  if [[ -n $holder ]]; then
    # The end of its PID 1 ends every process in the namespace; --kill-child sees to that.
    kill -KILL "$holder" 2>/dev/null
    wait "$holder" 2>/dev/null
  fi
  if [[ -n $cgroup && -d $cgroup ]]; then
    # The dying leave their groups a moment after they are dead to us.
    for _ in $(seq 100); do
      find "$cgroup" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null
      rmdir "$cgroup" 2>/dev/null && break
      sleep 0.05
    done
    [[ ! -d $cgroup ]] || echo "$self: $cgroup could not be removed" >&2
  fi
  rmdir "$dir"
}
trap tear_down EXIT
trap 'exit 143' TERM INT

# The cgroup namespace is rooted where the process is that makes it.
if [[ -n $cgroup ]]; then mkdir -p "$cgroup"; fi
(
  if [[ -n $cgroup ]]; then echo "$BASHPID" >"$cgroup/cgroup.procs"; fi
  exec unshare --fork --kill-child=KILL --pid --mount --net --uts --ipc --cgroup "$self" --become-systemd "$dir"
) &
holder=$!

ready=
for _ in $(seq 400); do
  LAB_PID=$(pgrep -P "$holder" || true)
  LAB_ROOT=/proc/$LAB_PID/root
  LAB_BUS=unix:path=$LAB_ROOT/run/dbus/system_bus_socket
  if [[ -n $LAB_PID && $(cat "/proc/$LAB_PID/comm" 2>/dev/null) == systemd ]] &&
    busctl --address="$LAB_BUS" --timeout=2 get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 \
      org.freedesktop.systemd1.Manager Version >/dev/null 2>&1; then
    ready=1
    break
  fi
  kill -0 "$holder" 2>/dev/null || break
  sleep 0.05
done
[[ -n $ready ]] || { echo "$self: systemd did not come up" >&2; exit 1; }
export LAB_PID LAB_ROOT LAB_BUS
# Not in the foreground: a signal would wait for its end.
"$@" <&0 &
command=$!
status=0
wait "$command" || status=$?
command=
exit "$status"
