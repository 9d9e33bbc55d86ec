#!/usr/bin/env bash
# docker-engine.sh TEST_PROGRAM [ARGUMENT...]: starts a dockerd in mount and pid namespaces of its own, imports an image
# of one static program, runs the test beside it (LAB_DOCKER_SOCKET, LAB_DOCKERD_PID, LAB_CGROUP_PARENT), and takes
# all of it away again. Needs root and Debian's docker.io; skips (77) without. The image's program is LAB_CONTAINER_PROGRAM,
# by default chiron_lab_container beside TEST_PROGRAM.
set -u
skip() { echo "skipped: $*"; exit 77; }

if [[ -z ${LAB_INSIDE:-} ]]; then
  [[ $(id -u) == 0 ]] || skip "needs root"
  command -v dockerd >/dev/null || skip "no dockerd"
  command -v docker >/dev/null || skip "no docker"
  export LAB_DIR LAB_CGROUP_PARENT=/chiron-lab-$$
  LAB_DIR=$(mktemp -d /tmp/chiron-docker-XXXXXX) || exit 1
  LAB_INSIDE=1 unshare --fork --pid --mount --mount-proc --kill-child=KILL "$0" "$@" &
  inside=$!
  tear_down() {
    kill -KILL $inside 2>/dev/null
    wait $inside 2>/dev/null
    # The namespaces took the processes and mounts along; the control groups are the kernel's and stay, and the dying
    # leave them a moment after they are dead to us.
    for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
      for _ in $(seq 100); do
        [[ -d $root$LAB_CGROUP_PARENT ]] || break
        find "$root$LAB_CGROUP_PARENT" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
      done
    done
    rm -rf "$LAB_DIR"
  }
  trap tear_down EXIT
  trap 'exit 143' TERM INT
  wait $inside
  exit
fi

log=$LAB_DIR/dockerd.log
socket=$LAB_DIR/docker.sock
dockerd --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false --bridge=none \
  --storage-driver=vfs --cgroup-parent="$LAB_CGROUP_PARENT" --data-root="$LAB_DIR/data" --exec-root="$LAB_DIR/exec" \
  --pidfile="$LAB_DIR/pid" -H "unix://$socket" >"$log" 2>&1 &
dockerd=$!
export DOCKER_HOST=unix://$socket
for _ in $(seq 300); do
  docker version >/dev/null 2>&1 && break
  kill -0 $dockerd 2>/dev/null || { tail -20 "$log"; skip "dockerd does not start here"; }
  sleep 0.1
done
docker version >/dev/null 2>&1 || { tail -20 "$log"; echo "dockerd is not ready after 30 s"; exit 1; }

mkdir -p "$LAB_DIR/root/bin"
cp "${LAB_CONTAINER_PROGRAM:-$(dirname "$1")/chiron_lab_container}" "$LAB_DIR/root/bin/sh"
tar -C "$LAB_DIR/root" -c . | docker import - local/lab >/dev/null || exit 1
docker run --rm --network=none local/lab /bin/sh check || { tail -20 "$log"; skip "containers do not start here"; }

LAB_DOCKER_SOCKET=$socket LAB_DOCKERD_PID=$dockerd "$@"
status=$?
# A test may have ended the engine.
if kill -0 $dockerd 2>/dev/null; then
  docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1
  kill $dockerd && wait $dockerd
fi
exit $status
