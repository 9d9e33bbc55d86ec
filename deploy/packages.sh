#!/usr/bin/env bash
# The Debian 12 packages, in one place: `deploy/packages.sh build|run|test` installs a set, when something of it is missing.
set -euo pipefail

build=(
  ca-certificates ccache cmake g++ git mold ninja-build pkg-config
  libabsl-dev libboost-dev libcivetweb-dev libcli11-dev libdeflate-dev libfmt-dev libhiredis-dev libre2-dev libspdlog-dev libsqlite3-dev
  libssl-dev libsystemd-dev libyaml-cpp-dev nlohmann-json3-dev prometheus-cpp-dev zlib1g-dev
)
# What a built agent needs at run time: the packages of the libraries it is linked to, and what these read.
run=(
  ca-certificates tzdata
  libcivetweb1 libdeflate0 libfmt9 libhiredis0.14 libprometheus-cpp-core1.0 libre2-9 libspdlog1.10 libsqlite3-0 libssl3
  libsystemd0 libyaml-cpp0.7 zlib1g
)
test=(
  clang-16 libclang-rt-16-dev libbenchmark-dev libgmock-dev libgtest-dev libfuse3-dev
  btrfs-progs busybox-static curl dbus docker.io e2fsprogs fuse3 iproute2 jq polkitd procps prometheus prometheus-alertmanager
  prometheus-node-exporter python3 python3-prometheus-client python3-yaml redis-server sqlite3 systemd tzdata util-linux xfsprogs
)

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  run) wanted=("${run[@]}") ;;
  test) wanted=("${build[@]}" "${test[@]}") ;;
  *) echo "usage: $0 build|run|test" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
((${#missing[@]} == 0)) && exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "$0: needs root (or sudo) to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
# Servers among them must not start: a policy-rc.d that says no while dpkg works, then what was there before.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
