#!/usr/bin/env python3
"""What each action does when the server behind it is absent, refuses, hangs or dies midway: outcome, time, ledger and
metric of a real run of each, held against docs/fault_table.md. An action without a row here fails.

CHIRON_LAB_WRITE=1 writes the page anew.
"""
import ctypes
import json
import os
import socket
import sys
import threading
import time

import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab()
CHIRON = sys.argv[1]
PAGE = f'{lablib.SOURCES}/docs/fault_table.md'
APT = '/usr/bin/apt-get'
FAULTS = {'absent': 'is absent', 'refusing': 'refuses', 'hanging': 'hangs', 'dying': 'dies midway'}
SOON, LATE = 30, 3  # the steps' timeouts, in seconds: one that nothing should need, one that has to pass
GRACE = 10          # after a step's deadline its thread is left behind
libc = ctypes.CDLL(None, use_errno=True)


class FaultySocket:
    """A Unix or TCP socket whose server has the fault. A connection that is refused needs no server."""

    def __init__(self, family, address, fault, last_words):
        self.fault, self.last_words = fault, last_words
        self.kept = []
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        if fault in ('hanging', 'dying'):
            self.listener.listen(64)
            threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            if self.fault == 'hanging':
                self.kept.append(connection)
                continue
            try:
                connection.recv(65536)
                connection.sendall(self.last_words)
            except OSError:
                pass
            connection.close()


def unix(fault, name, last_words):
    """The path of a socket with the fault."""
    path = f'{lablib.SCRATCH}/{fault}/{name}.sock'
    if fault != 'absent':
        LIVE.append(FaultySocket(socket.AF_UNIX, path, fault, last_words))
    return path


def tcp(fault, last_words):
    """HOST:PORT of a server with the fault. To an absent one there is no route out of this namespace."""
    if fault == 'absent':
        return '192.0.2.1:80'
    server = FaultySocket(socket.AF_INET, ('127.0.0.1', 0), fault, last_words)
    LIVE.append(server)
    return '127.0.0.1:%d' % server.listener.getsockname()[1]


def disk(fault, name):
    """A directory of its own on a file system with the fault: not there, read-only, a FUSE server that never answers, one that is gone."""
    path = f'{lablib.SCRATCH}/{fault}/{name}'
    if fault == 'absent':
        return path
    os.makedirs(path)
    if fault == 'refusing':
        lablib.run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'small', path)
        for file in ('a.old', 'a.log'):
            write(f'{path}/{file}', 'x' * 40000)
        lablib.run('mount', '-o', 'remount,ro', path)
        return path
    fuse = os.open('/dev/fuse', os.O_RDWR)
    if libc.mount(b'faulty', path.encode(), b'fuse.faulty', 0, f'fd={fuse},rootmode=40000,user_id=0,group_id=0'.encode()) != 0:
        lablib.skip(f'cannot mount a FUSE file system: {os.strerror(ctypes.get_errno())}')
    if fault == 'dying':
        os.close(fuse)
    else:
        LIVE.append(fuse)
    return path


def apt(fault):
    """Puts a program with the fault in the place of apt-get, in this namespace."""
    text = {'absent': '', 'refusing': '#!/bin/sh\necho "E: no" >&2\nexit 100\n', 'hanging': '#!/bin/sh\nexec sleep 600\n',
            'dying': '#!/bin/sh\necho Reading...\nkill -9 $$\n'}[fault]
    stand_in = write(f'{lablib.SCRATCH}/{fault}/apt-get', text, 0o644 if fault == 'absent' else 0o755)
    lablib.run('mount', '--bind', stand_in, APT)


