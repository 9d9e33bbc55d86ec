#!/usr/bin/env bash
# From a fresh Debian 12 to a serving agent: installs what is needed, builds, runs Chiron with its built-in defaults
# (shipped rules; shipped remedies in dry-run: nothing on this host is changed), and says where to look.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/packages.sh build
echo "building (a few minutes the first time)"
cmake --preset release >build.log 2>&1 && cmake --build --preset release >>build.log 2>&1 ||
  { tail -40 build.log; echo "the build failed; all of it is in $PWD/build.log" >&2; exit 1; }
mv build.log build/build.log

chiron=$PWD/build/bin/chiron
if "$chiron" status >/dev/null 2>&1; then
  echo "an agent is running already"
else
  setsid --fork "$chiron" run >build/chiron.log 2>&1 </dev/null
  for _ in $(seq 100); do
    "$chiron" status >/dev/null 2>&1 && break
    sleep 0.1
  done
  "$chiron" status >/dev/null 2>&1 || { tail -20 build/chiron.log >&2; echo "the agent did not come up" >&2; exit 1; }
fi

# The state directory's lock holds the agent's process id.
state=$("$chiron" config show | awk '$1 == "storage.path" {print $NF}' | tr -d "'")
address=$(grep -ohE 'http://[^/" ]+' build/chiron.log 2>/dev/null | head -1 || true)
address=${address:-http://127.0.0.1:10071}
"$chiron" status
cat <<EOF

Chiron is serving.
  metrics   $address/metrics       (point Prometheus here)
  pages     $address/
  status    $chiron status
  remedies  $chiron remedy list            (all dry-run until you arm them)
  log       $PWD/build/chiron.log
  stop      kill $(cat "$state/lock")

Next: the README's "A first remedy in five minutes".
EOF
