#!/usr/bin/env python3
"""kill -9 at the boundaries of a run that can be reached from outside, then a start of the agent: nothing runs
twice, nothing is lost, the cooldown holds, and a pending alert goes on where it was.
(tests/remediation/engine/crash_test.cpp does the same between any two steps of a run.)"""
import os
import sys

import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab()
lablib.need_loop_devices()
CHIRON = sys.argv[1]

# The command counts its calls, says that it is at work, and ends when it may.
COMMAND = '''#!/bin/bash
echo "$CHIRON_RUN_ID" >> calls
if [ "$1" = slow ]; then
  until [ -e go ]; do sleep 0.05; done
else
  printf 'lab_fault{name="x"} 1\\nlab_healed 1\\n' > metrics/lab.prom.new
  mv metrics/lab.prom.new metrics/lab.prom
fi
'''

RULES = '''
groups:
  - name: lab
    rules:
      - {alert: LabFault, expr: lab_fault == 1, for: 1s}
      - {alert: LabSlow, expr: lab_slow == 1, for: 1h}
'''


def remedy(step, verify):
    return f'''
remedies:
  - name: heal
    on:
      alerts: ['alertname="LabFault"']
    target: '{{{{ $labels.name }}}}'
    targets: ['*']
    steps:
      - {step}
    verify: {{expr: '{verify}', within: 10m}}
    policy: {{mode: automatic, cooldown: 1h, budget: {{runs: 100, per: 1h}}}}
'''


def command_step(directory, argument):
    return f'command.run: {{argv: [{directory}/command, {argument}], directory: {directory}, timeout: 10m}}'


def make_agent(name, step, verify='lab_healed == 1', config=''):
    directory = f'{lablib.SCRATCH}/{name}'
    write(f'{directory}/command', COMMAND, mode=0o755)
    write(f'{directory}/rules.yml', RULES)
    write(f'{directory}/remedy.yml', remedy(step, verify))
    write(f'{directory}/metrics/other.prom', '# no fault yet\n')
    return lablib.Agent(CHIRON, name, f'''
sampling: {{interval: 500ms}}
collectors: {{textfile: {{directory: ['{directory}/metrics']}}}}
rule_files: ['{directory}/rules.yml']
remedy_files: ['{directory}/remedy.yml']
{config}''')


def break_it(agent, text='lab_fault{name="x"} 1\n'):
    path = write(f'{agent.directory}/metrics/lab.prom.new', text)
    os.rename(path, f'{agent.directory}/metrics/lab.prom')


def calls(agent):
    path = f'{agent.directory}/calls'
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as file:
        return file.read().split()


def run_in_state(agent, state):
    def look():
        found = agent.acted(state=state)
        return found[0] if found else None
    return wait_for(f'a run that is {state}', look)


def expect_held_back(agent):
    """After a start the alert asks again, and the cooldown answers: in the metric, the log and the ledger."""
    wait_for('the cooldown to hold the remedy back',
             lambda: agent.metric('chiron_remedy_suppressed_total', remedy='heal', reason='cooldown'))
    expect(agent.log('remedy suppressed', remedy='heal', reason='cooldown'), 'the log does not tell of the cooldown')
    rows = wait_for('the ledger to tell of the cooldown', lambda: agent.history(state='suppressed'))
    expect(rows[0]['reason'].startswith('cooldown'), f'suppressed for {rows[0]["reason"]!r}, not by the cooldown')


def expect_interrupted(agent, before):
    """That the one run there was is interrupted, once, and nothing else acted."""
    runs = agent.acted()
    expect_equal([row['id'] for row in runs], [before['id']], 'runs in the ledger')
    lablib.expect_agreement_of_interrupted(agent, 'heal', runs[0])
    return runs[0]


def kill_and_start(agent):
    agent.kill()
    return agent.start()


def during_a_step():
    directory = f'{lablib.SCRATCH}/step'
    agent = make_agent('step', command_step(directory, 'slow')).start()
    break_it(agent)
    wait_for('the command to be at work', lambda: calls(agent))
    before = run_in_state(agent, 'running')
    expect_equal(calls(agent), [before['id']], 'the run id given to the command')
    agent.kill()
    expect_equal(agent.acted()[0]['state'], 'running', 'state in the ledger while no agent runs')
    agent.start()
    expect_held_back(agent)
    row = expect_interrupted(agent, before)
    expect_equal([step['outcome'] for step in row['steps']], ['interrupted'], 'outcome of the step')
    write(f'{directory}/go', '')
    # A second start finds nothing left to interrupt.
    expect_held_back(kill_and_start(agent))
    expect_equal([run['state'] for run in agent.acted()], ['interrupted'], 'runs after a second start')
    expect_equal(len(calls(agent)), 1, 'calls of the command')
    expect_equal(agent.stop(), 0, 'exit code')


