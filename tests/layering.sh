#!/usr/bin/env bash
# Fails on an #include that goes up a rank: exporter < rules < alerting < remediation < agent (design.md, section 3).
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2
declare -A rank=([exporter]=0 [rules]=1 [alerting]=2 [remediation]=3 [agent]=4)
faults=0 seen=0
while IFS=: read -r file line text; do
  from=${file%%/*}
  to=$(sed -E 's/.*"([a-z_]+)\/.*/\1/' <<<"$text")
  seen=$((seen + 1))
  [[ -n ${rank[$to]:-} ]] || { echo "$file:$line: includes \"$to/\", which is no folder of the include root"; faults=$((faults + 1)); continue; }
  if ((rank[$to] > rank[$from])); then
    echo "$file:$line: $from/ must not include $to/"
    faults=$((faults + 1))
  fi
done < <(grep -rnE '^#include "[^"]+"' --include='*.h' --include='*.cpp' exporter rules alerting remediation agent)
((seen > 0)) || { echo "found no include at all: is this the source tree?"; exit 2; }
echo "$seen includes checked, $faults go up a rank"
((faults == 0))
