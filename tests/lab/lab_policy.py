#!/usr/bin/env python3
"""Policy at a running agent: approval, backoff, breaker with its reset and its trial, cooldown, unless, windows, pauses,
a remedy that is armed for a time, one that asks by its schedule, and an agent that is killed after each run.
(tests/remediation has each of them on a fake clock.)"""
import datetime
import json
import os
import sys

import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab()
CHIRON = sys.argv[1]

# Counts its calls; heals when there is a file that says so.
COMMAND = '''#!/bin/bash
echo "$CHIRON_RUN_ID" >> calls
[ -e heals ] || exit 3
printf '# healed\\n' > metrics/lab.prom.new
mv metrics/lab.prom.new metrics/lab.prom
'''

RULES = '''
groups:
  - name: lab
    rules:
      - {alert: LabFault, expr: lab_fault == 1}
      - {alert: LabFreeze, expr: lab_freeze == 1}
'''


def write_remedy(directory, policy, cooldown):
    write(f'{directory}/remedy.yml', f'''
remedies:
  - name: heal
    on: {{alerts: ['alertname="LabFault"']}}
    target: lab
    steps:
      - command.run: {{argv: [{directory}/command], directory: {directory}, timeout: 1m}}
    verify: {{expr: 'absent(lab_fault)', within: 1m}}
    policy: {{cooldown: {cooldown}, budget: {{runs: 100, per: 1h}}, {policy}}}
''')


def make_agent(name, policy, cooldown='0s', config=''):
    directory = f'{lablib.SCRATCH}/{name}'
    write(f'{directory}/command', COMMAND, mode=0o755)
    write(f'{directory}/rules.yml', RULES)
    write_remedy(directory, policy, cooldown)
    write(f'{directory}/metrics/lab.prom', '# no fault yet\n')
    return lablib.Agent(CHIRON, name, f'''
sampling: {{interval: 500ms}}
collectors: {{textfile: {{directory: ['{directory}/metrics']}}}}
rule_files: ['{directory}/rules.yml']
remedy_files: ['{directory}/remedy.yml']
{config}''')


def publish(agent, text):
    path = write(f'{agent.directory}/metrics/lab.prom.new', text)
    os.rename(path, f'{agent.directory}/metrics/lab.prom')


def calls(agent):
    try:
        with open(f'{agent.directory}/calls', encoding='utf-8') as file:
            return len(file.readlines())
    except FileNotFoundError:
        return 0


def suppressed(agent, reason):
    return agent.metric('chiron_remedy_suppressed_total', remedy='heal', reason=reason)


def state(agent):
    """How policy stands towards the one target, as the API tells it; nothing while nothing is held against it."""
    states = json.loads(lablib.http_get(agent.base + '/api/v1/remedies'))[0]['target_states']
    return states[0] if states else None


def pauses_between(agent):
    """Seconds from the end of each run to the start of the next."""
    def moment(text):
        return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()
    rows = agent.acted(trigger='alert')[::-1]
    return [moment(later['started']) - moment(earlier['finished']) for earlier, later in zip(rows, rows[1:])]


def approval():
    agent = make_agent('approval', 'mode: approval').start()
    write(f'{agent.directory}/heals', '')
    publish(agent, 'lab_fault 1\n')
    wait_for('a run to wait', lambda: agent.history(state='planned'))
    run_id = agent.history(state='planned')[0]['id']
    agent.kill()
    agent.start()
    expect(run_id in agent.cli('status').stdout, 'the status does not show what waits')
    wait_for('the approval', lambda: agent.cli('remedy', 'approve', run_id, check=False).returncode == 0)
    rows = agent.history()
    expect_equal([(row['id'], row['state'], row['requested_by']) for row in rows], [(run_id, 'succeeded', 'root')], 'rows')
    expect_equal(calls(agent), 1, 'calls')
    expect(agent.cli('remedy', 'approve', run_id, check=False).returncode != 0, 'a run was approved twice')
    os.remove(f'{agent.directory}/heals')
    publish(agent, 'lab_fault 1\n')
    wait_for('another to wait', lambda: agent.history(state='planned'))
    agent.cli('remedy', 'reject', agent.history(state='planned')[0]['id'])
    expect('rejected by root' in agent.history()[0]['reason'], 'the rejection names nobody')
    agent.stop()