def during_verification():
    directory = f'{lablib.SCRATCH}/verification'
    agent = make_agent('verification', command_step(directory, 'quick'), 'lab_fault == 0').start()
    break_it(agent)
    before = run_in_state(agent, 'verifying')
    agent.kill()
    expect_equal(agent.acted()[0]['state'], 'verifying', 'state in the ledger while no agent runs')
    agent.start()
    expect_held_back(agent)
    row = expect_interrupted(agent, before)
    expect_equal([step['outcome'] for step in row['steps']], ['succeeded'], 'outcome of the step that had ended')
    expect_equal(len(calls(agent)), 1, 'calls of the command')
    expect_equal(agent.stop(), 0, 'exit code')


def after_the_end():
    directory = f'{lablib.SCRATCH}/end'
    agent = make_agent('end', command_step(directory, 'quick')).start()
    break_it(agent)
    before = run_in_state(agent, 'succeeded')
    agent.kill()
    agent.start()
    expect_held_back(agent)
    runs = agent.acted()
    expect_equal([(row['id'], row['state'], row['finished']) for row in runs],
                 [(before['id'], 'succeeded', before['finished'])], 'runs in the ledger')
    lablib.expect_metric(agent, 0.0, 'chiron_remedy_runs_total', remedy='heal', outcome='interrupted')
    expect_equal(len(calls(agent)), 1, 'calls of the command')
    expect_equal(agent.stop(), 0, 'exit code')


def during_a_rescue():
    """Half-way through a deletion: what is left stays."""
    mount, files = f'{lablib.SCRATCH}/rescue-disk', 6000
    lablib.make_disk(f'{lablib.SCRATCH}/rescue.img', mount, megabytes=64, inodes=files + 2000)
    spool = f'{mount}/spool'
    os.mkdir(spool)
    for number in range(files):
        write(f'{spool}/{number}', 'x' * 4096)
    agent = make_agent(
        'rescue', f"disk.rescue: {{path: {mount}, target_free: 99%, target_free_inodes: 0, stages: [globs], "
        f"globs: ['{spool}/*'], min_age: 1ms, timeout: 5m}}",
        config=f"deletion: {{roots: ['{spool}']}}\n").start()
    break_it(agent)
    wait_for('the first file to go', lambda: len(os.listdir(spool)) < files, every=0.0)
    agent.kill()
    left = len(os.listdir(spool))
    expect(left > 0, 'the rescue was over before it could be killed')
    before = agent.acted()[0]
    expect_equal(before['state'], 'running', 'state in the ledger while no agent runs')
    agent.start()
    expect_held_back(agent)
    expect_interrupted(agent, before)
    expect_equal(len(os.listdir(spool)), left, 'files left')
    print(f'        killed with {left} of {files} files left')
    expect_equal(agent.stop(), 0, 'exit code')


def pending_alert():
    agent = make_agent('pending', command_step(f'{lablib.SCRATCH}/pending', 'quick')).start()
    break_it(agent, 'lab_slow 1\n')
    since = 'ALERTS_FOR_STATE{alertname="LabSlow"}'
    before = wait_for('LabSlow to be pending', lambda: lablib.value(agent.base, since))
    # Time must pass, or an alert that begins anew could not be told from one that goes on.
    wait_for('two seconds to pass', lambda: lablib.value(agent.base, 'vector(time())') > before + 2)
    kill_and_start(agent)
    after = wait_for('LabSlow to be pending again', lambda: lablib.value(agent.base, since))
    expect(abs(after - before) <= 0.5, f'LabSlow is pending since {after}, before the kill since {before}')
    expect_equal(agent.stop(), 0, 'exit code')


lablib.main([('during_a_step', during_a_step), ('during_verification', during_verification),
             ('after_the_end', after_the_end), ('during_a_rescue', during_a_rescue),
             ('pending_alert', pending_alert)])
