#!/usr/bin/env python3
"""Compares a page of Chiron with Debian's prometheus-node-exporter on the same host, at the same moment.

Every family that node_exporter gives must be there with the same type, the same label names and the same series.
node_exporter is read before and after Chiron: a counter must be between its two readings, any other value within 1 % of
what they span.

    compare_node_exporter.py --chiron http://127.0.0.1:10071/metrics

With --tree both read a captured host instead, for hardware that this one lacks; Chiron is started so:

    chiron run --path.procfs TREE/proc --path.sysfs TREE/sys ...
    compare_node_exporter.py --tree tests/fixtures/bare_metal --chiron http://127.0.0.1:10071/metrics

Exit status 0: no difference but the known ones.
"""
import argparse
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

COLLECTORS = ["arp", "conntrack", "cpu", "diskstats", "entropy", "filefd", "filesystem", "loadavg", "meminfo", "netdev",
              "netstat", "os", "pressure", "processes", "schedstat", "sockstat", "softnet", "stat", "tcpstat", "textfile",
              "time", "timex", "udp_queues", "uname", "vmstat"]
# Those that sysfs and a few files of procfs are enough for; Debian's node_exporter has no watchdog collector yet.
HARDWARE = ["bonding", "btrfs", "cpufreq", "dmi", "edac", "hwmon", "mdadm", "netclass", "nvme", "powersupplyclass", "rapl",
            "selinux", "thermal_zone", "xfs"]
# Of the first list, those that a captured tree is enough for: the others ask the kernel whatever the roots.
IN_TREES = ["arp", "conntrack", "cpu", "diskstats", "entropy", "filefd", "loadavg", "meminfo", "netdev", "netstat", "pressure",
            "processes", "schedstat", "sockstat", "softnet", "stat", "udp_queues", "vmstat"]
# Off in both unless switched on: compared when Chiron's page has the family.
OPTIONAL = {"interrupts": "node_interrupts_total"}
# Defaults of a current node_exporter; the Debian package changes some, and 1.5 is older than others.
FLAGS = [
    r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+"
    "|var/lib/containers/storage/.+)($|/)",
    "--collector.filesystem.fs-types-exclude=^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl"
    "|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs"
    "|tracefs)$",
    "--collector.netdev.device-exclude=^$",
    "--collector.netclass.ignored-devices=^$",
    r"--collector.netstat.fields=^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)"
    r"|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
    "--collector.textfile.directory=/nonexistent-directory-for-comparison",
]
# What is to be compared: the rest of node_exporter's page is about itself.
COMPARED = re.compile(r"^(node_|process_)")
NOT_COMPARED = re.compile(r"^node_(exporter_build_info|scrape_collector_.*|textfile_.*)$")
# What goes up and down from one moment to the next, or is each process's own.
MOVING = re.compile(r"^(process_.*|node_(procs_.*|disk_io_now|processes_(threads_)?state|processes_(pids|threads)"
                    r"|tcp_connection_states|sockstat_(sockets_used|TCP_(inuse|tw|alloc|mem|mem_bytes))))$")
# Of these a state has a series while something is in it: the reader itself often runs while it looks.
IN_A_STATE = re.compile(r"^node_(processes_(threads_)?state|tcp_connection_states)$")
# Labels that node_exporter got after 1.5.
NEWER_LABELS = {"node_disk_info": {"rotational"}, "node_network_info": {"adminstate"}, "node_nvme_info": {"cntlid"}}

SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')


class Family:
    def __init__(self):
        self.type = "untyped"
        self.series = {}


def parse(text):
    families = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            families.setdefault(name, Family()).type = kind
        elif line and not line.startswith("#"):
            match = SAMPLE.match(line)
            if not match:
                sys.exit(f"not a sample: {line}")
            # An empty label is an absent one.
            labels = tuple(sorted((k, v) for k, v in LABEL.findall(match[2] or "") if v))
            families.setdefault(match[1], Family()).series[labels] = float(match[3])
    return {name: family for name, family in families.items()
            if family.series and COMPARED.match(name) and not NOT_COMPARED.match(name)}


