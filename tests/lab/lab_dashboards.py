#!/usr/bin/env python3
"""Every query of every dashboard answers. A real Prometheus scrapes an agent that has something of everything before it:
a real systemd with a service that is killed and healed, one that crashes and one that cannot be healed, a container
engine with containers, a Redis, probes, alerts that fire, a remedy at work and one that has given up. Each query of each
panel and annotation, as Grafana sends it, must be answered without an error, with at least one series, and with the labels
that its legend and its columns are made of.

Usage: docker-engine.sh systemd-namespace.sh lab_dashboards.py CHIRON
"""
import os
import subprocess
import sys
import time

import grafana
import lablib
import labprometheus
import labredis
from lablib import expect, expect_equal, wait_for, write

lablib.enter_systemd_lab('prometheus', 'redis-server', 'docker', 'ip')
CHIRON = sys.argv[1]
DIRECTORY = f'{lablib.SCRATCH}/board'
INSTANCE = '127.0.0.1:10071'

# (dashboard, panel): why a host without faults has nothing to show there. All other queries must have an answer.
EMPTY_WHEN_HEALTHY = {
    ('chiron-host', 'Failing collectors'): 'every collector works',
}


def docker(*arguments):
    lablib.run('docker', *arguments)


def start_containers():
    run = ('run', '-d', '--network=none')
    docker(*run, '--name=worker', '--memory=64m', '--health-cmd=check', '--health-interval=1s', 'local/lab', '/bin/sh', 'work')
    docker(*run, '--name=ended', 'local/lab', '/bin/sh', 'fail', '3')
    docker(*run, '--name=loop', '--restart=on-failure', 'local/lab', '/bin/sh', 'fail', '1')


def start_services():
    for name in ('web', 'steady'):
        lablib.write_unit(name, '/bin/sleep infinity')
    lablib.write_unit('broken', '/bin/false')
    lablib.write_unit('crashing', '/bin/sleep 1', 'Restart=always\nRestartSec=1\nStartLimitIntervalSec=0')
    lablib.systemctl('daemon-reload')
    lablib.systemctl('start', 'web', 'steady', 'crashing')


def start_agent(redis):
    for pack, text in lablib.shipped_rules('agent', 'host', 'redis', 'services', hasten=lambda length: '1s').items():
        write(f'{DIRECTORY}/rules/{pack}.rules.yml', text)
    # At work until the agent stops.
    write(f'{DIRECTORY}/remedies/call.yml', '''
remedies:
  - name: long-call
    on: {alerts: ['alertname="ProbeDown"']}
    target: door
    steps: [{command.run: {argv: [/bin/sleep, '600'], timeout: 15m}}]
    policy: {mode: automatic, cooldown: 1h, budget: {runs: 1, per: 1h}}
''')
    return lablib.Agent(CHIRON, 'board', f'''
sampling: {{interval: 500ms}}
identity: {{job: node, instance: '{INSTANCE}'}}
collectors: {{containers: {{socket: '{os.environ["LAB_DOCKER_SOCKET"]}'}}}}
services: [web.service, steady.service]
probes:
  - {{name: itself, http: 'http://{INSTANCE}/-/healthy', interval: 1s}}
  - {{name: dead-port, tcp: '127.0.0.1:1', interval: 1s}}
  - {{name: cache, redis: '{redis.address}', interval: 1s}}
rule_files: ['{DIRECTORY}/rules/*.yml']
remedy_files: ['shipped:*', '{DIRECTORY}/remedies/*.yml']
remedies:
  restart-unit: {{mode: automatic, targets: [web.service, broken.service], policy: {{cooldown: 1s, budget: {{runs: 1, per: 1h}}}}}}
''').start()


