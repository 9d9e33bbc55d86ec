#!/usr/bin/env python3
"""A real Alertmanager is told of Chiron's alerts as Prometheus tells it: it receives, groups and resolves them, though
another one hangs and a third is down; over a restart of the agent an alert keeps its start. A remedy that failed tells
people through it."""
import http.server
import json
import os
import socket
import subprocess
import sys
import threading

import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab('prometheus-alertmanager')
DIRECTORY = f'{lablib.SCRATCH}/notifications'
BASE, DOWN, HANGING = (f'http://127.0.0.1:{port}' for port in (9293, 9294, 9295))
LISTENER = 9296
SWITCH = f'{DIRECTORY}/textfile/switch.prom'


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps the messages that the Alertmanager sends to people."""

    messages = []

    def do_POST(self):  # pylint: disable=invalid-name
        Listener.messages.append(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def start_alertmanager(base=BASE):
    config = write(f'{DIRECTORY}/alertmanager.yml', f"""
route: {{receiver: people, group_by: [alertname], group_wait: 2s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: people, webhook_configs: [{{url: "http://127.0.0.1:{LISTENER}/"}}]}}]
""")
    with open(f'{DIRECTORY}/am.log', 'ab') as log:
        process = subprocess.Popen(
            ['prometheus-alertmanager', f'--config.file={config}', f'--storage.path={DIRECTORY}/data-{base[-4:]}',
             f'--web.listen-address={base.removeprefix("http://")}', '--cluster.listen-address='],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for('Alertmanager to be ready', lambda: lablib.http_get(base + '/-/ready'))
    return process


def alerts(base=BASE):
    return {one['labels']['disk']: one for one in json.loads(lablib.http_get(base + '/api/v2/alerts'))
            if one['labels']['alertname'] == 'Switched'}


def switch(**disks):
    write(SWITCH + '.new', ''.join(f'switch{{disk="{disk}"}} {on}\n' for disk, on in disks.items()))
    os.rename(SWITCH + '.new', SWITCH)


def told(status, count):
    return any(message['status'] == status and len(message['alerts']) == count for message in Listener.messages)


def an_alertmanager_is_told():
    hanging = socket.create_server(('127.0.0.1', 9295))  # never accepts
    expect(hanging, 'a listener')
    switch(a=0, b=0)
    rules = write(f'{DIRECTORY}/rules.yml', """
groups:
  - name: lab
    rules:
      - alert: Switched
        expr: switch == 1
        labels: {severity: critical, site: own}
        annotations: {summary: 'disk {{ $labels.disk }} is "on"'}
      - alert: Waiting
        expr: switch == 1
        for: 1h
""")
    config = f"""
