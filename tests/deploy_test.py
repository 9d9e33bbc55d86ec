#!/usr/bin/env python3
"""What is shipped around the program against the program and the tree: packages against the libraries it is linked to,
compose.yml and the provisioning against the files and options there are. That install.sh works is lab.install's to see.

Usage: deploy_test.py CHIRON SOURCE_DIR
"""
import glob
import os
import re
import shlex
import subprocess
import sys

import yaml

CHIRON, SOURCE = sys.argv[1], sys.argv[2]
DEPLOY = f'{SOURCE}/deploy'
# Of every Debian that has a program at all.
EVERYWHERE = {'libc6', 'libgcc-s1', 'libstdc++6'}
# Read at run time, not linked.
READ = {'ca-certificates', 'tzdata'}
faults = []


def fault(where, what):
    faults.append(f'{where}: {what}')


def output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def load(name):
    with open(f'{DEPLOY}/{name}', encoding='utf-8') as file:
        return yaml.safe_load(file)


def text(name):
    with open(f'{DEPLOY}/{name}', encoding='utf-8') as file:
        return file.read()


def packages_of_libraries():
    needed = set(re.findall(r'\(NEEDED\).*\[(.+)\]', output('readelf', '-d', CHIRON)))
    places = dict(re.findall(r'(\S+) => (/\S+)', output('ldd', CHIRON)))
    found = set()
    for library in needed:
        real = os.path.realpath(places[library])
        for path in (real, re.sub('^/usr', '', real)):
            owner = subprocess.run(['dpkg', '-S', path], capture_output=True, text=True, check=False)
            if owner.returncode == 0:
                found.add(owner.stdout.split(':')[0])
                break
        else:
            fault('packages.sh', f'no package has {real}')
    return found


def check_packages():
    match = re.search(r'^run=\(\n(.*?)^\)', text('packages.sh'), re.M | re.S)
    listed = set(match[1].split())
    linked = packages_of_libraries() - EVERYWHERE
    for name in linked - listed:
        fault('packages.sh', f'the agent is linked to {name}, which `run` lacks')
    for name in listed - linked - READ:
        fault('packages.sh', f'`run` has {name}, to which nothing is linked')


def check_dockerfile():
    for line in re.findall(r'^COPY (?!--from)(\S+)', text('Dockerfile'), re.M):
        if not os.path.exists(f'{SOURCE}/{line}'):
            fault('Dockerfile', f'no {line} to copy')
    for name in re.findall(r'^RUN \S*packages\.sh (\w+)', text('Dockerfile'), re.M):
        if not re.search(rf'^{name}=\(', text('packages.sh'), re.M):
            fault('Dockerfile', f'packages.sh has no set {name}')


def check_compose():
    compose = load('compose.yml')
    volumes = set(compose['volumes'])
    for name, service in compose['services'].items():
        for volume in service.get('volumes', []):
            source = volume.split(':')[0]
            if source.startswith('.'):
                if not os.path.exists(os.path.join(DEPLOY, source)):
                    fault('compose.yml', f'{name} mounts {source}, which is not in the tree')
            elif not source.startswith('/') and source not in volumes:
                fault('compose.yml', f'{name} uses the volume {source}, which is not declared')
        for option in service.get('command', []):
            if 'listen-address=' in option and '=127.0.0.1:' not in option and not option.endswith('='):
                fault('compose.yml', f'{name} listens beyond loopback: {option}')
    command = compose['services']['chiron']['command']
    done = subprocess.run([CHIRON, 'config', 'show', *command[1:]], capture_output=True, text=True, check=False, timeout=60)
    if command[0] != 'run' or done.returncode != 0:
        fault('compose.yml', f'chiron does not take {command}: {done.stderr.strip()}')
    # Files of the containers, as the mounts put them there.
    for name in ('prometheus', 'alertmanager'):
        service = compose['services'][name]
        path = next(o.split('=')[1] for o in service['command'] if o.startswith('--config.file='))
        sources = {v.split(':')[1]: v.split(':')[0] for v in service['volumes']}
        mount = next((m for m in sources if path.startswith(m + '/')), None)
        if mount is None or not os.path.exists(os.path.join(DEPLOY, sources[mount] + path[len(mount):])):
            fault('compose.yml', f'{name} is given no {path}')
        if name == 'prometheus':
            with open(os.path.join(DEPLOY, sources[mount] + path[len(mount):]), encoding='utf-8') as file:
                rule_files = yaml.safe_load(file)['rule_files']
            for pattern in rule_files:
                seen = os.path.normpath(os.path.join(os.path.dirname(path), pattern))
                mount = next((m for m in sources if seen.startswith(m + '/')), None)
                if mount is None or not glob.glob(os.path.join(DEPLOY, sources[mount] + seen[len(mount):])):
                    fault('compose.yml', f'prometheus is given nothing for its rule_files {pattern}')
    grafana = compose['services']['grafana']['volumes']
    provider = load('grafana/dashboards.yml')['providers'][0]['options']['path']
    if not any(v.split(':')[1] == provider for v in grafana):
        fault('compose.yml', f'nothing is mounted at {provider}, where Grafana looks for dashboards')