def read(place):
    if place.startswith("http"):
        with urllib.request.urlopen(place, timeout=10) as answer:
            return answer.read().decode()
    if place.startswith("exec:"):
        return subprocess.run(place[5:].split(), check=True, capture_output=True, text=True).stdout
    with open(place, encoding="utf-8") as file:
        return file.read()


class NodeExporter:
    def __init__(self, binary, tree, optional):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/metrics"
        if tree:
            # SELinux is asked for on this host whatever the roots.
            names = [name for name in HARDWARE if name != "selinux"]
            # A tree of hardware alone has no processes.
            names += IN_TREES if os.path.exists(f"{tree}/proc/stat") else []
            flags = [*FLAGS, f"--path.procfs={tree}/proc", f"--path.sysfs={tree}/sys", f"--path.rootfs={tree}/root",
                     f"--path.udev.data={tree}/root/run/udev/data", "--no-collector.netdev.netlink"]
        else:
            names, flags = sorted(COLLECTORS + HARDWARE), FLAGS
        self.process = subprocess.Popen(
            [binary, f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults", *flags,
             *[f"--collector.{name}" for name in [*names, *optional]]], stderr=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(100):
            try:
                read(self.url)
                return self
            except OSError:
                time.sleep(0.1)
        sys.exit("node_exporter does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def without(labels, names):
    return tuple(pair for pair in labels if pair[0] not in names)


def agrees(kind, value, readings):
    """Whether a value of Chiron's is what node_exporter may have read between its two readings."""
    if math.isnan(value):
        return all(math.isnan(reading) for reading in readings)
    slack = 1e-9 if kind == "counter" else 0.01
    return (min(readings) - slack * abs(min(readings)) - 1e-9 <= value
            <= max(readings) + slack * abs(max(readings)) + 1e-9)


def compare(before, ours, after):
    """Differences that count, as text."""
    for name, family in sorted(after.items()):
        if name not in ours:
            yield f"{name}: missing"
            continue
        own = ours[name]
        if own.type != family.type:
            yield f"{name}: type {own.type}, not {family.type}"
        newer = NEWER_LABELS.get(name, set())
        values = {without(labels, newer): value for labels, value in own.series.items()}
        earlier = before[name].series if name in before else {}
        for labels, value in family.series.items():
            text = name + "{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}"
            if name.startswith("process_"):
                continue
            readings = [earlier.get(labels, value), value]
            if labels not in values:
                if not IN_A_STATE.match(name):
                    yield f"{text}: missing"
            elif not MOVING.match(name) and not agrees(family.type, values[labels], readings):
                yield f"{text}: {values[labels]!r}, not in {readings}"
        if IN_A_STATE.match(name) and values.keys() & family.series.keys():
            continue
        for labels in values.keys() - family.series.keys():
            yield f"{name}{dict(labels)}: not in node_exporter"


def compare_often(peer_url, chiron, attempts):
    """What differs every time, and the families of both. What differs once has come, gone or moved meanwhile."""
    differences = None
    for _ in range(attempts):
        before = parse(read(peer_url))
        time.sleep(1.1)  # Chiron's page may be a second old
        ours = parse(read(chiron))
        after = parse(read(peer_url))
        found = {line.split(": ")[0]: line for line in compare(before, ours, after)}
        differences = found if differences is None else {key: line for key, line in found.items() if key in differences}
        if not differences:
            break
    return sorted(differences.values()), ours.keys(), after.keys()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chiron", required=True, help="URL of the page, a file that holds it, or exec:COMMAND")
    parser.add_argument("--tree", help="a captured host, with proc/ and sys/, that Chiron reads too")
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    parser.add_argument("--need", action="append", default=[], help="a family that node_exporter must have")
    parser.add_argument("--attempts", type=int, default=5, help="how often at most until nothing differs")
    arguments = parser.parse_args()
    page = parse(read(arguments.chiron))
    optional = [name for name, family in OPTIONAL.items() if family in page]
    with NodeExporter(arguments.node_exporter, arguments.tree, optional) as peer:
        differences, ours, theirs = compare_often(peer.url, arguments.chiron, arguments.attempts)
    differences += [f"{name}: not even in node_exporter" for name in arguments.need if name not in theirs]
    for line in differences:
        print(line)
    print(f"{len(theirs)} families compared, {len(differences)} differences; {len(ours - theirs)} only in Chiron")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