LIVE = []  # what has to stay as it is until the agent has ended
HALF_AN_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n['
PROGRAMS = {'absent': ['/nonexistent/program'], 'refusing': ['/bin/sh', '-c', 'exit 1'], 'hanging': ['/bin/sleep', '600'],
            'dying': ['/bin/sh', '-c', 'kill -9 $$']}


class World:
    """The servers of one fault."""

    def __init__(self, fault):
        self.fault = fault
        os.makedirs(f'{lablib.SCRATCH}/{fault}')
        self.bus = unix(fault, 'bus', b'OK 0123456789abcdef0123456789abcdef\r\n')
        self.engine = unix(fault, 'engine', HALF_AN_ANSWER)
        self.redis = tcp(fault, b'$100\r\nhalf')
        self.http = tcp(fault, HALF_AN_ANSWER)
        self.alertmanager = tcp(fault, HALF_AN_ANSWER)
        self.rescued, self.pruned, self.rotated, self.reported = (
            disk(fault, name) for name in ('rescued', 'pruned', 'rotated', 'reported'))
        apt(fault)


def unit(_):
    return {'unit': 'web.service'}


def container(world):
    return {'container': 'web', 'socket': world.engine}


# Action -> (what stands for its server, the arguments that lead there).
ROWS = {
    'cache.prune': ('Redis', lambda world: {'server': world.redis, 'patterns': ['a*']}),
    'command.run': ('the program', lambda world: {'argv': PROGRAMS[world.fault]}),
    'container.kill': ('the engine', container),
    'container.prune': ('the engine', lambda world: {'socket': world.engine}),
    'container.restart': ('the engine', container),
    'container.rolling_restart': ('the engine', lambda world: {'labels': {'a': 'b'}, 'socket': world.engine}),
    'container.start': ('the engine', container),
    'container.stop': ('the engine', container),
    'disk.rescue': ('the file system', lambda world: {'path': world.rescued, 'target_free': '99%', 'stages': ['globs'],
                                                      'globs': [f'{world.rescued}/*.old'], 'min_age': '0s'}),
    'files.prune': ('the file system', lambda world: {'globs': [f'{world.pruned}/*.old'], 'older_than': '0s'}),
    'health.check': ('the host', lambda world: {}),
    'http.request': ('the server', lambda world: {'url': f'http://{world.http}/'}),
    'logs.rotate': ('the file system', lambda world: {'globs': [f'{world.rotated}/*.log'], 'max_size': '1KB'}),
    'notify': ('Alertmanager', lambda world: {}),
    'report.write': ('the file system', lambda world: {'directory': world.reported}),
    'service.reload': ('the bus', unit),
    'service.restart': ('the bus', unit),
    'service.rolling_restart': ('the bus', lambda world: {'units': ['web.service']}),
    'service.set_property': ('the bus', lambda world: {'unit': 'web.service', 'tasks_max': '100'}),
    'service.start': ('the bus', unit),
    'service.stop': ('the bus', unit),
    'updates.check': ('apt', lambda world: {}),
}

# Faults that an action cannot meet, and why: {('report.write', 'hanging'): 'the reason'}.
NOT_APPLICABLE = {('health.check', fault): 'it reads what the agent has sampled already' for fault in FAULTS}


def name_of(action):
    return action.replace('.', '-').replace('_', '-')


def start(world, actions):
    # One that waits for the deadline, whatever the action does before it.
    patient = world.fault == 'hanging'
    remedies = [{'name': name_of(action), 'on': {'schedule': {'cron': '0 0 1 1 *'}}, 'policy': {'mode': 'automatic'},
                 'steps': [{action: {**ROWS[action][1](world),
                                     'timeout': f'{LATE if patient or action == "notify" else SOON}s'}}]}
                for action in actions]
    remedy_file = write(f'{lablib.SCRATCH}/{world.fault}/remedies.yml', json.dumps({'remedies': remedies}))
    os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = f'unix:path={world.bus}'
    config = {'rule_files': [], 'remedy_files': [remedy_file], 'deletion': {'roots': [world.rescued, world.pruned, world.rotated, world.reported]},
              'collectors': {'containers': False, 'systemd': False}}
    if world.fault != 'absent':
        config['alertmanagers'] = [{'url': f'http://{world.alertmanager}', 'timeout': '1s'}]
    return lablib.Agent(CHIRON, f'agent-{world.fault}', json.dumps(config), port=10571).start()


def row_of(agent, action):
    """Lets the action run into the fault; what can be told of it."""
    name = name_of(action)
    began = time.monotonic()
    asked = agent.cli('remedy', 'run', name, check=False)
    expect('run ' in asked.stdout, f'{name} was not run: {asked.stdout}{asked.stderr}')
    runs = wait_for(f'the end of {name}', lambda: [one for one in agent.history(remedy=name)
                                                   if one['state'] not in ('planned', 'running', 'verifying')])
    took = time.monotonic() - began
    expect_equal(len(runs), 1, f'runs of {name}')
    run = runs[0]
    expect_equal(len(run['steps']), 1, f'steps of {name}')
    step = run['steps'][0]
    expect(step['detail'], f'{name}: a step that says nothing')
    lablib.expect_metric(agent, 1.0, 'chiron_remedy_runs_total', remedy=name, outcome=run['state'])
    lablib.expect_metric(agent, 1.0, 'chiron_action_runs_total', action=action, outcome=step['outcome'])
    by_deadline = step['outcome'] == 'timed_out'
    expect(took < (LATE + GRACE + 15 if by_deadline else SOON - 5), f'{name} took {took:.1f} s')
    print(f'        {name}: {run["state"]} in {took:.1f} s: {step["detail"][:150]}')
    return [step['outcome'], 'by its deadline' if by_deadline else 'at once', f'run `{run["state"]}`, step `{step["outcome"]}`',
            f'`chiron_remedy_runs_total{{outcome="{run["state"]}"}}` 1']


def page_of(results):
    lines = ['# What actions do when their server fails', '',
             'Each row is a run of the action in `tests/lab/lab_faults.py`, against a server with that fault: no socket, no route, no file',
             'system or no program; a connection refused, a read-only file system or an exit code; one that takes the connection or the',
             'system call and never answers; one that ends in the middle of its answer. The test fails when a row is not as it stands',
             'here, or when an action has none. By its deadline: the step\'s `timeout`, plus ten seconds where a system call cannot be',
             'interrupted and its thread is left behind.', '',
             '| action | server | outcome | ends | ledger | metric |', '|---|---|---|---|---|---|']
    for (action, fault), cells in sorted(results.items(), key=lambda item: (item[0][0], list(FAULTS).index(item[0][1]))):
        lines.append(f'| {action} | {ROWS[action][0]} {FAULTS[fault]} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def each_action_meets_each_fault():
    actions = [one['name'] for one in json.loads(lablib.run(CHIRON, 'actions', '--json').stdout)]
    expect_equal(sorted(ROWS), sorted(actions), 'actions with a row')
    # "This host runs systemd", sd_booted(3): told to this namespace only.
    lablib.run('mount', '-t', 'tmpfs', 'tmpfs', '/run')
    os.makedirs('/run/systemd/system')
    results = {}
    for fault in FAULTS:
        print(f'    {fault}')
        world = World(fault)
        here = [action for action in actions if (action, fault) not in NOT_APPLICABLE]
        agent = start(world, here)
        for action in actions:
            if action in here:
                results[action, fault] = row_of(agent, action)
            else:
                results[action, fault] = [f'n/a: {NOT_APPLICABLE[action, fault]}', '', '', '']
        agent.kill()
        lablib.run('umount', APT)
    page = page_of(results)
    if os.environ.get('CHIRON_LAB_WRITE') == '1':
        write(PAGE, page)
    with open(PAGE, encoding='utf-8') as file:
        there = file.read().splitlines()
    wrong = [line for line in page.splitlines() if line not in there] + [f'not so: {line}' for line in there if line not in page.splitlines()]
    expect(not wrong, 'docs/fault_table.md is not what happened:\n' + '\n'.join(wrong))
    expect_equal(page.splitlines(), there, 'docs/fault_table.md, in order,')


lablib.main([('each_action_meets_each_fault', each_action_meets_each_fault)])
