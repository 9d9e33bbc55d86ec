#!/usr/bin/env bash
# Installs, verifies and removes Chiron on this host, for the system or for one user.
#   deploy/install.sh install   [--user] [--binary PATH]   also upgrades; what does not come up is rolled back
#   deploy/install.sh verify    [--user]                   says of each part whether it is well, and how to mend it
#   deploy/install.sh uninstall [--user] [--purge]         leaves configuration and state, which --purge takes too
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
fail() {
  echo "install.sh: $*" >&2
  exit 1
}

command=${1:-}
[[ $command =~ ^(install|verify|uninstall)$ ]] || usage
shift
user='' purge='' source_binary=$here/../build/bin/chiron
while (($#)); do
  case "$command $1" in
    *' --user') user=yes ;;
    'uninstall --purge') purge=yes ;;
    'install --binary')
      source_binary=${2:-}
      [[ -n $source_binary ]] || fail "--binary needs a path"
      shift
      ;;
    *)
      echo "install.sh: $command does not know '$1'" >&2
      usage
      ;;
  esac
  shift
done

if [[ $user ]]; then
  ((EUID != 0)) || fail "--user as root would watch over root's own session; leave --user out, or run it as that user"
  binary=$HOME/.local/bin/chiron
  unit_source=$here/chiron-user.service
  unit=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/chiron.service
  config=${XDG_CONFIG_HOME:-$HOME/.config}/chiron
  state=${XDG_STATE_HOME:-$HOME/.local/state}/chiron
  manager=(systemctl --user)
  command_line="deploy/install.sh VERB --user"
else
  [[ $command == verify ]] || ((EUID == 0)) || fail "$command for the system needs root (or --user)"
  binary=/usr/local/bin/chiron
  unit_source=$here/chiron.service
  unit=/etc/systemd/system/chiron.service
  config=/etc/chiron
  state=/var/lib/chiron
  manager=(systemctl)
  command_line="deploy/install.sh VERB"
fi
previous=$binary.previous
# A host that chose to run it without root stays so (docs/unprivileged.md).
if [[ ! $user ]] && grep -qs '^User=chiron$' "$unit"; then
  unit_source=$here/chiron-unprivileged.service
fi

# managed: whether a service manager is there to run the agent.
managed() { "${manager[@]}" show --property=Version >/dev/null 2>&1; }
active() { "${manager[@]}" is-active --quiet chiron.service 2>/dev/null; }

# place FILE DESTINATION MODE: whole or not at all, also over a program that runs.
place() {
  mkdir -p "$(dirname "$2")"
  install -m "$3" "$1" "$2.new"
  mv -f "$2.new" "$2"
}

start_unit() {
  "${manager[@]}" daemon-reload
  "${manager[@]}" enable --quiet chiron.service
  # Type=notify: returns when the agent says that it is ready.
  "${manager[@]}" restart chiron.service
}

# report OK WHAT DETAIL: a line of verify; counts what is not well, and by itself what says that the program does not run.
unwell=0 down=0
report() {
  if [[ $1 == yes ]]; then
    printf 'ok    %-14s %s\n' "$2" "$3"
  else
    [[ ! $2 =~ ^(binary|configuration|service|agent)$ ]] || down=$((down + 1))
    printf 'FAIL  %-14s %s\n' "$2" "$3"
    unwell=$((unwell + 1))
  fi
}

