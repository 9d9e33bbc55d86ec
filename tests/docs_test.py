#!/usr/bin/env python3
"""Compares docs/ with the program: settings with keys and defaults, actions and arguments, metric families, types and HELP, routes,
commands with options, outcomes, and every example in YAML.

Usage: docs_test.py CHIRON SOURCE_DIR
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
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


def cells(row):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]


def check_text(what, text):
    """`chiron check` finds no error in a file of that text."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([CHIRON, "check", file.name, "--config.file", "/dev/null"], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            faults.append(f"{what}: chiron check says:\n{done.stdout}{done.stderr}")


def defaults():
    """The table's defaults are the program's, and a file that gives each key its default is a configuration."""
    shown = {one["setting"]: one for one in json.loads(program("config", "show", "--json"))}
    tree = {}
    for name, row in rows(page("options.md")):
        key, default = cells(row)[:2]
        value = shown.get(name, {}).get("value")
        told = "" if default == "empty" else default.strip("`")
        home = shown.get(name, {}).get("from") != "default" or name in ("config.file", "storage.path")
        if value is not None and not home and told != (", ".join(value) if isinstance(value, list) else value):
            faults.append(f"options.md: the default of {name} is {value}, not {told}")
        if key == "-" or value is None:
            continue
        *way, last = key.strip("`").split(".", 2)
        at = tree
        for step in way:
            at = at.setdefault(step, {}) if isinstance(at.get(step, {}), dict) else at.__setitem__(step, {}) or at[step]
        if last not in at:
            at[last] = value
    check_text("options.md, every key", json.dumps(tree))


def examples():
    for name in sorted(os.listdir(f"{SOURCE}/docs")):
        for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", page(name), re.M | re.S), 1):
            check_text(f"{name}, example {number}", text)
    with open(f"{SOURCE}/README.md") as file:
        check_text("README.md", textwrap.dedent(re.search(r"<<'EOF'\n(.*?)^ *EOF", file.read(), re.M | re.S).group(1)))
    with open(f"{SOURCE}/deploy/chiron.yml") as file:
        if file.read() != program("config", "init"):
            faults.append("deploy/chiron.yml is not what `chiron config init` prints")


def outcomes():
    text = page("remedies.md").split("## The life of a run\n")[1].split("\n## ")[0]
    states = set(re.findall(r"[a-z_]+", subprocess.run([CHIRON, "history", "--outcome", "?"], capture_output=True, text=True,
                                                       timeout=60).stderr.split("none of")[1].split("`")[0].strip()))
    documented = {name for name, _ in rows(text)} | {"planned", "suppressed", "running", "verifying"}
    compare("remedies.md, states", documented, states)


def settings():
    shown = [line.split()[0] for line in program("config", "show").splitlines()[1:] if line.strip()]
    real = {name for name in shown if not re.match(r"(identity\.external_labels|services|probes|rule_files|remedy_files|remedies|remediation\.budget|deletion\..*|requests\..*|alertmanagers)$", name)}
    compare("options.md", {name for name, _ in rows(page("options.md"))}, real)


def actions():
    documented = {name for name, _ in rows(page("actions.md"))}
    real = set()
    for action in json.loads(program("actions", "--json")):
        real |= {f"{action['name']} {argument['name']}" for argument in action["arguments"]}
        if f"## {action['name']}" not in page("actions.md"):
            faults.append(f"actions.md: no section for {action['name']}")
    compare("actions.md", documented, real)


def help_commands(words=()):
    """Every command that can be run, as a tuple of words, with its help."""
    text = program(*words, "--help")
    listed = re.findall(r"^  (\w+) {2,}", text.split("\nCommands:\n")[1], re.M) if "\nCommands:\n" in text else []
    if not listed:
        yield tuple(words), text
    for word in listed:
        yield from help_commands((*words, word))


def commands():
    common = {"--help", "--json", "--config.file", "--storage.path"}
    real = set()
    for words, text in help_commands():
        if words != ("run",):
            real |= {" ".join(words)} | {f"{' '.join(words)} {option}" for option in re.findall(r"^  (?:-\w,)?(--[\w.-]+)", text, re.M)
                                         if option not in common}
    documented = {"run"}
    real.add("run")
    for name, _ in rows(page("commands.md")):
        words = " ".join(re.match(r"(?:[a-z]+ ?)+", name).group().split())
        documented |= {words} | {f"{words} {option}" for option in re.findall(r"--[\w.-]+", name)}
    compare("commands.md", documented, real)


def sentences(metrics):
    """Every family has TYPE and HELP, once each, and HELP is a sentence: the one of metrics.md, where it has the family by name."""
    types = re.findall(r"^# TYPE (\S+) \S+$", metrics, re.M)
    helps = re.findall(r"^# HELP (\S+)(?: (.*))?$", metrics, re.M)
    shown = {re.match(r"[^{ ]+", line).group() for line in metrics.splitlines() if line and not line.startswith("#")}
    for what, names in (("TYPE", types), ("HELP", [name for name, _ in helps])):
        faults.extend(f"{what} of {name} stands on the page {names.count(name)} times" for name in set(names) if names.count(name) > 1)
        faults.extend(f"no {what} of {name} on the page" for name in sorted(shown) if not {
            name, re.sub(r"_(bucket|sum|count)$", "", name)} & set(names))
    documented = {name: row.split("|")[1].strip().replace("`", "") for name, row in rows(page("metrics.md"))}
    for name, text in helps:
        if not re.fullmatch(r"[A-Z0-9](?!.*  ).*[^\s.]\.", text):
            faults.append(f"HELP of {name} is no sentence: {text!r}")
        if documented.get(name, text) != text:
            faults.append(f"metrics.md: HELP of {name} is {text!r}, not {documented[name]!r}")
    for name, text in documented.items():
        if not text.endswith("."):
            faults.append(f"metrics.md: no sentence for {name}: {text!r}")


def golden_sentences():
    for name in sorted(os.listdir(f"{SOURCE}/tests/fixtures")):
        if os.path.exists(f"{SOURCE}/tests/fixtures/{name}/metrics.txt"):
            with open(f"{SOURCE}/tests/fixtures/{name}/metrics.txt", encoding="utf-8") as file:
                sentences(file.read())


def language():
    if program("promql", "functions") not in page("promql.md"):
        faults.append("promql.md: its tables are not those that `chiron promql functions` prints")


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
    sentences(metrics)
    reasons = set(re.findall(r'^chiron_remedy_suppressed_total\{.*reason="(\w+)"', metrics, re.M))
    listed = re.search(r"Reasons of suppression: (.*?)\.", page("remedies.md"), re.S).group(1)
    compare("remedies.md, reasons", set(re.findall(r"`(\w+)`", listed)), reasons)
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
for check in (settings, defaults, examples, outcomes, actions, commands, language, golden_sentences, live):
    check()
print("\n".join(faults) if faults else "the reference pages agree with the program")
sys.exit(1 if faults else 0)
