#!/bin/sh
# The shipped rule files and the files for Prometheus and Alertmanager, judged by their own tools. 77: tools not there.
set -eu
root=${1:?the source directory}
command -v promtool >/dev/null && command -v amtool >/dev/null || { echo "promtool or amtool is not installed"; exit 77; }
promtool check rules "$root"/rules/packs/*.rules.yml "$root"/alerting/fleet.rules.yml
promtool check config "$root/alerting/prometheus.yml"
amtool check-config "$root/alerting/alertmanager.yml"
promtool test rules "$root"/tests/rules/packs/*.test.yml