# page ADDRESS PATH: what a GET answers; plain bash, because a minimal system has no curl.
page() {
  local host=${1%:*} port=${1##*:}
  # shellcheck disable=SC2016  # the inner shell's arguments
  timeout 10 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$3" >&3 && cat <&3' \
    _ "${host:-127.0.0.1}" "$port" "$2" 2>/dev/null
}

verify() {
  local said address
  if [[ ! -e $binary ]]; then
    report no binary "there is no $binary: ${command_line/VERB/install}"
    return
  fi
  if said=$("$binary" version 2>&1); then
    report yes binary "$binary: ${said%%$'\n'*}"
  else
    report no binary "$binary does not run (${said%%$'\n'*}): ${command_line/VERB/install}"
    return
  fi
  if said=$("$binary" check 2>&1); then
    report yes configuration "$config/chiron.yml: ${said##*$'\n'}"
  else
    report no configuration "refused; see: $binary check"
  fi
  if cmp -s "$unit_source" "$unit"; then
    report yes unit "$unit"
  else
    report no unit "$unit is not the one shipped: ${command_line/VERB/install}; changes of yours go to ${manager[*]} edit chiron"
  fi
  if ! managed; then
    report no service "${manager[*]} does not answer; start the agent by hand: $binary run"
  elif active; then
    said=$("${manager[@]}" is-enabled chiron.service 2>/dev/null || true)
    if [[ $said == enabled ]]; then
      report yes service "active, enabled"
    else
      report no service "active, but ${said:-not enabled} at boot: ${manager[*]} enable chiron"
    fi
  else
    report no service "not active: ${manager[*]} status chiron"
  fi
  if said=$("$binary" query chiron_ledger_open 2>&1); then
    report yes agent "answers at $state/control.sock"
    if [[ $said =~ \}\ +1$ ]]; then
      report yes ledger "open"
    else
      report no ledger "not open, so no remedy runs: see $binary status"
    fi
  else
    report no agent "${said%%$'\n'*}"
  fi
  # A running agent may listen where an option or drop-in says; the file is what an installation has.
  address=$("$binary" config show 2>/dev/null | sed -n "s/^web\.listen-address .*\['\([^']*\)'.*/\1/p")
  if [[ $(page "$address" /metrics) == *$'\n'chiron_build_info\{* ]]; then
    report yes metrics "http://$address/metrics"
  else
    report no metrics "http://$address/metrics does not answer; an option or drop-in may have moved it: $binary status"
  fi
}

case $command in
  install)
    [[ -x $source_binary ]] || fail "no program at $source_binary: build it first (deploy/quickstart.sh), or name it with --binary"
    said=$("$source_binary" version 2>&1) || fail "$source_binary does not run: $said"
    if [[ -e $config/chiron.yml ]]; then
      "$source_binary" check --config.file "$config/chiron.yml" >/dev/null 2>&1 ||
        fail "the new program refuses $config/chiron.yml; nothing was changed. See: $source_binary check"
    fi
    if ! active && "$source_binary" status --storage.path "$state" >/dev/null 2>&1; then
      fail "an agent that is not the service runs on $state (the quickstart's?). Stop it first: kill $(cat "$state/lock")"
    fi
    if [[ ! $user ]]; then
      getent group chiron >/dev/null || groupadd --system chiron
    fi
    had=''
    if [[ -e $binary ]]; then
      had=yes
      cp -p "$binary" "$previous"
      if [[ -e $unit ]]; then cp -p "$unit" "$unit.previous"; fi
    fi
    slim=$(mktemp)
    trap 'rm -f "$slim"' EXIT
    # Debugging sections double the file; a system without strip takes it as it is.
    strip -o "$slim" "$source_binary" 2>/dev/null || cp "$source_binary" "$slim"
    place "$slim" "$binary" 755
    place "$unit_source" "$unit" 644
    if [[ ! -e $config/chiron.yml ]]; then
      mkdir -p "$config"
      install -m 640 "$here/chiron.yml" "$config/chiron.yml"
      [[ $user ]] || chgrp chiron "$config/chiron.yml"
    fi
    if ! managed; then
      echo "installed $binary; ${manager[*]} does not answer here, so start the agent by hand: $binary run"
      exit 0
    fi
    start_unit || down=1
    ((down)) || verify
    if ((down)); then
      if [[ $had ]]; then
        mv -f "$previous" "$binary"
        if [[ -e $unit.previous ]]; then mv -f "$unit.previous" "$unit"; fi
        start_unit && fail "the new program did not come up well; the one before it runs again"
        fail "neither the new program nor the one before it came up; see: ${manager[*]} status chiron"
      fi
      fail "installed, but not well; see: ${manager[*]} status chiron"
    fi
    rm -f "$unit.previous"
    echo
    echo "Chiron is installed. Remedies are dry-run until armed in $config/chiron.yml: the README's first remedy."
    if [[ $user ]]; then
      echo "It ends with your session, unless: loginctl enable-linger"
    fi
    ;;
  verify)
    verify
    ((unwell == 0)) || exit 1
    ;;
  uninstall)
    if managed; then
      "${manager[@]}" disable --quiet --now chiron.service 2>/dev/null || true
      ! active || fail "the service does not stop; nothing was removed. See: ${manager[*]} status chiron"
    fi
    rm -f "$unit" "$unit.previous" "$binary" "$previous"
    if managed; then "${manager[@]}" daemon-reload; fi
    if [[ $purge ]]; then
      rm -rf "$config" "$state"
      if [[ ! $user ]] && getent group chiron >/dev/null; then groupdel chiron || true; fi
      echo "removed Chiron, $config and $state"
    else
      echo "removed Chiron; left $config and $state (--purge takes them too)"
    fi
    ;;
esac
