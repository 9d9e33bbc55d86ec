#!/usr/bin/env python3
"""A real Prometheus scrapes Chiron and loads the same rule files: for a full disk, a dead port, a dead Redis and a
full one both reach the same alerts with the same labels. And promtool has nothing to say about the page but what it
says about names that node_exporter gave."""
import os
import subprocess
import sys

import lablib
import labredis
from lablib import expect, expect_equal, write
from labprometheus import Prometheus, expect_alike, expect_resolved, expect_same_up

lablib.enter_lab('prometheus', 'promtool', 'redis-server', 'mkfs.ext4')
lablib.need_loop_devices()
CHIRON = sys.argv[1]
DIRECTORY = f'{lablib.SCRATCH}/both'
DISK = f'{lablib.SCRATCH}/disk'
INSTANCE = '127.0.0.1:10071'


def rule_files():
    texts = lablib.shipped_rules('host', 'redis', 'services', hasten=lambda length: '1s' if length == '1m' else '2s')
    for pack, text in texts.items():
        write(f'{DIRECTORY}/rules/{pack}.rules.yml', text)


def start_chiron(redis):
    return lablib.Agent(CHIRON, 'both', f'''
sampling: {{interval: 500ms}}
identity: {{job: node, instance: '{INSTANCE}'}}
probes:
  - {{name: dead-port, tcp: '127.0.0.1:1', interval: 1s}}
  - {{name: dead-cache, redis: '127.0.0.1:2', interval: 1s}}
  - {{name: cache, redis: '{redis.address}', interval: 1s}}
rule_files: ['{DIRECTORY}/rules/*.yml']
remedy_files: []
''').start()


def same_alerts():
    rule_files()
    redis = labredis.Redis(6392)
    redis.fill([f'key:{number}' for number in range(5000)], idle_seconds=0)
    lablib.make_disk(f'{lablib.SCRATCH}/disk.img', DISK, megabytes=32)
    agent = start_chiron(redis)
    prometheus = Prometheus(DIRECTORY, INSTANCE, f'{DIRECTORY}/rules/*.yml')
    expect_same_up(agent, INSTANCE)

    expect_alike(agent, prometheus, 'dead ports', [
        {'alertname': 'ProbeDown', 'probe': 'dead-port', 'target': '127.0.0.1:1', 'severity': 'critical'},
        {'alertname': 'RedisDown', 'target': '127.0.0.1:2', 'severity': 'critical'}])
    lablib.fill_disk(f'{DISK}/ballast', 512 << 10)
    expect_alike(agent, prometheus, 'a full disk', [
        {'alertname': 'HostDiskFull', 'mountpoint': DISK, 'severity': severity} for severity in ('warning', 'critical')])
    redis.limit_to(0.97)
    expect_alike(agent, prometheus, 'a full Redis', [
        {'alertname': 'RedisMemoryHigh', 'target': redis.address, 'severity': severity}
        for severity in ('warning', 'critical')])

    # Healed, both let go.
    os.unlink(f'{DISK}/ballast')
    redis.limit_to(0.5)
    expect_resolved(agent, prometheus, f'{{mountpoint="{DISK}"}}')
    expect_resolved(agent, prometheus, '{alertname="RedisMemoryHigh"}')
    expect_alike(agent, prometheus, 'what is left', [{'alertname': 'ProbeDown', 'probe': 'dead-port'}])
    check_page(agent)
    expect_equal(agent.stop(), 0, 'exit code')
    prometheus.stop()
    redis.stop()


def check_page(agent):
    checked = subprocess.run(['promtool', 'check', 'metrics'], input=agent.page(), capture_output=True, text=True,
                             timeout=lablib.PATIENCE)
    # 3: lints. Anything else is a page that Prometheus does not read.
    expect(checked.returncode in (0, 3), f'promtool exits with {checked.returncode}: {checked.stderr[-500:]}')
    lints = checked.stderr.splitlines()
    ours = [lint for lint in lints if not lint.startswith('node_')]
    expect_equal(ours, [], 'lints on names that are not node_exporter\'s')
    print(f'        promtool: {len(lints)} lints, all on node_exporter\'s names')


lablib.main([('same_alerts', same_alerts)])