def make_faults(agent, prometheus):
    """After the first scrapes, so that counters are seen at zero."""
    wait_for('Prometheus to know the remedies',
             lambda: lablib.query(prometheus.base, 'count_over_time(chiron_remedy_runs_total[1m]) > 1'))
    lablib.systemctl('kill', '-s', 'KILL', 'web')
    lablib.systemctl('start', 'broken', check=False)
    start_containers()
    for what, expr in (
            ('the healed service', 'chiron_remedy_runs_total{remedy="restart-unit",outcome="succeeded"} == 1'),
            ('a remedy that has given up', 'chiron_remedy_exhausted{target="broken.service"} == 1'),
            ('a remedy at work', 'chiron_remedy_active{remedy="long-call"} == 1'),
            ('what holds the pages meanwhile', 'ALERTS{alertname="ChironRemedyAtWork",alertstate="firing",name="door"}'),
            ('the page about what was given up', 'ALERTS{alertname="ChironRemedyExhausted",target="broken.service"}'),
            ('a container that works', 'rate(container_cpu_usage_seconds_total{name="worker"}[5s]) > 0'),
            ('a container that restarts', 'increase(chiron_container_restarts_total{name="loop"}[1m]) > 0'),
            ('a container that ended', 'chiron_container_exit_code{name="ended"} == 3'),
            ('a healthy container', 'container_health_state{name="worker"} == 1'),
            ('a service that systemd restarts', 'increase(node_systemd_service_restart_total{name="crashing.service"}[1m]) > 0')):
        wait_for(what, lambda expr=expr: lablib.query(prometheus.base, expr))
    expect(agent.history(target='web.service', state='succeeded'), 'the ledger does not have the run')


def every_query_answers():
    lablib.run('ip', 'link', 'add', 'lab0', 'type', 'veth', 'peer', 'name', 'lab1')
    redis = labredis.Redis(6393)
    redis.fill([f'key:{number}' for number in range(1000)], idle_seconds=0)
    redis.limit_to(0.9)
    start_services()
    began = time.time()
    agent = start_agent(redis)
    prometheus = labprometheus.Prometheus(DIRECTORY, INSTANCE, f'{DIRECTORY}/rules/*.yml',
                                          f'{lablib.SOURCES}/alerting/fleet.rules.yml')
    make_faults(agent, prometheus)
    ended = time.time()
    answers, own = (grafana.Answers(base, scrape_interval=labprometheus.SCRAPE_INTERVAL, start=began, end=ended)
                    for base in (prometheus.base, agent.base))
    faults, labels, asked = [], {}, 0  # labels: (dashboard, panel) -> those that its answers have
    for uid, dashboard in grafana.load(f'{lablib.SOURCES}/dashboards').items():
        variables = answers.variables(dashboard, {'job': 'node', 'instance': INSTANCE})
        expect_equal(own.variables(dashboard, {'job': 'node', 'instance': INSTANCE}), variables,
                     f'{uid}: variables with Chiron as the data source')
        for query in grafana.queries(dashboard):
            asked += 1
            seen = labels.setdefault((uid, query.place), set())
            try:
                found = answers.ask(query, variables)
                expect(found or (uid, query.place) in EMPTY_WHEN_HEALTHY, 'nothing answers')
                # With Chiron itself as the data source.
                expect(own.ask(query, variables) or not found, 'Chiron itself does not answer')
                for one in found:
                    expect(query.labels <= one.keys(), f'{one} without {query.labels - one.keys()}')
                    seen.update(one)
            except lablib.Failure as fault:
                faults.append(f'{uid}, {query.place}: {query.expr}: {fault}')
        for panel in grafana.panels(dashboard):
            missing = set(grafana.columns(panel)) - labels[(uid, panel['title'])]
            if missing and (uid, panel['title']) not in EMPTY_WHEN_HEALTHY:
                faults.append(f'{uid}, {panel["title"]}: no answer has the columns {missing}')
    faults += [f'{place} is no panel: take it off the list of empty ones' for place in EMPTY_WHEN_HEALTHY if place not in labels]
    expect(not faults, f'{asked} queries, {len(faults)} faults:\n' + '\n'.join(faults))
    print(f'        {asked} queries answered, {len(labels)} panels and annotations')
    agent.stop()
    prometheus.stop()
    redis.stop()


lablib.main([('every_query_answers', every_query_answers)])
