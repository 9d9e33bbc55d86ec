#!/usr/bin/env python3
"""The shipped maintenance on a hastened clock, with the steps it ships with: what is there is done, what is absent is told
once, an unhealthy host is named and reported, and no time of a schedule is used twice however often the agent is killed.
The machine's /tmp, /var/tmp and /var/log are covered by empty ones."""
import ctypes
import glob
import json
import os
import random
import re
import shutil
import sys
from datetime import datetime

import labredis
import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab()
# Out of what is covered below, where the sources may lie.
CHIRON = shutil.copy(sys.argv[1], f'{lablib.SCRATCH}/chiron')
REMEDIES = shutil.copytree(f'{lablib.SOURCES}/remediation/remedies', f'{lablib.SCRATCH}/remedies')
EVERY = 10
MAINTENANCE = ['clean-up', 'health-audit', 'health-check', 'prune-idle-redis', 'prune-images', 'rolling-restart',
               'rolling-restart-containers', 'rotate-logs', 'update-check', 'weekly-report']
CLONE_NEWTIME = 0x80
RULES = 'groups: [{name: lab, rules: [{alert: Never, expr: vector(0) > 1}]}]\n'

for covered in ('/tmp', '/var/tmp', '/var/log'):
    lablib.run('mount', '-t', 'tmpfs', '-o', 'size=64m,mode=1777', 'covered', covered)


def hastened(name, every=EVERY, change=lambda text: text):
    """The shipped file, due every few seconds."""
    with open(f'{REMEDIES}/{name}.yml', encoding='utf-8') as file:
        text = file.read()
    keep = ', catch_up: true' if 'catch_up: true' in text else ''
    text, found = re.subn(r'schedule: \{.*\}', f'schedule: {{every: {every}s{keep}}}', text)
    expect_equal(found, 1, f'schedules in {name}')
    return change(text)


def with_nothing_there(text):
    """The file on a host without Redis and container engines, whatever this one has."""
    return text.replace('needs: 127.0.0.1:6379', 'needs: 127.0.0.1:1').replace('needs: container-engine', 'needs: /absent')


def make_agent(name, remedies, *, modes=None, config='', change=lambda text: text, every=EVERY):
    directory = f'{lablib.SCRATCH}/{name}'
    write(f'{directory}/rules.yml', RULES)
    for remedy in remedies:
        write(f'{directory}/remedies/{remedy}.yml', hastened(remedy, every, change))
    modes = {remedy: 'automatic' for remedy in remedies} if modes is None else modes
    tuned = ''.join(f'  {remedy}: {{mode: {mode}}}\n' for remedy, mode in modes.items())
    return lablib.Agent(CHIRON, name, f'''
sampling: {{interval: 500ms}}
rule_files: ['{directory}/rules.yml']
remedy_files: ['{directory}/remedies/*.yml']
{"remedies:" if tuned else ""}
{tuned}
{config}''')


def reports(agent, prefix='*'):
    return sorted(glob.glob(f'{agent.state}/reports/{prefix}-2*'))


def runs_of(agent, remedy, count, state='succeeded'):
    rows = wait_for(f'{count} runs of {remedy}',
                    lambda: (lambda found: found if len(found) >= count else None)(
                        [row for row in agent.acted(remedy=remedy) if row['finished']]))
    expect_equal({row['state'] for row in rows}, {state}, f'outcomes of {remedy}: {json.dumps(rows[0]["reason"])}')
    return rows


def everything_armed():
    """Without Redis, without an engine and without containers to restart."""
    old = write('/var/log/app/old.log.1', 'x' * 4096)
    month_ago = os.stat(old).st_mtime - 31 * 86400
    os.utime(old, (month_ago, month_ago))
    write('/var/log/app/old.log', 'a line\n')
    agent = make_agent('armed', MAINTENANCE, change=with_nothing_there).start()
    for remedy in ('clean-up', 'health-audit', 'health-check', 'rotate-logs', 'weekly-report'):
        runs_of(agent, remedy, 2)
    expect(not os.path.exists(old), 'the log of a month ago is there still')
    expect(os.path.exists('/var/log/app/old.log'), 'the log itself is gone')
    for prefix in ('weekly', 'audit'):
        found = reports(agent, prefix)
        expect(any(path.endswith('.md') for path in found) and any(path.endswith('.html') for path in found),
               f'reports of {prefix}: {found}')
        expect_equal({os.stat(path).st_mode & 0o777 for path in found}, {0o640}, 'modes of reports')
    expect_equal(glob.glob(f'{agent.state}/reports/.*'), [], 'files half written')
    for remedy in ('prune-idle-redis', 'prune-images', 'rolling-restart', 'rolling-restart-containers'):
        rows = agent.history(remedy=remedy)
        expect_equal([row['state'] for row in rows], ['suppressed'], f'entries of {remedy}')
        expect(rows[0]['reason'].startswith('absent: '), rows[0]['reason'])
        expect_equal(len(agent.log('remedy suppressed', remedy=remedy, reason='absent')), 1, f'log entries of {remedy}')
        print(f'        {remedy}: {rows[0]["reason"]}')
    expect_equal(agent.stop(), 0, 'exit code')