def check_docker_run():
    """The `docker run` of docs/deploy.md is compose.yml's service in other words."""
    service = load('compose.yml')['services']['chiron']
    names = {'network_mode': 'network', 'pid': 'pid', 'uts': 'uts', 'cgroup': 'cgroupns', 'read_only': 'read-only',
             'tmpfs': 'tmpfs', 'cap_drop': 'cap-drop', 'cap_add': 'cap-add', 'security_opt': 'security-opt',
             'mem_limit': 'memory', 'restart': 'restart', 'volumes': 'volume', 'environment': 'env'}
    wanted = {'--detach', '--name=chiron'}
    for key, value in service.items():
        if key in ('build', 'image', 'command'):
            continue
        if key not in names:
            fault('deploy_test.py', f'does not know how `docker run` says {key} of compose.yml')
            continue
        if isinstance(value, dict):
            value = [f'{name}={content}' for name, content in value.items()]
        for each in value if isinstance(value, list) else [value]:
            wanted.add(f'--{names[key]}' if each is True else f'--{names[key]}={each}')
    with open(f'{SOURCE}/docs/deploy.md', encoding='utf-8') as file:
        command = re.search(r'^docker run (.*?[^\\])$', file.read(), re.M | re.S)[1]
    words = shlex.split(command.replace('\\\n', ' '))
    at = words.index(service['image'])
    for option in wanted.symmetric_difference(words[:at]):
        fault('docs/deploy.md', f'docker run and compose.yml differ in {option}')
    if words[at + 1:] != service['command']:
        fault('docs/deploy.md', f'docker run has the command {words[at + 1:]}, compose.yml {service["command"]}')


def check_ignored():
    """The build in the container needs every directory that CMake adds for a release."""
    with open(f'{SOURCE}/.dockerignore', encoding='utf-8') as file:
        ignored = [line.strip() for line in file if line.strip() and not line.startswith('#')]
    with open(f'{SOURCE}/CMakeLists.txt', encoding='utf-8') as file:
        added = re.findall(r'^add_subdirectory\((\w+)\)', file.read(), re.M)
    for name in set(added) & set(ignored):
        fault('.dockerignore', f'leaves out {name}, which is built')
    if 'deploy' in ignored and '!deploy/packages.sh' not in ignored:
        fault('.dockerignore', 'leaves out deploy/packages.sh, which the Dockerfile copies')


def check_units():
    """What both units say of the same thing, they say alike."""
    settings = {}
    for name in ('chiron.service', 'chiron-user.service'):
        settings[name] = dict(re.findall(r'^(\w+)=(.*)$', text(name), re.M))
    for key in ('Type', 'ExecReload', 'Restart', 'WatchdogSec', 'TimeoutStopSec', 'UMask', 'MemoryMax', 'TasksMax'):
        if settings['chiron.service'][key] != settings['chiron-user.service'][key]:
            fault('chiron-user.service', f'{key} differs from chiron.service')


def check_scripts():
    for script in glob.glob(f'{DEPLOY}/*.sh'):
        done = subprocess.run(['bash', '-n', script], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fault(script, done.stderr)


for check in (check_packages, check_dockerfile, check_compose, check_docker_run, check_ignored, check_units,
              check_scripts):
    check()
print('\n'.join(faults))
sys.exit(1 if faults else 0)