def backoff_and_breaker():
    agent = make_agent('breaker', 'mode: automatic, backoff: {initial: 1s, factor: 2, max: 4s, reset_after: 1h}, '
                                  'breaker: {failures: 3, reopen_after: 1h}').start()
    publish(agent, 'lab_fault 1\n')
    wait_for('the breaker to open', lambda: suppressed(agent, 'breaker') == 1)
    expect_equal(calls(agent), 3, 'calls')
    expect(suppressed(agent, 'backoff') >= 1, 'no backoff between them')
    expect_equal(agent.metric('chiron_remedy_exhausted', remedy='heal', target='lab'), 1, 'exhausted')
    expect('breaker is open; one more may try at' in agent.cli('why', 'heal').stdout, 'why does not say so')
    agent.kill()
    agent.start()
    wait_for('the breaker to hold after a restart', lambda: suppressed(agent, 'breaker') == 1)
    write(f'{agent.directory}/heals', '')
    agent.cli('remedy', 'reset', 'heal', 'lab')
    wait_for('the run after the reset', lambda: agent.acted(trigger='alert', state='succeeded'))
    expect_equal(calls(agent), 4, 'calls')
    wait_for('exhausted to end', lambda: agent.metric('chiron_remedy_exhausted', remedy='heal', target='lab') == 0)
    expect_equal([row['requested_by'] for row in agent.history(trigger='reset')], ['root'], 'who reset')
    agent.stop()


def half_open():
    agent = make_agent('half-open', 'mode: automatic, breaker: {failures: 2, reopen_after: 3s}').start()
    publish(agent, 'lab_fault 1\n')
    # Open and half-open come by turns until something helps.
    def open_breaker():
        found = state(agent)
        return found if found and found['breaker']['state'] == 'open' else None
    found = wait_for('the breaker to be open', open_breaker)
    expect_equal((found['target'], found['reason']), ('lab', 'breaker'), 'what is held back')
    expect(found['next_allowed'] == found['breaker']['open_until'], f'it may not act when its breaker says: {found}')
    expect('BREAKER' in agent.cli('remedy', 'show', 'heal').stdout, '`remedy show` knows of no target')
    wait_for('two trials', lambda: calls(agent) >= 4)
    write(f'{agent.directory}/heals', '')
    wait_for('a trial that helps', lambda: agent.acted(trigger='alert', state='succeeded'))
    gaps = pauses_between(agent)
    expect(len(gaps) >= 4 and all(gap > 2.9 for gap in gaps[1:]), f'a trial came before its time: {gaps}')
    expect_equal(state(agent)['breaker']['state'], 'closed', 'the breaker')
    agent.stop()


def cooldown():
    agent = make_agent('cooldown', 'mode: automatic', cooldown='2s').start()
    publish(agent, 'lab_fault 1\n')
    wait_for('three runs', lambda: calls(agent) >= 3)
    write(f'{agent.directory}/heals', '')
    wait_for('one that helps', lambda: agent.acted(state='succeeded'))
    gaps = pauses_between(agent)
    expect(len(gaps) >= 3 and all(gap > 1.9 for gap in gaps), f'a run came before its time: {gaps}')
    expect(suppressed(agent, 'cooldown') >= 1, 'no cooldown is told')
    agent.stop()


def window():
    def around(hours):
        now = datetime.datetime.now(datetime.timezone.utc)
        first, last = (now + datetime.timedelta(hours=hour) for hour in hours)
        return f"mode: automatic, window: {{from: '{first:%H:%M}', to: '{last:%H:%M}', timezone: UTC}}"
    agent = make_agent('window', around((6, 8))).start()
    write(f'{agent.directory}/heals', '')
    publish(agent, 'lab_fault 1\n')
    wait_for('the window to hold it', lambda: suppressed(agent, 'window') == 1)
    expect('opens again at' in agent.cli('why', 'heal').stdout, 'why does not say when it opens')
    expect_equal(calls(agent), 0, 'calls')
    write_remedy(agent.directory, around((-2, 2)), '0s')
    agent.cli('reload')
    wait_for('the run', lambda: agent.acted(state='succeeded'))
    agent.stop()


