#!/usr/bin/env python3
"""A real Prometheus scrapes Chiron and loads the same rule files: for a full disk, a dead port, a dead Redis and a
full one both reach the same alerts with the same labels. And promtool has nothing to say about the page but what it
says about names that node_exporter gave."""
import json
import os
import subprocess
import sys

import lablib
import labredis
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab('prometheus', 'promtool', 'redis-server', 'mkfs.ext4')
lablib.need_loop_devices()
CHIRON = sys.argv[1]
PROMETHEUS = 'http://127.0.0.1:9190'
DIRECTORY = f'{lablib.SCRATCH}/both'
DISK = f'{lablib.SCRATCH}/disk'
INSTANCE = '127.0.0.1:10071'


def rule_files():
    texts = lablib.shipped_rules('host', 'services', hasten=lambda length: '1s' if length == '1m' else '2s')
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


def start_prometheus():
    config = write(f'{DIRECTORY}/prometheus.yml', f'''
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{DIRECTORY}/rules/*.yml']
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ['{INSTANCE}']}}]
''')
    with open(f'{DIRECTORY}/prometheus.log', 'wb') as log:
        process = subprocess.Popen(
            ['prometheus', f'--config.file={config}', f'--storage.tsdb.path={DIRECTORY}/tsdb',
             '--web.listen-address=127.0.0.1:9190'], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for('Prometheus to be ready', lambda: lablib.http_get(PROMETHEUS + '/-/ready'))
    return process


def firing(base, names):
    """The alerts of these names, each as its labels in one order."""
    found = lablib.query(base, f'ALERTS{{alertstate="firing",alertname=~"{"|".join(names)}"}}')
    return sorted(json.dumps(labels, sort_keys=True) for labels, _ in found)


def expect_alike(agent, fault, wanted):
    """`wanted`: for each alert labels by which to find it. Waits until both have them all, and the same."""
    names = sorted({labels['alertname'] for labels in wanted})

    def look():
        chiron, prometheus = firing(agent.base, names), firing(PROMETHEUS, names)
        for labels in wanted:
            expect(any(labels.items() <= json.loads(one).items() for one in chiron), f'{labels} not among {chiron}')
        only = {'Chiron': sorted(set(chiron) - set(prometheus)), 'Prometheus': sorted(set(prometheus) - set(chiron))}
        expect(not any(only.values()), f'only one of them has {only}')
        return chiron

    both = wait_for(f'both to have the same alerts for {fault}', look)
    print(f'        {fault}: {len(both)} alerts alike')


def same_alerts():
    rule_files()
    redis = labredis.Redis(6392)
    redis.fill([f'key:{number}' for number in range(5000)], idle_seconds=0)
    lablib.make_disk(f'{lablib.SCRATCH}/disk.img', DISK, megabytes=32)
    agent, prometheus = start_chiron(redis), start_prometheus()
    wait_for('Prometheus to have scraped', lambda: lablib.value(PROMETHEUS, 'up == 1'))
    expect_equal(lablib.query(agent.base, 'up'), [({'__name__': 'up', 'job': 'node', 'instance': INSTANCE}, 1.0)], 'up')

    expect_alike(agent, 'dead ports', [
        {'alertname': 'ProbeDown', 'probe': 'dead-port', 'target': '127.0.0.1:1', 'severity': 'critical'},
        {'alertname': 'RedisDown', 'target': '127.0.0.1:2', 'severity': 'critical'}])
    lablib.fill_disk(f'{DISK}/ballast', 512 << 10)
    expect_alike(agent, 'a full disk', [
        {'alertname': 'HostDiskFull', 'mountpoint': DISK, 'severity': severity} for severity in ('warning', 'critical')])
    redis.limit_to(0.97)
    expect_alike(agent, 'a full Redis', [
        {'alertname': 'RedisMemoryHigh', 'target': redis.address, 'severity': severity}
        for severity in ('warning', 'critical')])

    # Healed, both let go.
    os.unlink(f'{DISK}/ballast')
    redis.limit_to(0.5)
    for base in (agent.base, PROMETHEUS):
        wait_for(f'{base} to resolve', lambda base=base: not lablib.query(
            base, f'ALERTS{{mountpoint="{DISK}"}} or ALERTS{{alertname="RedisMemoryHigh"}}'))
    expect_alike(agent, 'what is left', [{'alertname': 'ProbeDown', 'probe': 'dead-port'}])
    check_page(agent)
    expect_equal(agent.stop(), 0, 'exit code')
    prometheus.kill()
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
