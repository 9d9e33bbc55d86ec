#!/usr/bin/env python3
"""A real Alertmanager with the shipped configuration, its waiting times cut and its receivers led to a listener here: what
pages, what becomes a ticket, what is held while a remedy is at work, and what is told once it has ended in vain."""
import http.server
import json
import re
import subprocess
import threading
import urllib.request

import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab('prometheus-alertmanager')
DIRECTORY = f'{lablib.SCRATCH}/alertmanager'
BASE = 'http://127.0.0.1:9193'
LISTENER = 9194


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent: (receiver, alert's labels, firing or resolved)."""

    told = []

    def do_POST(self):  # pylint: disable=invalid-name
        message = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        Listener.told += [(message['receiver'], alert['labels'], alert['status']) for alert in message['alerts']]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def told(receiver, status='firing', **labels):
    return any(to == receiver and got == status and labels.items() <= of.items() for to, of, got in Listener.told)


def shipped_configuration():
    with open(f'{lablib.SOURCES}/alerting/alertmanager.yml', encoding='utf-8') as file:
        text = file.read()
    # A minute of waiting becomes a second.
    text, waits = re.subn(r'(?m)^(\s+group_(?:wait|interval)): \S+$', r'\1: 1s', text)
    expect(waits >= 4, f'{waits} waiting times to cut')
    head, receivers = text.split('\nreceivers:\n')
    names = re.findall(r'(?m)^  - name: (\w+)$', receivers)
    expect_equal(names, ['page', 'ticket', 'deadman', 'nobody'], 'receivers')
    listeners = ''.join(f'  - {{name: {name}, webhook_configs: [{{url: "http://127.0.0.1:{LISTENER}/"}}]}}\n' for name in names)
    return f'{head}\nreceivers:\n{listeners}'


def start():
    config = write(f'{DIRECTORY}/alertmanager.yml', shipped_configuration())
    server = http.server.ThreadingHTTPServer(('127.0.0.1', LISTENER), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(f'{DIRECTORY}/log', 'wb') as log:
        process = subprocess.Popen(
            ['prometheus-alertmanager', f'--config.file={config}', f'--storage.path={DIRECTORY}/data',
             f'--web.listen-address={BASE.removeprefix("http://")}', '--cluster.listen-address='],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for('Alertmanager to be ready', lambda: lablib.http_get(BASE + '/-/ready'))
    return process


def send(*alerts, over=False):
    """As Prometheus sends them; an alert that is over has an end in the past."""
    body = [{'labels': labels, **({'endsAt': '2020-01-01T00:00:00Z', 'startsAt': '2019-01-01T00:00:00Z'} if over else {})}
            for labels in alerts]
    urllib.request.urlopen(urllib.request.Request(f'{BASE}/api/v2/alerts', json.dumps(body).encode(),
                                                  {'Content-Type': 'application/json'}), timeout=10).close()


def alert(alertname, severity, instance='a:10071', **labels):
    return {'alertname': alertname, 'severity': severity, 'instance': instance, 'job': 'node', **labels}


def at_work(remedy, target, instance='a:10071'):
    return alert('ChironRemedyAtWork', 'none', instance, remedy=remedy, target=target, name=target, mountpoint=target)


def inhibited():
    """The names and targets of the alerts that are held."""
    return {(one['labels']['alertname'], one['labels']['severity'],
             one['labels'].get('name') or one['labels'].get('mountpoint') or one['labels'].get('target'))
            for one in json.loads(lablib.http_get(BASE + '/api/v2/alerts?inhibited=true')) if one['status']['inhibitedBy']}


def a_remedy_at_work_holds_the_page():
    process = start()
    disk = alert('HostDiskFull', 'critical', mountpoint='/srv')
    web = alert('ServiceDown', 'critical', name='web.service')
    db = alert('ServiceDown', 'critical', name='db.service')
    elsewhere = alert('ServiceDown', 'critical', 'b:10071', name='web.service')
    redis = alert('RedisMemoryHigh', 'critical', target='127.0.0.1:6379')
    remedies = [at_work('restart-unit', 'web.service'), at_work('rescue-disk', '/srv'), at_work('prune-redis', '127.0.0.1:6379'),
                at_work('restart-container', 'shop')]
    send(*remedies, web, db, elsewhere, disk, redis, alert('HostDiskFull', 'warning', mountpoint='/srv'),
         alert('UnitFailed', 'warning', name='web.service'), alert('UnitFailed', 'warning', name='cron.service'),
         alert('ContainerUnhealthy', 'warning', name='shop'), alert('ContainerUnhealthy', 'warning', name='mail'),
         alert('ProbeDown', 'critical', target='127.0.0.1:80'))
    wait_for('the others to be told', lambda: told('page', name='db.service') and told('page', instance='b:10071')
             and told('page', alertname='ProbeDown') and told('ticket', name='cron.service')
             and told('ticket', name='mail'))
    expect_equal(inhibited(), {('ServiceDown', 'critical', 'web.service'), ('UnitFailed', 'warning', 'web.service'),
                               ('HostDiskFull', 'critical', '/srv'), ('HostDiskFull', 'warning', '/srv'),
                               ('RedisMemoryHigh', 'critical', '127.0.0.1:6379'),
                               ('ContainerUnhealthy', 'warning', 'shop')}, 'held alerts')

    # The disk is mended, the service is not.
    send(disk, alert('HostDiskFull', 'warning', mountpoint='/srv'), over=True)
    send(*remedies, over=True)
    send(alert('ChironRemedyExhausted', 'critical', remedy='restart-unit', target='web.service'))
    wait_for('the page after a remedy in vain', lambda: told('page', name='web.service', instance='a:10071')
             and told('page', alertname='RedisMemoryHigh') and told('page', alertname='ChironRemedyExhausted')
             and told('ticket', name='shop'))
    expect_equal(inhibited(), {('UnitFailed', 'warning', 'web.service')}, 'held alerts afterwards')
    expect(not told('page', mountpoint='/srv') and not told('ticket', mountpoint='/srv'), 'a mended disk was told')

    # A host that does not answer is told of once.
    send(alert('ChironDown', 'critical', 'b:10071'), alert('HostCpuBusy', 'critical', 'b:10071'))
    wait_for('the page about the host', lambda: told('page', alertname='ChironDown'))

    # Over, and said so.
    send(web, over=True)
    wait_for('the end of the page', lambda: told('page', 'resolved', name='web.service', instance='a:10071'))
    # Every group has been looked at since.
    expect(not told('page', alertname='HostCpuBusy'), 'a host that is down was told of twice')
    expect_equal([one for one in Listener.told if one[0] == 'nobody' and one[1]['alertname'] != 'ChironRemedyAtWork'], [],
                 'alerts that nobody gets')
    expect(not told('page', alertname='ChironRemedyAtWork') and not told('ticket', alertname='ChironRemedyAtWork'),
           'a remedy at work is told to people')
    process.kill()


lablib.main([('a_remedy_at_work_holds_the_page', a_remedy_at_work_holds_the_page)])
