#!/usr/bin/env python3
"""Compares a page of Chiron with Debian's prometheus-node-exporter on the same host, at the same moment.

Every family that node_exporter gives must be there with the same type, the same label names and the same series; gauges
and untyped values must agree within 1 %. Counters are read at slightly different moments and are only compared by name.

    compare_node_exporter.py --chiron http://127.0.0.1:10071/metrics

With --tree both read a captured host instead, for hardware that this one lacks; Chiron is started so:

    chiron run --path.procfs TREE/proc --path.sysfs TREE/sys ...
    compare_node_exporter.py --tree tests/fixtures/bare_metal --chiron http://127.0.0.1:10071/metrics

Exit status 0: no difference but the known ones.
"""
import argparse
import math
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
# Defaults of a current node_exporter; the Debian package changes some, and 1.5 is older than others.
FLAGS = [
    r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+"
    "|var/lib/containers/storage/.+)($|/)",
    "--collector.filesystem.fs-types-exclude=^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl"
    "|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs"
    "|tracefs)$",
    "--collector.netdev.device-exclude=^$",
    "--no-collector.netdev.netlink",
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
# The value differs because time passes or because each process speaks of itself.
MOVING = re.compile(r"^(process_.*|node_(procs_.*|load\d+|disk_io_now|time_seconds|processes_(threads_)?state"
                    r"|processes_pids|tcp_connection_states|sockstat_TCP_tw))$")
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
    def __init__(self, binary, tree):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/metrics"
        if tree:
            # SELinux is asked for on this host whatever the roots.
            names = [name for name in HARDWARE if name != "selinux"]
            flags = [f"--path.procfs={tree}/proc", f"--path.sysfs={tree}/sys", "--collector.netclass.ignored-devices=^$"]
        else:
            names, flags = sorted(COLLECTORS + HARDWARE), FLAGS
        self.process = subprocess.Popen(
            [binary, f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults", *flags,
             *[f"--collector.{name}" for name in names]], stderr=subprocess.DEVNULL)

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


def compare(theirs, ours):
    """Differences that count, as text."""
    for name, family in sorted(theirs.items()):
        if name not in ours:
            yield f"{name}: missing"
            continue
        own = ours[name]
        if own.type != family.type:
            yield f"{name}: type {own.type}, not {family.type}"
        newer = NEWER_LABELS.get(name, set())
        values = {without(labels, newer): value for labels, value in own.series.items()}
        for labels, value in family.series.items():
            text = name + "{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}"
            if name.startswith("process_"):
                continue
            if labels not in values:
                yield f"{text}: missing"
            elif family.type != "counter" and not MOVING.match(name) and not math.isclose(
                    values[labels], value, rel_tol=0.01, abs_tol=1e-9):
                yield f"{text}: {values[labels]}, not {value}"
        for labels in values.keys() - family.series.keys():
            yield f"{name}{dict(labels)}: not in node_exporter"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chiron", required=True, help="URL of the page, a file that holds it, or exec:COMMAND")
    parser.add_argument("--tree", help="a captured host, with proc/ and sys/, that Chiron reads too")
    parser.add_argument("--node-exporter", default="prometheus-node-exporter")
    parser.add_argument("--attempts", type=int, default=5, help="a gauge may move between the two scrapes")
    arguments = parser.parse_args()
    with NodeExporter(arguments.node_exporter, arguments.tree) as peer:
        differences = None
        for _ in range(arguments.attempts):
            time.sleep(1.1)  # Chiron's page may be a second old
            theirs, ours = parse(read(peer.url)), parse(read(arguments.chiron))
            found = list(compare(theirs, ours))
            # What differs every time differs; what differs once has moved.
            keys = {line.split(": ")[0] for line in found}
            differences = found if differences is None else [d for d in differences if d.split(": ")[0] in keys]
            if not differences:
                break
    for line in differences:
        print(line)
    extra = sorted(ours.keys() - theirs.keys())
    print(f"{len(theirs)} families compared, {len(differences)} differences; only in Chiron: {', '.join(extra)}")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
