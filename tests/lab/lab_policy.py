#!/usr/bin/env python3
"""Policy at a running agent: approval, backoff, breaker and its reset, unless, the pause file, and an agent that is
killed after each run. (tests/remediation has each of them on a fake clock.)"""
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


def make_agent(name, policy):
    directory = f'{lablib.SCRATCH}/{name}'
    write(f'{directory}/command', COMMAND, mode=0o755)
    write(f'{directory}/rules.yml', RULES)
    write(f'{directory}/remedy.yml', f'''
remedies:
  - name: heal
    on: {{alerts: ['alertname="LabFault"']}}
    target: lab
    steps:
      - command.run: {{argv: [{directory}/command], directory: {directory}, timeout: 1m}}
    verify: {{expr: 'absent(lab_fault)', within: 1m}}
    policy: {{cooldown: 0s, budget: {{runs: 100, per: 1h}}, {policy}}}
''')
    write(f'{directory}/metrics/lab.prom', '# no fault yet\n')
    return lablib.Agent(CHIRON, name, f'''
sampling: {{interval: 500ms}}
collectors: {{textfile: {{directory: ['{directory}/metrics']}}}}
rule_files: ['{directory}/rules.yml']
remedy_files: ['{directory}/remedy.yml']
''')


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


def unless_and_pause_file():
    agent = make_agent('unless', "mode: automatic, unless: ['alertname=\"LabFreeze\"']").start()
    write(f'{agent.directory}/heals', '')
    publish(agent, 'lab_fault 1\nlab_freeze 1\n')
    wait_for('the freeze to hold it', lambda: suppressed(agent, 'unless') == 1)
    write(f'{agent.state}/pause', 'moving the database\n')
    wait_for('the pause', lambda: agent.metric('chiron_remediation_paused', cause='file') == 1)
    expect('moving the database' in agent.cli('status').stdout, 'the status does not say why')
    expect(agent.cli('remedy', 'resume', check=False).returncode != 0, 'a command ended the pause of the file')
    publish(agent, 'lab_fault 1\n')
    wait_for('the pause to hold it', lambda: suppressed(agent, 'paused') == 1)
    expect_equal(calls(agent), 0, 'calls')
    os.remove(f'{agent.state}/pause')
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
    agent.cli('remedy', 'resume')
    wait_for('a run after the resume', lambda: calls(agent) > held)
    agent.stop()


lablib.main([('approval', approval), ('backoff_and_breaker', backoff_and_breaker),
             ('unless_and_pause_file', unless_and_pause_file), ('boot_loop', boot_loop)])
