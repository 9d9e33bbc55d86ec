#!/usr/bin/env python3
"""The service loop against a real systemd, with the agent as the shipped unit in it.

Usage: systemd-namespace.sh lab_service.py CHIRON SOURCE_DIR

A killed service comes back, verified; a crash loop stops at its budget; a service stopped by hand is left alone; sshd is
never touched; a disk rescue works under the unit's sandboxing; a command goes on when the agent is killed or restarted and
ends in the ledger, once; metric, log and ledger agree; `systemctl stop` ends the
agent within two seconds.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

import lablib
from lablib import show_unit as show, write_inside as write, write_unit as unit

CHIRON, SOURCE = sys.argv[1], sys.argv[2]
ROOT, PID = os.environ["LAB_ROOT"], os.environ["LAB_PID"]


def inside(*command, check=True):
    return lablib.inside(*command, check=check).stdout


def chiron(*arguments, check=True):
    return inside("/usr/local/bin/chiron", *arguments, check=check)


def history(**filters):
    arguments = [part for name, value in filters.items() for part in (f"--{name}", value)]
    return json.loads(chiron("history", "--json", "--limit", "200", *arguments))


def query(expr):
    """The value of an expression that yields at most one series; None for none."""
    result = json.loads(chiron("query", "--json", expr))["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def wait_for(what, condition, seconds=60):
    try:
        return lablib.wait_for(what, condition, timeout=seconds)
    except lablib.Failure as failure:
        log = open(f"{ROOT}/run/chiron.log").read()[-6000:]
        raise AssertionError(f"{failure}\n{chiron('history', check=False)}\n{log}") from failure


def log_events(event):
    events = []
    for line in open(f"{ROOT}/run/chiron.log"):
        try:
            parsed = json.loads(line)
        except ValueError:
            continue
        if parsed.get("event") == event:
            events.append(parsed)
    return events


def install_agent():
    # From outside: the namespace has a /tmp of its own.
    shutil.copy(CHIRON, f"{ROOT}/usr/local/bin/chiron")
    inside("mkdir", "-p", "/mnt/disk", "/etc/chiron/rules")
    inside("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", "/mnt/disk")
    # The shipped rules with their waiting times shortened; nothing else is changed.
    rules = open(f"{SOURCE}/rules/packs/services.rules.yml").read()
    write("/etc/chiron/rules/services.yml", re.sub(r"\bfor: \d+[ms]", "for: 1s", rules))
    write("/etc/chiron/chiron.yml", """
