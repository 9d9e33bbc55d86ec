#!/usr/bin/env python3
"""The service fault, seen by both: a real systemd's unit is killed, another one fails by itself. Chiron and a real
Prometheus with the same rule files reach the same alerts with the same labels; and once the remedy may act and has
restarted the unit, both let go.

Usage: systemd-namespace.sh lab_prometheus_service.py CHIRON
"""
import sys

import lablib
from lablib import expect_equal, wait_for, write
from labprometheus import Prometheus, expect_alike, expect_resolved

lablib.enter_systemd_lab('prometheus')
CHIRON = sys.argv[1]
DIRECTORY = f'{lablib.SCRATCH}/service'
INSTANCE = '127.0.0.1:10071'


def start_chiron():
    for pack, text in lablib.shipped_rules('host', 'redis', 'services', hasten=lambda length: '1s').items():
        write(f'{DIRECTORY}/rules/{pack}.rules.yml', text)
    return lablib.Agent(CHIRON, 'service', f'''
sampling: {{interval: 500ms}}
identity: {{job: node, instance: '{INSTANCE}'}}
services: [web.service, steady.service]
rule_files: ['{DIRECTORY}/rules/*.yml']
remedy_files: ['shipped:*']
remedies: {{restart-unit: {{mode: automatic, targets: [web.service]}}}}
''').start()


def same_alerts_and_healed():
    for name in ('web', 'steady'):
        lablib.write_unit(name, '/bin/sleep infinity')
    lablib.write_unit('broken', '/bin/false')
    lablib.systemctl('daemon-reload')
    lablib.systemctl('start', 'web', 'steady')
    agent = start_chiron()
    # Nothing heals before both have looked.
    agent.cli('remedy', 'pause')
    prometheus = Prometheus(DIRECTORY, INSTANCE, f'{DIRECTORY}/rules/*.yml')
    for base in (agent.base, prometheus.base):
        wait_for(f'{base} to see the service up',
                 lambda base=base: lablib.value(base, 'chiron_service_up{name="web.service"} == 1'))

    lablib.systemctl('kill', '-s', 'KILL', 'web')
    lablib.systemctl('start', 'broken', check=False)
    unit_failed = {'alertname': 'UnitFailed', 'state': 'failed', 'severity': 'warning', 'type': 'simple'}
    expect_alike(agent, prometheus, 'a killed service and one that fails', [
        {**unit_failed, 'name': 'web.service'}, {**unit_failed, 'name': 'broken.service'},
        {'alertname': 'ServiceDown', 'name': 'web.service', 'severity': 'critical'}])
    expect_equal(agent.acted(), [], 'runs while paused')

    agent.cli('remedy', 'resume')
    runs = wait_for('the restart', lambda: agent.history(target='web.service', state='succeeded'))
    expect_equal(lablib.systemctl('show', '-P', 'ActiveState', 'web').strip(), 'active', 'web.service')
    lablib.expect_agreement(agent, 'restart-unit', 'succeeded', runs)
    expect_resolved(agent, prometheus, '{name="web.service"}')
    expect_alike(agent, prometheus, 'what no remedy may touch', [{**unit_failed, 'name': 'broken.service'}])
    expect_equal(agent.stop(), 0, 'exit code')
    prometheus.stop()


lablib.main([('same_alerts_and_healed', same_alerts_and_healed)])