def armed_for_a_time():
    agent = make_agent('armed', 'mode: dry-run', config='remedies: {heal: {mode: automatic, for: 3s}}\n').start()
    write(f'{agent.directory}/heals', '')
    wait_for('its end as a metric', lambda: agent.metric('chiron_remedy_armed_until_timestamp_seconds', remedy='heal'))
    wait_for('the end of the arming', lambda: agent.log('remedy no longer armed', remedy='heal'))
    publish(agent, 'lab_fault 1\n')
    wait_for('a rehearsal', lambda: agent.history(state='planned', mode='dry-run'))
    agent.kill()
    agent.start()
    expect('dry-run (was armed until' in agent.cli('remedy', 'list').stdout, 'the list does not say so')
    wait_for('why to say so', lambda: 'it was armed for 3s' in agent.cli('why', 'heal').stdout)
    expect('remedy heal is armed for 3s, which ended at' in agent.cli('check').stdout, 'check does not say so')
    expect_equal(len(agent.log('remedy no longer armed')), 1, 'ends of the arming in the log')
    expect_equal(calls(agent), 0, 'calls')
    with open(agent.config, encoding='utf-8') as file:
        write(agent.config, file.read().replace('for: 3s', 'for: 1h'))
    agent.cli('reload')
    wait_for('the run of one that is armed anew', lambda: agent.acted(state='succeeded'))
    agent.stop()


def scheduled_approval():
    agent = make_agent('scheduled', 'mode: automatic')
    write(f'{agent.directory}/remedy.yml', f'''
remedies:
  - name: heal
    on: {{schedule: {{every: 10s}}}}
    steps:
      - command.run: {{argv: [{agent.directory}/command], directory: {agent.directory}, timeout: 1m}}
    policy: {{mode: approval}}
''')
    agent.start()
    write(f'{agent.directory}/heals', '')
    wait_for('its time to come twice', lambda: suppressed(agent, 'approval') >= 2)
    expect_equal([(row['state'], row['trigger']) for row in agent.history()], [('planned', 'schedule')], 'rows')
    agent.cli('remedy', 'approve', agent.history()[0]['id'])
    expect_equal([row['requested_by'] for row in agent.acted(state='succeeded')], ['root'], 'who approved')
    expect_equal(calls(agent), 1, 'calls')
    agent.stop()


def unless_and_pause_file():
    agent = make_agent('unless', "mode: automatic, unless: ['alertname=\"LabFreeze\"']").start()
    write(f'{agent.directory}/heals', '')
    publish(agent, 'lab_fault 1\nlab_freeze 1\n')
    wait_for('the freeze to hold it', lambda: suppressed(agent, 'unless') == 1)
    write(f'{agent.state}/pause', 'moving the database\n')
    wait_for('the pause', lambda: agent.metric('chiron_remediation_paused', cause='file') == 1)
    expect('moving the database' in agent.cli('status').stdout, 'the status does not say why')
    expect(agent.cli('resume', check=False).returncode != 0, 'a command ended the pause of the file')
    publish(agent, 'lab_fault 1\n')
    wait_for('the pause to hold it', lambda: suppressed(agent, 'paused') == 1)
    expect_equal(calls(agent), 0, 'calls')
    agent.cli('pause', 'heal', '--for', '1h')
    os.remove(f'{agent.state}/pause')
    wait_for('the pause of the file to end', lambda: agent.metric('chiron_remediation_paused', cause='file') == 0)
    expect('heal is paused until' in agent.cli('why', 'heal').stdout, 'why does not say until when')
    expect_equal(calls(agent), 0, 'calls')
    agent.cli('remedy', 'resume', 'heal')
    wait_for('the run', lambda: agent.acted(state='succeeded'))
    agent.stop()


def boot_loop():
    agent = make_agent('loop', 'mode: automatic').start()
    publish(agent, 'lab_fault 1\n')
    for start in range(3):
        before = calls(agent)
        wait_for('a run of this start', lambda: calls(agent) > before)
        agent.kill()
        agent.start()
        expect_equal(len(agent.log('boot loop')), 1 if start == 2 else 0, f'boot loops said after start {start}')
    expect_equal(agent.metric('chiron_remediation_paused', cause='boot_loop'), 1, 'paused by the loop')
    expect('three starts of the agent' in agent.cli('status').stdout, 'the status does not say why')
    wait_for('the pause to hold it', lambda: suppressed(agent, 'paused') == 1)
    held = calls(agent)
    agent.stop()
    agent.start()
    wait_for('the pause to hold it over a restart', lambda: suppressed(agent, 'paused') == 1)
    expect_equal(calls(agent), held, 'calls')
    agent.cli('resume')
    wait_for('a run after the resume', lambda: calls(agent) > held)
    agent.stop()


lablib.main([('approval', approval), ('backoff_and_breaker', backoff_and_breaker), ('half_open', half_open),
             ('cooldown', cooldown), ('window', window), ('armed_for_a_time', armed_for_a_time),
             ('scheduled_approval', scheduled_approval), ('unless_and_pause_file', unless_and_pause_file), ('boot_loop', boot_loop)])