def with_redis():
    redis = labredis.Redis(6379)
    redis.fill([f'idle:{n}' for n in range(2000)], idle_seconds=8 * 86400)
    redis.fill([f'used:{n}' for n in range(1000)], idle_seconds=86400)
    agent = make_agent('redis', ['prune-idle-redis']).start()
    rows = runs_of(agent, 'prune-idle-redis', 1)
    expect_equal(rows[-1]['removed_objects'], 2000, 'keys removed by the first run')
    expect_equal(redis.keys(), {f'used:{n}' for n in range(1000)}, 'keys left')
    redis.stop()
    skipped = wait_for('a skip without the server', lambda: agent.history(remedy='prune-idle-redis', state='suppressed'))
    expect('absent: there is no server at 127.0.0.1:6379' in skipped[0]['reason'], skipped[0]['reason'])
    expect_equal(agent.stop(), 0, 'exit code')


def unarmed():
    """As shipped: the looks are carried out, all else is said once an hour and not done."""
    young = write('/tmp/young', 'x')
    agent = make_agent('unarmed', MAINTENANCE, modes={}, change=with_nothing_there).start()
    runs_of(agent, 'health-check', 3)
    for remedy in ('clean-up', 'health-audit', 'rotate-logs', 'weekly-report'):
        rows = wait_for(f'{remedy} to say what it would do',
                        lambda remedy=remedy: [row for row in agent.history(remedy=remedy) if row['finished']])
        expect_equal([row['state'] for row in rows], ['planned'], f'entries of {remedy}')
    audit = agent.history(remedy='health-audit')[0]
    expect_equal([step['outcome'] for step in audit['steps']], ['succeeded', 'planned'], 'steps of the audit')
    expect(os.path.exists(young), 'a file is gone')
    expect(not os.path.exists(f'{agent.state}/reports'), 'a report was written in dry-run')
    shown = json.loads(lablib.http_get(agent.base + '/api/v1/status'))
    expect_equal([run['remedy'] for run in shown['recent_runs'] if run['remedy'] == 'health-check'], [],
                 'checks that found nothing among the recent runs')
    expect_equal(agent.stop(), 0, 'exit code')


def unhealthy():
    mount = f'{lablib.SCRATCH}/full'
    os.mkdir(mount)
    lablib.run('mount', '-t', 'tmpfs', '-o', 'size=4m', 'full', mount)
    with open(f'{mount}/filler', 'wb') as file:
        file.write(b'x' * (4 * 1024 * 1024 - 65536))
    agent = make_agent('unhealthy', ['health-audit', 'health-check']).start()
    rows = runs_of(agent, 'health-audit', 1, 'failed')
    expect(f'disks {mount}: 64.0 KiB' in rows[-1]['reason'], rows[-1]['reason'])
    entries = agent.log('host unhealthy', run=rows[-1]['id'])
    expect_equal([(entry['level'], entry['severity']) for entry in entries], [('error', 'critical')], 'critical entries')
    page = next(path for path in reports(agent, 'audit-failed') if path.endswith('.md'))
    with open(page, encoding='utf-8') as file:
        expect(f'| **disks** | {mount} |' in file.read(), f'{page} does not name the disk')
    expect_equal(reports(agent, 'audit'), [], 'reports of audits that found nothing')
    runs_of(agent, 'health-check', 1, 'failed')
    os.unlink(f'{mount}/filler')
    wait_for('the check to succeed', lambda: agent.acted(remedy='health-check', state='succeeded'))
    print(f'        {rows[-1]["reason"]}')
    expect_equal(agent.stop(), 0, 'exit code')
    lablib.run('umount', mount)


