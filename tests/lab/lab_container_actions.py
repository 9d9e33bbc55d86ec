#!/usr/bin/env python3
"""Actions on a real Docker: a container that becomes unhealthy is restarted by the shipped rule and the shipped remedy;
unused images are pruned and kept ones kept; a rolling restart stops at the container that comes up
unhealthy; and an engine that is absent, refuses, hangs or dies midway makes a run that ends in time and is recorded.

Usage: docker-engine.sh lab_container_actions.py CHIRON
"""
import io
import json
import os
import signal
import socket
import sys
import tarfile
import time

import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_engine_lab('docker')
CHIRON = sys.argv[1]
HEALTH = ('--health-cmd', 'check', '--health-interval', '1s', '--health-retries', '1')


def docker(*arguments, check=True, **options):
    return lablib.run('docker', *arguments, check=check, **options).stdout.strip()


def start(name, command, *options):
    docker('run', '-d', '--network=none', '--name', name, *options, 'local/lab', '/bin/sh', command)


def inspect(name, what):
    return docker('inspect', '-f', '{{' + what + '}}', name)


def started(name):
    return inspect(name, '.State.StartedAt')


def wait_healthy(*names):
    for name in names:
        wait_for(f'{name} to be healthy', lambda name=name: inspect(name, '.State.Health.Status') == 'healthy')


def remove(*names):
    docker('rm', '-f', *names)


def make_agent(name, remedies, extra='', port=10071):
    directory = f'{lablib.SCRATCH}/{name}'
    write(f'{directory}/remedies.yml', remedies)
    return lablib.Agent(CHIRON, name, f'''
sampling: {{interval: 500ms}}
remedy_files: ['{directory}/remedies.yml', 'shipped:restart-container']
{extra}
''', port=port).start()


def remedy(name, step):
    """One that is not due before a day is over; a person runs it."""
    return f'''
  - name: {name}
    on: {{schedule: {{every: 1d}}}}
    steps: [{step}]
    policy: {{mode: automatic, cooldown: 0s, budget: {{runs: 100, per: 1h}}}}
'''


def run_remedy(agent, name):
    """Its run, as the ledger has it, and how long the person waited."""
    began = time.monotonic()
    agent.cli('remedy', 'run', name, '--force', check=False)
    took = time.monotonic() - began
    runs = agent.history(remedy=name)
    expect(runs and runs[0]['finished'], f'no ended run of {name}: {json.dumps(runs, indent=1)}')
    return runs, took


def errors(agent, run):
    return agent.cli('history', run['id']).stdout


def unhealthy_is_restarted():
    start('shop-web', 'work', *HEALTH)
    start('other', 'work', *HEALTH)
    rules = lablib.shipped_rules('containers', hasten=lambda length: '1s')
    write(f'{lablib.SCRATCH}/rules/containers.rules.yml', rules['containers'])
    agent = make_agent('heal', 'remedies: []\n', f'''
rule_files: ['{lablib.SCRATCH}/rules/*.yml']
remedies: {{restart-container: {{mode: automatic, targets: ['shop-*']}}}}
''')
    wait_healthy('shop-web', 'other')
    before = {name: started(name) for name in ('shop-web', 'other')}
    for name in before:
        docker('exec', name, '/bin/sh', 'sicken')
    runs = wait_for('the run to end', lambda: [row for row in agent.acted() if row['finished']])
    expect_equal((runs[0]['state'], runs[0]['target'], runs[0]['alert']), ('succeeded', 'shop-web', 'ContainerUnhealthy'),
                 f'the run {json.dumps(runs[0], indent=1)}')
    expect(started('shop-web') != before['shop-web'], 'the container was not restarted')
    wait_for('the alert to be resolved',
             lambda: not lablib.query(agent.base, 'ALERTS{alertname="ContainerUnhealthy",name="shop-web"}'))
    lablib.expect_agreement(agent, 'restart-container', 'succeeded', runs)
    wait_for('the other to be suppressed', lambda: agent.history(state='suppressed', target='other'))
    expect_equal(started('other'), before['other'], 'start of the container that no target allows')
    print(f'        restarted in {runs[0]["duration_seconds"]:.2f} s')
    expect_equal(agent.stop(), 0, 'exit code')
    remove('shop-web', 'other')


def import_image(name, size, *changes):
    """An image of its own content."""
    path = f'{lablib.SCRATCH}/image.tar'
    with tarfile.open(path, 'w') as archive:
        entry = tarfile.TarInfo('content')
        entry.size = size
        archive.addfile(entry, io.BytesIO(os.urandom(size)))
    options = [option for change in changes for option in ('--change', change)]
    return docker('import', *options, path, name)