sampling: {{interval: 200ms}}
identity: {{instance: 'lab:10071', external_labels: {{site: paris, cluster: one}}}}
collectors: {{textfile: {{directory: {DIRECTORY}/textfile}}}}
rule_files: ['{rules}']
remedy_files: []
alertmanagers:
  - {{url: '{HANGING}', timeout: 5s}}
  - static_configs: [{{targets: ['{DOWN.removeprefix('http://')}', '{BASE.removeprefix('http://')}']}}]
"""
    alertmanager = start_alertmanager()
    agent = lablib.Agent(sys.argv[1], 'agent', config, port=10171).start()
    switch(a=1, b=1)
    wait_for('both alerts', lambda: len(alerts()) == 2)
    first = alerts()['a']
    expect_equal({key: first['labels'][key] for key in ('site', 'cluster', 'severity', 'instance')},
                 {'site': 'own', 'cluster': 'one', 'severity': 'critical', 'instance': 'lab:10071'}, 'labels')
    expect_equal(first['annotations'], {'summary': 'disk a is "on"'}, 'annotations')
    expect(first['generatorURL'].startswith('http://lab:10071/api/v1/query?query='), first['generatorURL'])
    wait_for('one message on both', lambda: told('firing', 2))
    expect('Waiting' not in lablib.http_get(BASE + '/api/v2/alerts'), 'a pending alert was sent')
    # Sampling goes on though one hangs.
    passes = agent.metric('chiron_notifications_sent_total', alertmanager=BASE)
    expect(passes and passes >= 2, f'{passes} sent')
    wait_for('the failures to be counted', lambda: agent.metric('chiron_notifications_errors_total', alertmanager=DOWN)
             and agent.metric('chiron_notifications_errors_total', alertmanager=HANGING))
    age = max(number for labels, number in agent.series('chiron_sample_age_seconds') if labels.get('collector') == 'loadavg')
    expect(age < 5, f'samples are {age} s old')

    # The one that was down is told when it comes up.
    late = start_alertmanager(DOWN)
    wait_for('the late one to know', lambda: len(alerts(DOWN)) == 2)

    # A restart keeps the start of the alert.
    agent.kill()
    agent.start()
    wait_for('the alerts of the new agent', lambda: (agent.metric('chiron_notifications_sent_total', alertmanager=BASE) or 0) >= 2)
    expect_equal(alerts()['a']['startsAt'], first['startsAt'], 'start after a restart')

    switch(a=0, b=0)
    wait_for('the end to be told', lambda: told('resolved', 2))
    wait_for('no alert to be left', lambda: not alerts() and not alerts(DOWN))

    # A reload leaves one Alertmanager; the next alert goes there.
    write(agent.config, config.split('alertmanagers:')[0] + f"alertmanagers: [{{url: '{BASE}'}}]\n")
    agent.cli('reload')
    lablib.expect_metric(agent, 1.0, 'chiron_notifications_alertmanagers_discovered')
    switch(a=1, b=0)
    wait_for('the alert after the reload', lambda: list(alerts()) == ['a'])
    expect_equal(alerts(DOWN), {}, 'alerts of one that is no longer configured')
    expect_equal(agent.stop(), 0, 'exit code')
    alertmanager.kill()
    late.kill()


def notices(base=BASE):
    return [one for one in json.loads(lablib.http_get(base + '/api/v2/alerts')) if one['labels']['alertname'] == 'ChironRemedyFailed']


def people_heard(status):
    return [one for message in Listener.messages for one in message['alerts']
            if one['labels']['alertname'] == 'ChironRemedyFailed' and one['status'] == status]


def a_remedy_that_failed_tells_people():
    remedies = write(f'{DIRECTORY}/remedies.yml', """
remedies:
  - name: mend
    on: {alerts: ['alertname="Switched"']}
    target: '{{ $labels.disk }}'
    targets: ['disk-*']
    steps:
      - command.run: {argv: [/bin/sh, -c, 'echo "the disk is \\"gone\\"" >&2; exit 3']}
    on_failure:
      - notify:
          severity: critical
          resolve_after: 1m
          labels: {team: storage}
          annotations: {advice: 'look at {{ $labels.disk }}'}
    policy: {mode: automatic, cooldown: 1h}
""")
    rules = write(f'{DIRECTORY}/mend.yml', 'groups: [{name: lab, rules: [{alert: Switched, expr: "switch == 1"}]}]')
    config = f"""
sampling: {{interval: 200ms}}
identity: {{instance: 'lab:10071', external_labels: {{site: paris}}}}
collectors: {{textfile: {{directory: {DIRECTORY}/textfile}}}}
rule_files: ['{rules}']
remedy_files: ['{remedies}']
alertmanagers: [{{url: '{DOWN}', timeout: 2s}}, {{url: '{BASE}', timeout: 5s}}]
"""
    switch(**{'disk-a': 0})
    alertmanager = start_alertmanager()
    agent = lablib.Agent(sys.argv[1], 'mender', config, port=10172).start()
    switch(**{'disk-a': 1})
    runs = wait_for('the run to have failed', lambda: agent.acted(remedy='mend', state='failed'))
    expect_equal(len(runs), 1, 'runs')
    notice = wait_for('Alertmanager to know', notices)[0]
    expect_equal(notice['labels'], {'alertname': 'ChironRemedyFailed', 'severity': 'critical', 'remedy': 'mend', 'target': 'disk-a',
                                    'job': 'node', 'instance': 'lab:10071', 'site': 'paris', 'team': 'storage'}, 'labels')
    told_of = notice['annotations']
    expect_equal(told_of.pop('description'), runs[0]['reason'], 'description')
    expect('exit code 3' in runs[0]['reason'] and '"gone"' in runs[0]['reason'], runs[0]['reason'])
    expect_equal(told_of, {'summary': 'Remedy mend on disk-a ended as failed', 'run': runs[0]['id'], 'state': 'failed',
                           'advice': 'look at disk-a'}, 'annotations')
    step = runs[0]['steps'][-1]
    expect_equal((step['action'], step['outcome']), ('notify', 'succeeded'), 'the step')
    expect(step['detail'].startswith(f'on_failure: told {BASE} of ChironRemedyFailed'), step['detail'])
    lablib.expect_metric(agent, 1.0, 'chiron_action_runs_total', action='notify', outcome='succeeded')
    wait_for('people to hear of it', lambda: people_heard('firing'))

    # Nobody takes it back: its end comes by itself.
    wait_for('people to hear that it is over', lambda: people_heard('resolved'), timeout=120)

    # With none that answers the step says so at its deadline.
    alertmanager.kill()
    alertmanager.wait()
    agent.cli('action', 'run', 'notify', 'timeout=2s', check=False)
    run = wait_for('a message in vain', lambda: agent.acted(remedy='', state='timed_out'))[0]
    expect('no Alertmanager took it in time: ' in run['reason'] and 'Connection refused' in run['reason'], run['reason'])
    # It was queued, and is told late rather than never.
    alertmanager = start_alertmanager()
    wait_for('the late message', lambda: 'ChironNotice' in lablib.http_get(BASE + '/api/v2/alerts'))
    expect_equal(agent.stop(), 0, 'exit code')
    alertmanager.kill()


threading.Thread(target=http.server.ThreadingHTTPServer(('127.0.0.1', LISTENER), Listener).serve_forever, daemon=True).start()
lablib.main([('an_alertmanager_is_told', an_alertmanager_is_told),
             ('a_remedy_that_failed_tells_people', a_remedy_that_failed_tells_people)])
