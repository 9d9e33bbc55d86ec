#!/usr/bin/env python3
"""Chiron beside Debian's node_exporter, in one run.

Usage: compare.py [CHIRON]        (default build/bin/chiron; build it with `cmake --build --preset bench`)

node_exporter has its default collectors, and Chiron those of its own that are among them; of the others there is nothing on
an ordinary server, but node_exporter looks for it. A second one has the very collectors that Chiron has.

One scrape every 1.2 s of each in turn, so that every scrape of Chiron finds its last frame older than a second and takes a
fresh one: both read the kernel for every scrape. Each comes after the same pause: who is asked right after another finds
the kernel's code and data in the processor's caches. Chiron samples by itself every 10 minutes here, so that its own passes
are not counted. node_exporter evaluates no rules, so Chiron is measured without any; a second agent beside it shows what
its shipped rules add, which it evaluates after every pass. CPU is what the scheduler counted for all threads of the
process around each scrape, both measured in the same way: over a connection that is kept, as Prometheus keeps it, and with
a new one for each scrape.

A sampling pass is measured by itself, without scrapes, with the same collectors at an interval of 100 ms; beside it
chiron_kernel_files reads, at the same interval and in the same seconds, the files that the agent keeps open, and nothing
else. What collectors open anew, ask by netlink or statfs counts for Chiron alone.
"""
import calendar
import gzip
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

CHIRON = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/bin/chiron")
COLLECTORS = ["arp", "bonding", "btrfs", "conntrack", "cpu", "cpufreq", "diskstats", "dmi", "edac", "entropy", "filefd", "filesystem",
              "hwmon", "loadavg", "mdadm", "meminfo", "netclass", "netdev", "netstat", "nvme", "os", "powersupplyclass", "pressure",
              "rapl", "schedstat", "selinux", "sockstat", "softnet", "stat", "textfile", "thermal_zone", "time", "timex", "udp_queues",
              "uname", "vmstat", "xfs"]
SCRAPES = int(os.environ.get("SCRAPES", "60"))


GZIP = {"Accept-Encoding": "gzip"}  # as Prometheus asks


def body_of(answer):
    body = answer.read()
    return gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body


def get(url):
    with urllib.request.urlopen(urllib.request.Request(url, headers=GZIP), timeout=10) as answer:
        return body_of(answer)


class Kept:
    """A connection that stays, and is made anew when the other side has ended it."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=10)

    def get(self, url):
        self.connection.request("GET", urllib.parse.urlsplit(url).path, headers=GZIP)
        return body_of(self.connection.getresponse())


def first_answer(command, url):
    """The process, and the seconds from exec until its first scrape is answered."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            get(url)
            return process, time.monotonic() - begin
        except OSError:
            if time.monotonic() - begin > 10 or process.poll() is not None:
                raise SystemExit(f"{command[0]} did not come up")
            time.sleep(0.0005)