def load_as_built_long_ago(source, name):
    """An image that was built in 2020 and came just now."""
    path = f'{lablib.SCRATCH}/saved.tar'
    docker('tag', source, name)
    docker('save', '-o', path, name)
    docker('rmi', name)
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    config = json.loads(files['manifest.json'])[0]['Config']
    description = json.loads(files[config])
    description['created'] = '2020-01-01T00:00:00Z'
    files[config] = json.dumps(description).encode()
    with tarfile.open(path, 'w') as archive:
        for file, content in files.items():
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    docker('load', '-i', path)


def images():
    return set(docker('images', '--format', '{{.Repository}}:{{.Tag}}').split())


def all_images():
    """Ids, with those that only others were built on."""
    return set(docker('images', '-aq', '--no-trunc').split())


def unused_images_are_pruned():
    start('user', 'work')
    docker('create', '--network=none', '--name', 'stopped', import_image('local/held:1', 1 << 20), '/x')
    for name in ('local/old:1', 'local/keep/base:12'):
        import_image(name, 3 << 20)
    import_image('local/labelled:1', 1 << 20, 'LABEL stage=base')
    docker('tag', import_image('local/twice:1', 2 << 20), 'local/twice:2')
    docker('tag', 'local/twice:1', 'mirror/twice:1')
    load_as_built_long_ago('local/old:1', 'local/arrived:1')
    docker('volume', 'create', 'data')
    context = f'{lablib.SCRATCH}/build'
    write(f'{context}/Dockerfile', 'FROM local/lab\nCOPY a /a\nCOPY b /b\n')
    write(f'{context}/a', 'a' * 100000)
    write(f'{context}/b', 'b' * 100000)
    # Leaves an image between the two, that nothing but the second was built on.
    before = len(all_images())
    docker('build', '-t', 'local/built:1', context, env={**os.environ, 'DOCKER_BUILDKIT': '0'})
    expect_equal(len(all_images()), before + 2, 'images of the build')
    step = 'container.prune: {keep: ["local/keep/*"], keep_labels: {stage: base}, older_than: %s, timeout: 1m}'
    agent = make_agent('prune', 'remedies:' + remedy('prune-old', '{' + step % '1h' + '}')
                       + remedy('prune-now', '{' + step % '1s' + '}'))
    everything = images()
    # All came within the hour, the one that was built in 2020 too.
    runs, _ = run_remedy(agent, 'prune-old')
    expect_equal((runs[0]['state'], runs[0]['removed_objects'], images()), ('succeeded', 0, everything), 'nothing is old')
    time.sleep(1.1)  # the age that the second one asks for
    plan = agent.cli('remedy', 'plan', 'prune-now').stdout
    expect('local/old:1' in plan and 'local/keep/base' not in plan, f'the plan is {plan}')
    expect_equal(images(), everything, 'images after a plan')
    runs, took = run_remedy(agent, 'prune-now')
    expect_equal(runs[0]['state'], 'succeeded', f'the run {errors(agent, runs[0])}')
    expect_equal(images(), {'local/lab:latest', 'local/held:1', 'local/keep/base:12', 'local/labelled:1'}, 'images')
    expect_equal(len(all_images()), 4, 'images, those that only others were built on included')
    expect_equal(docker('volume', 'ls', '-q'), 'data', 'volumes')
    expect_equal(set(docker('ps', '-a', '--format', '{{.Names}}').split()), {'user', 'stopped'}, 'containers')
    # old:1 and arrived:1 have one layer of 3 MiB, twice has 2 MiB, built has 200,000 bytes.
    freed = runs[0]['freed_bytes']
    expect(5 << 20 <= freed < 6 << 20, f'freed {freed} bytes of 5 MiB')
    lablib.expect_agreement(agent, 'prune-now', 'succeeded', runs)
    print(f'        {runs[0]["removed_objects"]} objects, {freed} bytes, {took:.2f} s')
    expect_equal(agent.stop(), 0, 'exit code')
    remove('user', 'stopped')
    docker('rmi', 'local/held:1', 'local/keep/base:12', 'local/labelled:1')
    docker('volume', 'rm', 'data')


def weekly_prune_as_shipped():
    """But for the age: what is there came just now."""
    with open(f'{lablib.SOURCES}/remediation/remedies/prune-images.yml', encoding='utf-8') as file:
        text = file.read()
    expect_equal(text.count('older_than: 30d'), 1, 'ages in the shipped remedy')
    start('user', 'work')
    import_image('local/unused:1', 2 << 20)
    import_image('local/mine:1', 1 << 20, 'LABEL keep=')
    everything = images()
    time.sleep(1.1)  # the age that is asked for
    agent = make_agent('weekly', text.replace('older_than: 30d', 'older_than: 1s'))
    plan = agent.cli('remedy', 'plan', 'prune-images').stdout
    expect('local/unused:1' in plan and 'local/mine' not in plan, f'the plan is {plan}')
    agent.cli('remedy', 'run', 'prune-images', '--dry-run')
    expect_equal(images(), everything, 'images after a dry-run')
    runs, _ = run_remedy(agent, 'prune-images')
    expect_equal((runs[0]['state'], runs[0]['removed_objects']), ('succeeded', 1), f'the run {errors(agent, runs[0])}')
    expect_equal(images(), {'local/lab:latest', 'local/mine:1'}, 'images')
    expect_equal(agent.stop(), 0, 'exit code')
    remove('user')
    docker('rmi', 'local/mine:1')


