#!/usr/bin/env bash
# From a fresh Debian 12 to a serving agent: installs what is needed, builds, runs Chiron with its built-in defaults
# (shipped rules; shipped remedies in dry-run: nothing on this host is changed), and says where to look.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/packages.sh build
echo "building (minutes the first time; tail -f $PWD/build.log shows how far it is)"
cmake --preset release >build.log 2>&1 && cmake --build --preset release >>build.log 2>&1 ||
  { tail -40 build.log; echo "the build failed; all of it is in $PWD/build.log" >&2; exit 1; }
mv build.log build/build.log

chiron=$PWD/build/bin/chiron
log=$PWD/build/chiron.log
# The state directory's lock holds the agent's process id.
state=$("$chiron" config show | awk '$1 == "storage.path" {print $NF}' | tr -d "'")
if "$chiron" status >/dev/null 2>&1; then
  pid=$(<"$state/lock")
  runs=$(readlink "/proc/$pid/exe")
  if [[ $runs == "$chiron" ]]; then
    echo "an agent is running already"
  else
    echo "an agent is running already, but not what was just built: $runs. Stop it as said below, and run this again"
    log="where it was started from"
  fi
else
  setsid --fork "$chiron" run >"$log" 2>&1 </dev/null
  for _ in $(seq 100); do
    "$chiron" status >/dev/null 2>&1 && break
    sleep 0.1
  done
  "$chiron" status >/dev/null 2>&1 || { tail -20 "$log" >&2; echo "the agent did not come up" >&2; exit 1; }
  pid=$(<"$state/lock")
fi
stop="kill $pid"
if [[ $(<"/proc/$pid/cgroup") == */chiron.service* ]]; then
  stop="systemctl stop chiron" log="journalctl -u chiron"
fi
address=$(grep -ohE 'http://[^/" ]+' "$log" 2>/dev/null | head -1 || true)
address=${address:-http://127.0.0.1:10071}

"$chiron" status
cat <<EOF

Chiron is serving.
  metrics   $address/metrics       (point Prometheus here)
  pages     $address/
  status    $chiron status
  remedies  $chiron remedy list            (all dry-run until you arm them)
  log       $log
  stop      $stop

Next: the README's "A first remedy in five minutes".
EOF