sampling: {interval: 500ms}
http: {listen: ['127.0.0.1:0']}
services: [web.service, hand.service, ssh.service]
rule_files: [/etc/chiron/rules/*.yml]
remedy_files: ['shipped:*', /etc/chiron/remedies/*.yml]
remedies:
  restart-unit: {mode: automatic, policy: {cooldown: 2s, budget: {runs: 3, per: 1h}}}
deletion: {roots: [/mnt/disk/old]}
""")
    write("/etc/chiron/remedies/follow.yml", """
remedies:
  - name: follow
    on: {schedule: {cron: '0 0 1 1 *'}}
    steps: [{command.run: {argv: [/run/lab-command], timeout: 5m}}]
    on_failure: [{command.run: {argv: [/usr/bin/touch, '/run/told-{{ $state }}']}}]
    policy: {mode: automatic}
""")
    service = open(f"{SOURCE}/deploy/chiron.service").read()
    service = service.replace("[Unit]", "[Unit]\nDefaultDependencies=no")
    service = service.replace("[Service]", "[Service]\nStandardError=append:/run/chiron.log")
    write("/run/systemd/system/chiron.service", service)
    unit("web", "/bin/sleep infinity")
    unit("hand", "/bin/sleep infinity")
    unit("loop", "/bin/false")
    unit("ssh", "/bin/sleep infinity")
    inside("systemctl", "daemon-reload")
    inside("systemctl", "start", "web", "hand", "ssh")
    # Type=notify: returns once the agent says that it is ready.
    started = subprocess.run(["nsenter", "-t", PID, "-a", "systemctl", "start", "chiron"], timeout=60)
    if started.returncode != 0:
        raise AssertionError(inside("systemctl", "status", "chiron", check=False) + open(f"{ROOT}/run/chiron.log").read())
    assert show("chiron", "ActiveState") == "active"
    wait_for("web.service up", lambda: query('chiron_service_up{name="web.service"}') == 1)


def killed_service_comes_back():
    before = show("web", "InvocationID")
    inside("systemctl", "kill", "-s", "KILL", "web")
    run = wait_for("web.service healed", lambda: history(target="web.service", outcome="succeeded"))[0]
    assert show("web", "ActiveState") == "active" and show("web", "InvocationID") != before
    assert run["steps"][0]["action"] == "service.restart" and run["steps"][0]["outcome"] == "succeeded", run
    wait_for("the alert's end", lambda: query('ALERTS{name="web.service",alertstate="firing"}') is None)
    succeeded = 'chiron_remedy_runs_total{remedy="restart-unit",outcome="succeeded"}'
    wait_for("the metric", lambda: query(succeeded) == 1)
    ended = [event for event in log_events("run ended") if event["run"] == run["id"]]
    assert len(ended) == 1 and ended[0]["outcome"] == "succeeded" and ended[0]["target"] == "web.service", ended


def crash_loop_stops_at_its_budget():
    inside("systemctl", "start", "loop", check=False)
    wait_for("the budget used up", lambda: query('chiron_remedy_exhausted{target="loop.service"}') == 1, 90)
    suppressed = wait_for("the suppressed row", lambda: [
        run for run in history(target="loop.service", outcome="suppressed") if "budget" in run["reason"]])
    runs = [run for run in history(target="loop.service") if run["state"] in ("failed", "ineffective", "succeeded")]
    assert len(runs) == 3 and suppressed, runs
    state = show("loop", "InvocationID")
    # Several evaluations later nothing more has been tried.
    passes = query("chiron_store_samples")
    wait_for("more passes", lambda: query("chiron_store_samples") > passes)
    assert show("loop", "InvocationID") == state
    inside("systemctl", "reset-failed", "loop")


def stopped_by_hand_is_left_alone():
    inside("systemctl", "stop", "hand")
    wait_for("the alert", lambda: query('ALERTS{alertname="ServiceDown",name="hand.service",alertstate="firing"}'))
    run = wait_for("a run that leaves it alone", lambda: [
        run for run in history(target="hand.service") if run["state"] in ("failed", "suppressed")])[0]
    assert show("hand", "ActiveState") == "inactive", run
    assert show("hand", "InvocationID") == "", run


def denied_unit_is_never_touched():
    inside("systemctl", "kill", "-s", "KILL", "ssh")
    refused = wait_for("a refusal", lambda: [
        run for run in history(target="ssh.service") if run["state"] in ("failed", "suppressed")])
    assert show("ssh", "ActiveState") == "failed", refused
    inside("systemctl", "reset-failed", "ssh")


def rescue_works_under_the_sandbox():
    inside("mkdir", "/mnt/disk/old")
    inside("chown", "nobody", "/mnt/disk/old")
    for i in range(30):
        inside("dd", "if=/dev/zero", f"of=/mnt/disk/old/{i}.gz", "bs=1M", "count=1", "status=none")
    inside("touch", "-d", "10 days ago", *[f"/mnt/disk/old/{i}.gz" for i in range(30)])
    inside("chown", "-R", "nobody", "/mnt/disk/old")
    inside("chmod", "-R", "go-rwx", "/mnt/disk/old")
    out = chiron("action", "run", "disk.rescue", "path=/mnt/disk", "target_free=50%", "stages=globs", "min_age=0s",
                 "globs=/mnt/disk/old/*.gz", check=False)
    assert "succeeded" in out, out + open(f"{ROOT}/run/chiron.log").read()[-3000:]
    free = os.statvfs(f"{ROOT}/mnt/disk")
    assert free.f_bavail / free.f_blocks >= 0.5, free


BY_HAND = ("action", "run", "command.run", "argv=/run/lab-command", "timeout=5m")


def command_outlives(how, ends_agent, exit_code, asks=BY_HAND):
    """The command's agent ends in the middle of it, and another one says how it ended; its record."""
    inside("sh", "-c", "rm -f /run/lab-calls /run/lab-go")
    write("/run/lab-command", f'''#!/bin/sh
echo "$CHIRON_RUN_ID" >> /run/lab-calls
echo began
until [ -e /run/lab-go ]; do sleep 0.05; done
echo ended
exit {exit_code}
''')
    inside("chmod", "755", "/run/lab-command")
    asked = subprocess.Popen(["nsenter", "-t", PID, "-a", "/usr/local/bin/chiron", *asks], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    calls = wait_for("the command at work", lambda: inside("sh", "-c", "cat /run/lab-calls || true").split())
    run, unit = calls[0], f"chiron-run-{calls[0]}-0.service"
    assert show(unit, "ActiveState") == "active"
    agent, command = show("chiron", "MainPID"), show(unit, "MainPID")
    ends_agent()
    wait_for("another agent", lambda: show("chiron", "ActiveState") == "active" and show("chiron", "MainPID") != agent)
    assert show(unit, "MainPID") == command, "it is another process"
    wait_for("the run taken up", lambda: any(event["run"] == run for event in log_events("run taken up")))
    # Its target is held meanwhile: nothing begins a second one.
    refused = lablib.inside("/usr/local/bin/chiron", *asks, check=False)
    assert refused.returncode != 0 and "in progress" in refused.stdout + refused.stderr, refused
    write("/run/lab-go", "")
    state = "succeeded" if exit_code == 0 else "failed"
    row = wait_for(f"the run to be {state}, {how}", lambda: [one for one in history(outcome=state) if one["id"] == run])[0]
    step = row["steps"][0]
    assert step["outcome"] == state and "went on without it" in row["reason"], row
    assert f"exit code {exit_code}" in step["detail"], row
    if exit_code == 0:
        # What it had written before went with the agent that had read it.
        assert "stdout=ended" in step["detail"], row
    assert inside("cat", "/run/lab-calls").split() == [run], "the command ran more than once"
    assert show(unit, "LoadState") == "not-found", "the unit is left"
    asked.wait(timeout=60)
    print(f"        {how}: run {run} is {row['state']}: {row['reason']}", flush=True)
    return row


def command_outlives_a_kill():
    command_outlives("kill -9", lambda: inside("systemctl", "kill", "-s", "KILL", "chiron"), 0)


def command_outlives_a_restart():
    command_outlives("restart", lambda: inside("systemctl", "restart", "chiron"), 3)


def a_remedy_that_was_taken_up_tells_of_its_failure():
    row = command_outlives("kill -9 under a remedy", lambda: inside("systemctl", "kill", "-s", "KILL", "chiron"), 3,
                           ("remedy", "run", "follow"))
    assert row["remedy"] == "follow" and len(row["steps"]) == 2, row
    assert row["steps"][1]["outcome"] == "succeeded" and row["steps"][1]["detail"].startswith("on_failure: "), row
    assert os.path.exists(f"{ROOT}/run/told-failed"), "on_failure was not done"


def stops_quickly():
    begin = time.monotonic()
    inside("systemctl", "stop", "chiron")
    took = time.monotonic() - begin
    assert took < 2.5, took
    assert show("chiron", "Result") == "success"
    assert [event for event in log_events("stopped")], "no log entry of the stop"


def main():
    install_agent()
    for scenario in (killed_service_comes_back, stopped_by_hand_is_left_alone, denied_unit_is_never_touched,
                     crash_loop_stops_at_its_budget, rescue_works_under_the_sandbox, command_outlives_a_kill,
                     command_outlives_a_restart, a_remedy_that_was_taken_up_tells_of_its_failure, stops_quickly):
        begin = time.monotonic()
        scenario()
        print(f"ok {scenario.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)


main()