def rolling_restart_stops():
    label = ('--label', 'app=shop')
    start('shop-1', 'work', *HEALTH, *label)
    start('shop-2', 'relapse', *HEALTH, *label)
    start('shop-3', 'work', *HEALTH, *label)
    names = ('shop-1', 'shop-2', 'shop-3')
    wait_healthy(*names)
    before = {name: started(name) for name in names}
    step = '{container.rolling_restart: {labels: {app: shop}, grace: 1s, timeout: 1m}}'
    agent = make_agent('rolling', 'remedies:' + remedy('roll', step))
    runs, _ = run_remedy(agent, 'roll')
    after = {name: started(name) for name in names}
    expect_equal([name for name in names if after[name] != before[name]], ['shop-1', 'shop-2'], 'restarted containers')
    expect_equal(inspect('shop-2', '.State.Health.Status'), 'unhealthy', 'health of the second')
    expect('stopped after 1 of 3' in errors(agent, runs[0]), f'the run says {errors(agent, runs[0])}')
    lablib.expect_agreement(agent, 'roll', 'failed', runs)
    expect_equal(agent.stop(), 0, 'exit code')
    remove(*names)


def engine_faults():
    start('subject', 'work')
    refusing, hanging = f'{lablib.SCRATCH}/refusing.sock', f'{lablib.SCRATCH}/hanging.sock'
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(refusing)
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(hanging)
    deaf.listen(64)
    sockets = {'absent': f'{lablib.SCRATCH}/absent.sock', 'refusing': refusing, 'hanging': hanging}
    seconds = 5
    steps = {name: f'{{container.restart: {{container: subject, socket: {path}, timeout: {seconds}s}}}}'
             for name, path in sockets.items()}
    steps['dying'] = '{container.restart: {container: subject, grace: 30s, timeout: 40s}}'
    steps['dying-engine-prune'] = '{container.prune: {timeout: 5s}}'
    agent = make_agent('faults', 'remedies:' + ''.join(remedy(name, step) for name, step in steps.items()))
    before = started('subject')
    for name, outcome in (('absent', 'failed'), ('refusing', 'failed'), ('hanging', 'timed_out')):
        runs, took = run_remedy(agent, name)
        lablib.expect_agreement(agent, name, outcome, runs)
        bound = runs[0]['duration_seconds']
        expect(bound < seconds + 2, f'{name}: {bound} s')
        expect(outcome != 'timed_out' or bound >= seconds - 0.5, f'{name}: given up after {bound} s')
        print(f'        {name}: {outcome} after {bound:.2f} s ({took:.2f} s for the person)')
    expect_equal(started('subject'), before, 'start of a container whose engine was not reached')
    # The first process of the container ignores SIGTERM, so the engine is in the middle of it for 30 s.
    agent.cli('remedy', 'run', 'dying', '--force', '--no-wait')
    wait_for('the engine to be at it', lambda: agent.history(remedy='dying', state='running'))
    time.sleep(1)  # the request is with the engine; that it is not over tells the next line
    expect(agent.history(remedy='dying', state='running'), f'{agent.history(remedy="dying")}')
    os.kill(int(os.environ['LAB_DOCKERD_PID']), signal.SIGKILL)
    killed = time.monotonic()
    runs = wait_for('the run to end', lambda: [row for row in agent.history(remedy='dying') if row['finished']])
    expect(time.monotonic() - killed < 5, 'the run did not notice that the engine died')
    lablib.expect_agreement(agent, 'dying', 'failed', runs)
    expect('container engine' in errors(agent, runs[0]), f'the run says {errors(agent, runs[0])}')
    wait_for('the engine to be seen down', lambda: agent.series('chiron_container_engine_up')[0][1] == 0, timeout=10)
    runs, _ = run_remedy(agent, 'dying-engine-prune')
    lablib.expect_agreement(agent, 'dying-engine-prune', 'failed', runs)
    expect_equal(agent.stop(), 0, 'exit code')


# The last one ends the engine.
lablib.main([('unhealthy_is_restarted', unhealthy_is_restarted), ('unused_images_are_pruned', unused_images_are_pruned),
             ('weekly_prune_as_shipped', weekly_prune_as_shipped), ('rolling_restart_stops', rolling_restart_stops),
             ('engine_faults', engine_faults)])
