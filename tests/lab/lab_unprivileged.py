#!/usr/bin/env python3
"""The agent as a user of its own under the shipped unit, with a real polkitd that reads the shipped rules.

Usage: systemd-namespace.sh lab_unprivileged.py CHIRON SOURCE_DIR

A listed unit is restarted, reloaded and limited; one that is not listed, a verb that is not listed and everything else of
systemd are refused, told with the reason, and nothing is done.
"""
import json
import os
import shutil
import subprocess
import sys
import time

import lablib
from lablib import show_unit as show, wait_for, write_inside as write

CHIRON, SOURCE = sys.argv[1], sys.argv[2]
ROOT = os.environ["LAB_ROOT"]
POLKITD = "/usr/lib/polkit-1/polkitd"

if not os.path.exists(POLKITD):
    print(f"needs {POLKITD} (package polkitd)")
    sys.exit(77)


def run(*command):
    return lablib.inside(*command, check=False)


def inside(*command):
    return lablib.inside(*command).stdout


def action(name, *arguments):
    done = run("/usr/local/bin/chiron", "action", "run", name, *arguments)
    return done.returncode, done.stdout + done.stderr


def unit(name, service):
    write(f"/run/systemd/system/{name}.service", f"[Unit]\nDefaultDependencies=no\n[Service]\n{service}\n")


def install():
    shutil.copy(CHIRON, f"{ROOT}/usr/local/bin/chiron")
    inside("groupadd", "--system", "--force", "chiron")
    inside("useradd", "--system", "--gid", "chiron", "--home-dir", "/var/lib/chiron", "--shell", "/usr/sbin/nologin", "chiron")
    # As Debian's, without the dependencies that would boot the machine's whole system.
    write("/run/systemd/system/polkit.service",
          "[Unit]\nDefaultDependencies=no\n[Service]\nType=dbus\nBusName=org.freedesktop.PolicyKit1\n"
          f"ExecStart={POLKITD} --no-debug\n")
    rules = open(f"{SOURCE}/deploy/50-chiron.rules", encoding="utf-8").read()
    listed = rules.replace("var units = [", 'var units = ["web.service", "tool.service"')
    assert listed != rules
    write("/etc/polkit-1/rules.d/50-chiron.rules", listed)
    inside("chmod", "644", "/etc/polkit-1/rules.d/50-chiron.rules")
    write("/etc/chiron/rules/services.yml", """
groups:
  - name: lab
    rules:
      - {alert: Failed, expr: 'node_systemd_unit_state{state="failed",name=~"web.service|other.service"} == 1', for: 1s}
""")
    write("/etc/chiron/remedies/restart.yml", """
remedies:
  - name: restart
    on: {alerts: ['alertname="Failed"']}
    target: '{{ $labels.name }}'
    targets: ['*.service']
    steps: [{service.restart: {unit: '{{ $target }}'}}]
    policy: {mode: automatic, cooldown: 5m}
""")
    write("/etc/chiron/chiron.yml", """
sampling: {interval: 500ms}
http: {listen: ['127.0.0.1:0']}
rule_files: [/etc/chiron/rules/*.yml]
remedy_files: [/etc/chiron/remedies/*.yml]
""")
    service = open(f"{SOURCE}/deploy/chiron-unprivileged.service", encoding="utf-8").read()
    service = service.replace("[Unit]", "[Unit]\nDefaultDependencies=no")
    service = service.replace("[Service]", "[Service]\nStandardError=append:/run/chiron.log")
    write("/run/systemd/system/chiron.service", service)
    unit("web", "ExecStart=/bin/sleep infinity\nExecReload=/bin/touch /run/web-reloaded")
    unit("tool", "ExecStart=/bin/sleep infinity")
    unit("other", "ExecStart=/bin/sleep infinity\nExecReload=/bin/true")
    inside("systemctl", "daemon-reload")
    inside("systemctl", "start", "polkit", "web", "tool", "other")
    started = run("systemctl", "start", "chiron")
    if started.returncode != 0:
        raise AssertionError(run("systemctl", "status", "chiron").stdout + open(f"{ROOT}/run/chiron.log", encoding="utf-8").read())
    pid = show("chiron", "MainPID")
    status = inside("cat", f"/proc/{pid}/status")
    assert "CapEff:\t0000000000000000" in status, status
    assert inside("stat", "-c", "%U", f"/proc/{pid}").strip() == "chiron"


