#!/bin/sh
# The shipped rule files and the files for Prometheus and Alertmanager, judged by their own tools. 77: tools not there.
set -eu
root=${1:?the source directory}
command -v promtool >/dev/null && command -v amtool >/dev/null || { echo "promtool or amtool is not installed"; exit 77; }
promtool check rules "$root"/rules/packs/*.rules.yml "$root"/alerting/fleet.rules.yml
promtool check config "$root/alerting/prometheus.yml"
amtool check-config "$root/alerting/alertmanager.yml"
promtool test rules "$root"/tests/rules/packs/*.test.yml

# Every alert of a severity: who is told. The receiver, then labels.
route() {
  receiver=$1
  shift
  amtool config routes test --config.file="$root/alerting/alertmanager.yml" --verify.receivers="$receiver" "$@" ||
    { echo "$* does not go to $receiver"; exit 1; }
}
for alert in ContainerEngineDown HostCpuBusy HostDiskFull HostInodesFull ServiceDown ProbeDown RedisDown RedisMemoryHigh ChironDown \
  ChironRemedyExhausted ChironLedgerFailing; do
  route page alertname=$alert severity=critical
done
for alert in HostCpuBusy HostDiskFull HostDiskFullSoon HostMemoryFullSoon RedisMemoryFullSoon ChironRulesFailing UnitFailed RedisMemoryHigh ContainerUnhealthy ChironRemedyFailing \
  ChironConfigReloadFailed; do
  route ticket alertname=$alert severity=warning
done
route ticket alertname=YourOwn
route deadman alertname=Watchdog severity=none
route nobody alertname=ChironRemedyAtWork severity=none remedy=restart-unit name=web.service

# What a shipped remedy heals on an alert waits for it, and is held while it is at work.
held=$(awk '/^ *#/ {next} /ChironRemedyAtWork"..*remedy="/ {getline; print}' "$root/alerting/alertmanager.yml")
waits=$(sed -n '/# What a shipped remedy heals/,/group_wait/p' "$root/alerting/alertmanager.yml" | grep matchers)
for alert in $(grep -hE '^ +alerts:' "$root"/remediation/remedies/*.yml | grep -oE 'alertname=~?"[^"]+"' | cut -d'"' -f2 | tr '|' '\n'); do
  for place in held waits; do
    eval "text=\$$place"
    echo "$text" | grep -qwE "$alert" || { echo "alertmanager.yml: $alert, which a shipped remedy heals, is not among: $place"; exit 1; }
  done
done

# What Alertmanager's configuration names, there is.
names=$(grep -v '^ *#' "$root/alerting/alertmanager.yml" | grep -oE '\b(Host|Unit|Service|Probe|Container|Redis|Chiron)[A-Z][A-Za-z]+')
for alert in $names; do
  grep -qE "alert: $alert\$" "$root"/rules/packs/*.rules.yml "$root"/alerting/*.rules.yml ||
    { echo "alertmanager.yml names the alert $alert, which no shipped rule has"; exit 1; }
done
for remedy in $(grep -oE 'remedy="[^"]+"' "$root/alerting/alertmanager.yml" | cut -d'"' -f2); do
  grep -qE "name: $remedy\$" "$root"/remediation/remedies/*.yml ||
    { echo "alertmanager.yml names the remedy $remedy, which is not shipped"; exit 1; }
done