def cpu_seconds(pid):
    """From the scheduler's own count, in nanoseconds, over all threads: ticks would be too coarse."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(open(f"/proc/{pid}/task/{thread}/schedstat").read().split()[0])
        except OSError:
            pass
    return total / 1e9


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))


def chiron(state, port, config="", interval="10m"):
    off = ["self", "systemd", "containers", "probes", "processes", "tcpstat", "watchdog"]
    with open(f"{state}.yml", "w") as file:
        file.write(config)
    command = [CHIRON, "run", "--storage.path", state, "--web.listen-address", f"127.0.0.1:{port}", "--sampling.interval",
               interval, "--config.file", f"{state}.yml", "--log.level", "error", *[f"--no-collector.{name}" for name in off]]
    return command, f"http://127.0.0.1:{port}/metrics"


def node_exporter(port, *options):
    command = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--web.disable-exporter-metrics",
               "--log.level=error", *options]
    return command, f"http://127.0.0.1:{port}/metrics"


def exporters(state):
    return {"chiron": chiron(state, 10981, "{rule_files: [], remedy_files: []}\n"),
            "node_exporter": node_exporter(10982)}


def starts(state):
    """Median seconds to the first answered scrape, of five starts."""
    taken = {"chiron": [], "node_exporter": []}
    for turn in range(5):
        for name, (command, url) in exporters(f"{state}/{turn}").items():
            process, seconds = first_answer(command, url)
            taken[name].append(seconds)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)
    return {name: statistics.median(values) for name, values in taken.items()}


def scrapes(state):
    same = ["--collector.disable-defaults", *[f"--collector.{name}" for name in COLLECTORS]]
    measured = exporters(f"{state}/run") | {"with rules": chiron(f"{state}/rules", 10984),
                                            "same collectors": node_exporter(10986, *same)}
    running = {name: (first_answer(command, url)[0], url) for name, (command, url) in measured.items()}
    series, cpu = {}, {}
    try:
        for way in ("kept", "new"):
            kept = {name: Kept(url) for name, (_, url) in running.items()}
            spent = {name: 0.0 for name in running}
            for turn in range(SCRAPES + 5):
                for name, (process, url) in running.items():
                    time.sleep(1.2 / len(running))
                    before = cpu_seconds(process.pid)
                    page = kept[name].get(url) if way == "kept" else get(url)
                    if turn >= 5:  # the first few warm caches and descriptors
                        spent[name] += cpu_seconds(process.pid) - before
                    series[name] = sum(1 for line in page.splitlines() if not line.startswith(b"#"))
            cpu[way] = {name: seconds / SCRAPES * 1e3 for name, seconds in spent.items()}
        memory = {name: resident_kib(process.pid) for name, (process, _) in running.items()}
    finally:
        for process, _ in running.values():
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)
    return cpu, memory, series


def passes(state):
    """Microseconds of CPU for a sampling pass, for reading the same files, and how many they are."""
    interval_ms, seconds = 100, 10
    command, url = chiron(f"{state}/pass", 10985, "{rule_files: [], remedy_files: []}\n", f"{interval_ms}ms")
    agent, _ = first_answer(command, url)
    reader = os.path.join(os.path.dirname(CHIRON), "chiron_kernel_files")
    try:
        time.sleep(2)  # the first passes open the files
        before, begin = cpu_seconds(agent.pid), time.monotonic()
        files, bare = subprocess.run([reader, str(agent.pid), str(interval_ms), str(seconds)], check=True,
                                     capture_output=True, text=True).stdout.split()
        taken = (time.monotonic() - begin) * 1000 / interval_ms
        return (cpu_seconds(agent.pid) - before) * 1e6 / taken, float(bare), int(files)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(timeout=10)


def sample_to_action(state):
    """Milliseconds from the pass whose sample crosses the threshold to the start of the action, of ten runs."""
    text, flag = f"{state}/text", f"{state}/text/flag.prom"
    os.makedirs(text)
    open(f"{state}/rules.yml", "w").write(
        "groups: [{name: g, rules: [{alert: Flag, expr: 'bench_flag > bench_seen'}]}]\n")
    open(f"{state}/remedies.yml", "w").write(
        "remedies: [{name: touch, on: {alerts: ['alertname=\"Flag\"']}, target: flag, "
        "steps: [{command.run: {argv: [/bin/true]}}], verify: {expr: 'vector(1)', within: 5s}, "
        "policy: {mode: automatic, cooldown: 1ms, budget: {runs: 1000, per: 1h}}}]\n")
    open(f"{state}/action.yml", "w").write(f"rule_files: [{state}/rules.yml]\nremedy_files: [{state}/remedies.yml]\n")
    url = "http://127.0.0.1:10983"
    agent, _ = first_answer([CHIRON, "run", "--storage.path", f"{state}/a", "--web.listen-address", "127.0.0.1:10983",
                             "--sampling.interval", "200ms", "--config.file", f"{state}/action.yml", "--log.level", "error",
                             "--collector.textfile.directory", text], url + "/metrics")
    taken = []
    try:
        for turn in range(10):
            with open(f"{text}/tmp", "w") as file:
                file.write(f"bench_flag {turn + 1}\nbench_seen {turn}\n")
            os.rename(f"{text}/tmp", flag)
            written = time.time()
            deadline = time.monotonic() + 20
            runs = []
            while time.monotonic() < deadline:
                runs = json.loads(get(url + "/api/v1/runs?state=succeeded&limit=100"))
                if len(runs) > turn:
                    break
                time.sleep(0.05)
            started = runs[0]["steps"][0]["started"]
            began = time.strptime(started[:19], "%Y-%m-%dT%H:%M:%S")
            wall = calendar.timegm(began) + float("0." + started[20:23])
            # The first firing sample of this turn carries the time of the pass that saw the flag.
            fired = json.loads(get(url + "/api/v1/query?query=ALERTS%7Balertstate=%22firing%22%7D%5B20s%5D"))
            times = [float(at) for one in fired["data"]["result"] for at, _ in one["values"] if float(at) >= written]
            if times:
                taken.append((wall - min(times)) * 1000)
            with open(f"{text}/tmp", "w") as file:
                file.write(f"bench_flag {turn + 1}\nbench_seen {turn + 1}\n")
            os.rename(f"{text}/tmp", flag)
            while json.loads(get(url + "/api/v1/query?query=ALERTS"))["data"]["result"] and time.monotonic() < deadline:
                time.sleep(0.05)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(timeout=10)
    return taken


def main():
    with tempfile.TemporaryDirectory() as state:
        start = starts(state)
        cpu, memory, series = scrapes(state)
        one_pass, bare, files = passes(state)
        action = sample_to_action(state)
    print(f"{'':34}{'chiron':>12}{'node_exporter':>15}{'ratio':>8}   must")
    print(f"{'series on the page':34}{series['chiron']:12}{series['node_exporter']:15}")
    kept, new = cpu["kept"], cpu["new"]
    rows = [("CPU of a scrape, ms", kept["chiron"], kept["node_exporter"], "1/8 (0.125)"),
            ("the same with the shipped rules", kept["with rules"], kept["node_exporter"], ""),
            ("the same over a new connection", new["chiron"], new["node_exporter"], ""),
            ("against the same collectors", kept["chiron"], kept["same collectors"], ""),
            ("the same over a new connection", new["chiron"], new["same collectors"], ""),
            ("start to first scrape, ms", start["chiron"] * 1e3, start["node_exporter"] * 1e3, ""),
            ("VmRSS with the shipped rules, MiB", memory["with rules"] / 1024, memory["node_exporter"] / 1024, "")]
    for name, ours, theirs, must in rows:
        print(f"{name:34}{ours:12.2f}{theirs:15.2f}{ours / theirs:8.2f}   {must}")
    print(f"{'CPU of a pass, us':34}{one_pass:12.0f}{bare:15.0f}{one_pass / bare:8.2f}   2 (against pread of the same {files} files)")
    if action:
        print(f"{'sample to action started, ms':34}{statistics.median(action):12.1f}   (median of {len(action)}, worst "
              f"{max(action):.1f}; must 20)")


main()