def history(**filters):
    arguments = [part for name, value in filters.items() for part in (f"--{name}", value)]
    return json.loads(inside("/usr/local/bin/chiron", "history", "--json", *arguments))


def a_listed_unit_is_healed():
    before = show("web", "InvocationID")
    inside("systemctl", "kill", "-s", "KILL", "web")
    wait_for("web.service healed", lambda: history(target="web.service", outcome="succeeded"))
    assert show("web", "ActiveState") == "active" and show("web", "InvocationID") != before


def one_that_is_not_listed_is_refused():
    inside("systemctl", "kill", "-s", "KILL", "other")
    row = wait_for("a refusal", lambda: history(target="other.service", outcome="failed"))[0]
    assert show("other", "ActiveState") == "failed", row
    assert "restart other.service: Permission denied" in row["reason"], row
    print("        " + row["reason"], flush=True)
    inside("systemctl", "reset-failed", "other")


def reload_and_properties():
    code, out = action("service.reload", "unit=web")
    assert code == 0 and os.path.exists(f"{ROOT}/run/web-reloaded"), out
    code, out = action("service.set_property", "unit=web", "tasks_max=33")
    assert code == 0 and show("web", "TasksMax") == "33", out
    code, out = action("service.set_property", "unit=tool", "tasks_max=33")
    assert code == 0, out
    inside("systemctl", "start", "other")
    before = show("other", "TasksMax"), show("other", "InvocationID")
    for name, arguments in (("service.set_property", ["tasks_max=33"]), ("service.restart", []), ("service.stop", []),
                            ("service.reload", [])):
        code, out = action(name, "unit=other", *arguments)
        assert code != 0, (name, out)
    assert (show("other", "TasksMax"), show("other", "InvocationID")) == before
    assert show("other", "ActiveState") == "active"


def nothing_else_of_systemd():
    """Whatever the agent's user asks for itself."""
    def ask(method, *signature_and_values, user="chiron"):
        return run("runuser", "-u", user, "--", "busctl", "--system", "call", "org.freedesktop.systemd1",
                   "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", method, *signature_and_values)
    refused = {
        "KillUnit": ("ssi", "web.service", "all", "9"),
        "StartUnit": ("ss", "other.service", "replace"),
        "EnableUnitFiles": ("asbb", "1", "web.service", "true", "false"),
        "Reload": (),
        "StartTransientUnit": ("ssa(sv)a(sa(sv))", "x.service", "fail", "1", "ExecStart", "a(sasb)", "1", "/bin/true",
                               "1", "/bin/true", "false", "0"),
    }
    for method, arguments in refused.items():
        done = ask(method, *arguments)
        assert done.returncode != 0 and ("denied" in done.stderr.lower() or "authentication" in done.stderr.lower()), (method, done)
    # That these calls are well-formed, and that it is the rule which lets one through:
    assert ask("RestartUnit", "ss", "web.service", "replace").returncode == 0
    # Another user gets nothing from it.
    other = ask("RestartUnit", "ss", "web.service", "replace", user="nobody")
    assert other.returncode != 0, other


def commands_are_children():
    code, out = action("command.run", "argv=/usr/bin/id")
    assert code == 0 and "(chiron)" in out, out
    code, out = action("command.run", "argv=/usr/bin/id", "user=nobody")
    assert code != 0 and "need a transient unit" in out, out


def main():
    install()
    for scenario in (a_listed_unit_is_healed, one_that_is_not_listed_is_refused, reload_and_properties,
                     nothing_else_of_systemd, commands_are_children):
        begin = time.monotonic()
        scenario()
        print(f"ok {scenario.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)


main()
