#!/usr/bin/env python3
"""Compares docs/ with the program: settings, actions and arguments, metric families and types, routes, commands.

Usage: docs_test.py CHIRON SOURCE_DIR
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

CHIRON, SOURCE = sys.argv[1], sys.argv[2]
faults = []


def page(name):
    with open(f"{SOURCE}/docs/{name}") as file:
        return file.read()


def program(*arguments):
    return subprocess.run([CHIRON, *arguments], capture_output=True, text=True, timeout=60).stdout


def rows(text):
    """The first cell, without backquotes, and the row of every table row whose first cell is code."""
    for line in text.splitlines():
        match = re.match(r"\| `([^`]+)` \|(.*)\|", line)
        if match:
            yield match.group(1), match.group(2)


def compare(what, documented, real):
    faults.extend(f"{what}: not documented: {name}" for name in sorted(real - documented))
    faults.extend(f"{what}: documented, but not in the program: {name}" for name in sorted(documented - real))


def settings():
    shown = [line.split()[0] for line in program("config", "show").splitlines()[1:] if line.strip()]
    real = {name for name in shown if not re.match(r"(identity\.external_labels|services|probes|rule_files|remedy_files|remedies|deletion\..*)$", name)}
    compare("options.md", {name for name, _ in rows(page("options.md"))}, real)


def actions():
    documented = {name for name, _ in rows(page("actions.md"))}
    real = set()
    for action in json.loads(program("actions", "--json")):
        real |= {f"{action['name']} {argument['name']}" for argument in action["arguments"]}
        if f"## {action['name']}" not in page("actions.md"):
            faults.append(f"actions.md: no section for {action['name']}")
    compare("actions.md", documented, real)


def commands():
    listed = re.findall(r"^  (\w+) {2,}", program("--help").split("Commands:")[1], re.M)
    compare("commands.md", {name.split()[0] for name, _ in rows(page("commands.md"))}, set(listed))


def live():
    """Families and routes of a running agent; families of hardware this host lacks may be documented without it."""
    with tempfile.TemporaryDirectory() as state:
        open(f"{state}/empty.yml", "w").close()
        with open(f"{state}/log", "w") as log:
            agent = subprocess.Popen(
                [CHIRON, "run", "--storage.path", f"{state}/s", "--web.listen-address", "127.0.0.1:0", "--config.file",
                 f"{state}/empty.yml", "--log.format", "json"], stderr=log)
        try:
            deadline = time.monotonic() + 60
            url = None
            while url is None and time.monotonic() < deadline and agent.poll() is None:
                match = re.search(r'"url":"(http://[^"/]+)/metrics"', open(f"{state}/log").read())
                url = match and match.group(1)
                time.sleep(0.05)
            if url is None:
                raise SystemExit("the agent did not come up:\n" + open(f"{state}/log").read())
            metrics = urllib.request.urlopen(f"{url}/metrics", timeout=30).read().decode()
            index = urllib.request.urlopen(f"{url}/", timeout=30).read().decode()
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.wait(timeout=30)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", metrics, re.M))
    documented = {}
    for name, row in rows(page("metrics.md")):
        documented[name] = row.split("|")[0].strip()
    patterns = {name: kind for name, kind in documented.items() if "*" in name}
    for name, kind in types.items():
        wanted = documented.get(name) or next(
            (k for p, k in patterns.items() if re.fullmatch(p.replace("*", ".*"), name)), None)
        if wanted is None:
            faults.append(f"metrics.md: not documented: {name} ({kind})")
        elif wanted != kind:
            faults.append(f"metrics.md: {name} is a {kind}, not a {wanted}")
    routes = set(re.findall(r'<a href="([^"]+)"', index)) | {"/"}
    compare("http.md", {name for name, _ in rows(page("http.md"))}, routes)


os.environ.pop("CHIRON_CONFIG_FILE", None)
os.environ.pop("CHIRON_STORAGE_PATH", None)
for check in (settings, actions, commands, live):
    check()
print("\n".join(faults) if faults else "the reference pages agree with the program")
sys.exit(1 if faults else 0)
