#!/usr/bin/env python3
"""node_systemd_* beside the same systemd: every series of node_exporter's systemd collector is there with the same type,
labels and value.

Usage: systemd-namespace.sh lab_systemd_names.py CHIRON
"""
import os
import re
import subprocess
import sys

import lablib
from lablib import wait_for, write

EXPORTER = 'prometheus-node-exporter'
lablib.enter_systemd_lab(EXPORTER)
CHIRON = sys.argv[1]
PORT = 9199
UNITS = f"{os.environ['LAB_ROOT']}/run/systemd/system"
SAMPLE = re.compile(r'^(node_systemd_\w+)(?:\{(.*)\})? (\S+)$', re.M)


def series(page):
    """Of every series its value; labels without value are no labels."""
    found = {}
    for name, labels, value in SAMPLE.findall(page):
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
        found[(name, tuple(sorted(pair for pair in pairs if pair[1])))] = float(value)
    return found


def types(page):
    return dict(re.findall(r'^# TYPE (node_systemd_\w+) (\w+)$', page, re.M))


def same_names():
    for name, text in {
        'on': '[Service]\nExecStart=/bin/sleep infinity\n',
        'broken': '[Service]\nExecStart=/bin/false\n',
        'tick': '[Service]\nType=oneshot\nExecStart=/bin/true\n',
    }.items():
        write(f'{UNITS}/{name}.service', f'[Unit]\nDefaultDependencies=no\n{text}')
    write(f'{UNITS}/tick.timer', '[Unit]\nDefaultDependencies=no\n[Timer]\nOnActiveSec=0\nAccuracySec=1ms\n')
    lablib.systemctl('daemon-reload')
    lablib.systemctl('start', '--no-block', 'on', 'broken', 'tick.timer')
    agent = lablib.Agent(CHIRON, 'names', "sampling: {interval: 500ms}\nremedy_files: []\n").start()
    exporter = subprocess.Popen(
        [EXPORTER, f'--web.listen-address=127.0.0.1:{PORT}', '--collector.disable-defaults', '--collector.systemd',
         r'--collector.systemd.unit-exclude=.+\.(automount|device|mount|scope|slice)',
         '--collector.systemd.enable-restarts-metrics', '--collector.systemd.enable-start-time-metrics',
         '--collector.systemd.enable-task-metrics'], stderr=subprocess.DEVNULL)
    differences = ['nothing was compared']

    def agree():
        try:
            theirs = lablib.http_get(f'http://127.0.0.1:{PORT}/metrics')
        except OSError:
            return False
        ours = agent.page()
        mine, other = series(ours), series(theirs)
        differences[:] = [f'{name} is a {kind}, not a {types(ours).get(name)}' for name, kind in types(theirs).items()
                          if types(ours).get(name) != kind]
        differences.extend(f'{key}: {value}, not {mine.get(key)}' for key, value in other.items()
                           if mine.get(key) != value)
        return not differences and ('node_systemd_unit_state', (('name', 'broken.service'), ('state', 'failed'),
                                                                ('type', 'simple'))) in other
    try:
        wait_for('the same series and values', agree, timeout=30)
    finally:
        exporter.kill()
        exporter.wait()
        print('\n'.join(differences))
    agent.stop()


lablib.main([('same_names', same_names)])