def killed_again_and_again():
    """Between the times of the schedules and during runs. Every time has one run at most."""
    remedies = ['health-audit', 'health-check', 'weekly-report']
    agent = make_agent('killed', remedies)
    # What only looks is no reason for the pause after a boot loop; what writes reports would be one.
    agent.start()
    rolls = random.Random(3)
    for kill in range(12):
        seen = len(agent.acted())
        if kill % 2:
            # Right when something begins.
            wait_for('the next run', lambda: len(agent.acted()) > seen, every=0.0)
        else:
            moment = rolls.uniform(0.2, 4)
            began = datetime.now()
            wait_for('a moment', lambda: (datetime.now() - began).total_seconds() > moment)
        agent.kill()
        agent.start()
        agent.cli('remedy', 'resume')
    wait_for('each to run once more', lambda: all(agent.acted(remedy=remedy, state='succeeded') for remedy in remedies))
    total = 0
    for remedy in remedies:
        rows = agent.acted(remedy=remedy)
        total += len(rows)
        starts = sorted(datetime.fromisoformat(row['started'].replace('Z', '+00:00')).timestamp() for row in rows)
        gaps = [later - earlier for earlier, later in zip(starts, starts[1:])]
        # A time that passed while the agent was down is made up for at once, and the next comes at its own.
        expect_equal([f'{gap:.1f}' for gap in gaps if gap < 0.5], [], f'runs of {remedy} on the heels of each other')
        elapsed = starts[-1] - starts[0]
        expect(len(rows) <= elapsed / EVERY + 2, f'{len(rows)} runs of {remedy} in {elapsed:.0f} s')
    expect_equal(agent.history(state='running'), [], 'runs under way')
    expect_equal(len({row['id'] for row in agent.acted()}), total, 'run ids')
    print(f'        {total} runs, {len(agent.acted(state="interrupted"))} interrupted, 12 kills')
    expect_equal(agent.stop(), 0, 'exit code')


def after_an_hour_away():
    """A new time namespace is an hour ahead on the clock that schedules go by."""
    remedies = ['health-check', 'weekly-report', 'clean-up']
    agent = make_agent('away', remedies, every=1800).start()
    wait_for('the schedules to be seen',
             lambda: all(agent.metric('chiron_remedy_next_run_timestamp_seconds', remedy=name) for name in remedies))
    agent.kill()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWTIME) != 0:
        print('        no time namespaces here')
        return
    with open('/proc/self/timens_offsets', 'w', encoding='ascii') as file:
        file.write('boottime 7200 0')
    agent.start()
    for remedy in ('health-check', 'weekly-report'):
        runs_of(agent, remedy, 1)
    # Without catch_up an interval begins anew.
    due = wait_for('clean-up to be due again',
                   lambda: agent.metric('chiron_remedy_next_run_timestamp_seconds', remedy='clean-up'))
    now = lablib.value(agent.base, 'vector(time())')
    expect(1500 < due - now <= 1800, f'clean-up is due in {due - now:.0f} s')
    agent.kill()
    agent.start()
    wait_for('the next pass', lambda: agent.metric('chiron_remedy_next_run_timestamp_seconds', remedy='clean-up'))
    expect_equal(sorted(row['remedy'] for row in agent.history()), ['health-check', 'weekly-report'],
                 'entries after another start')
    expect_equal(agent.stop(), 0, 'exit code')


def report_by_command():
    agent = make_agent('command', ['weekly-report'])
    refused = agent.cli('report', check=False)
    expect_equal(refused.returncode, 1, 'exit code without an agent')
    expect('no agent' in refused.stderr, refused.stderr)
    print(f'        {refused.stderr.strip()}')
    agent.start()
    text = agent.cli('report').stdout
    expect(text.startswith('# Health report of '), text[:200])
    path = f'{lablib.SCRATCH}/report.html'
    agent.cli('report', '--format', 'html', '--period', '24h', '--output', path)
    with open(path, encoding='utf-8') as file:
        html = file.read()
    expect(html.startswith('<!doctype html>') and html.endswith('</html>\n'), html[:100])
    expect_equal(agent.cli('report', '--format', 'pdf', check=False).returncode, 2, 'exit code of a wrong format')
    served = lablib.http_get(agent.base + '/report')
    expect('Remedies in the last 7 d' in served, 'the page has no remedies')
    expect(lablib.http_get(agent.base + '/report?format=markdown&period=1h').startswith('# Health report'), 'markdown')
    ran = agent.cli('remedy', 'run', 'weekly-report')
    expect('succeeded' in ran.stdout, ran.stdout)
    expect_equal(len(reports(agent, 'weekly')), 2, 'reports of one run')
    expect_equal(agent.stop(), 0, 'exit code')
    shutil.rmtree(agent.directory)


lablib.main([('everything_armed', everything_armed), ('with_redis', with_redis), ('unarmed', unarmed),
             ('unhealthy', unhealthy), ('report_by_command', report_by_command),
             ('killed_again_and_again', killed_again_and_again), ('after_an_hour_away', after_an_hour_away)])
