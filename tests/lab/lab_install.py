#!/usr/bin/env python3
"""deploy/install.sh beside a real systemd: install, verify, an upgrade that fails and is rolled back, uninstall; for the
system and for a user with a service manager of their own.

Usage: systemd-namespace.sh lab_install.py CHIRON SOURCE_DIR
"""
import os
import shutil
import subprocess
import sys

import lablib
from lablib import inside, write_inside as write

ROOT, PID = os.environ['LAB_ROOT'], os.environ['LAB_PID']
# Copied in from outside: the namespace has a /tmp of its own.
CHIRON, SCRIPT = '/opt/chiron/chiron', '/opt/chiron/deploy/install.sh'
shutil.copytree(f'{sys.argv[2]}/deploy', ROOT + os.path.dirname(SCRIPT))
shutil.copy(sys.argv[1], ROOT + CHIRON)
USER = 'chiron-lab'
# Only of this lab: sysinit.target would bring in what acts on the kernel that all share.
DROP_IN = '[Unit]\nDefaultDependencies=no\n[Service]\nTimeoutStartSec=30\n'


def as_user(*command, check=True):
    uid = int(inside('id', '-u', USER).stdout)
    return inside('setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', 'env', '-i', f'HOME=/home/{USER}',
                  f'XDG_RUNTIME_DIR=/run/user/{uid}', 'PATH=/usr/bin:/bin:/usr/sbin:/sbin', *command, check=check)


def exists(path):
    return os.path.lexists(ROOT + path)


def lines(done):
    """verify's lines: what -> whether it is well."""
    return {line.split()[1]: line.startswith('ok') for line in done.stdout.splitlines()
            if line.startswith(('ok ', 'FAIL '))}


PARTS = {'binary', 'configuration', 'unit', 'service', 'agent', 'ledger', 'metrics'}


def all_well(done):
    found = lines(done)
    assert done.returncode == 0 and set(found) == PARTS and all(found.values()), done.stdout + done.stderr


def life_of(act, directory, config, state, binary):
    """The whole life of an installation; act(*arguments) runs install.sh."""
    install = ('install', '--binary', CHIRON)
    all_well(act(*install))
    all_well(act('verify'))
    before = os.stat(ROOT + binary)
    all_well(act(*install))  # again: an upgrade to the same
    assert os.stat(ROOT + binary).st_ino != before.st_ino

    # A file of the operator's that the program refuses: nothing is touched.
    kept = open(f'{ROOT}{config}/chiron.yml', encoding='utf-8').read()
    write(f'{config}/chiron.yml', 'samplign: {}\n')
    before = os.stat(ROOT + binary)
    done = act(*install, check=False)
    assert done.returncode == 1 and 'nothing was changed' in done.stderr, done
    assert os.stat(ROOT + binary).st_ino == before.st_ino
    done = act('verify', check=False)
    assert done.returncode == 1 and [what for what, well in lines(done).items() if not well] == ['configuration'], done
    write(f'{config}/chiron.yml', kept)

    # A program that says its version and then does not run.
    write(f'{directory}/broken', '#!/bin/sh\n[ "$1" != run ] || exit 1\n', 0o755)
    done = act('install', '--binary', f'{directory}/broken', check=False)
    assert done.returncode == 1 and 'the one before it runs again' in done.stderr, done
    all_well(act('verify'))

    done = act('uninstall')
    assert not exists(binary) and exists(config) and exists(state), done
    done = act('verify', check=False)
    assert done.returncode == 1 and lines(done) == {'binary': False}, done
    all_well(act(*install))
    act('uninstall', '--purge')
    assert not exists(binary) and not exists(config) and not exists(state)


def system():
    write('/etc/systemd/system/chiron.service.d/lab.conf', DROP_IN)
    def act(*arguments, check=True):
        return inside(SCRIPT, *arguments, check=check)

    done = act('instal', check=False)
    assert done.returncode == 2 and 'uninstall' in done.stderr, done
    done = act('install', '--binary', '/nowhere', check=False)
    assert done.returncode == 1 and 'build it first' in done.stderr, done
    done = act('verify', check=False)
    assert done.returncode == 1 and 'install' in done.stdout, done
    life_of(act, '/root', '/etc/chiron', '/var/lib/chiron', '/usr/local/bin/chiron')
    assert not exists('/etc/systemd/system/chiron.service')

    # An operator's drop-in moves it: verify does not find its page, and says so; an upgrade is not undone for that.
    all_well(act('install', '--binary', CHIRON))
    moved = '/etc/systemd/system/chiron.service.d/moved.conf'
    write(moved, '[Service]\nEnvironment=CHIRON_WEB_LISTEN_ADDRESS=127.0.0.1:10099\n')
    done = act('install', '--binary', CHIRON)
    assert [what for what, well in lines(done).items() if not well] == ['metrics'], done
    os.remove(ROOT + moved)

    # Where somebody chose to run it without root, an upgrade leaves it at that; and one that fails brings that unit back.
    inside('useradd', '--system', '--gid', 'chiron', '--home-dir', '/var/lib/chiron', 'chiron')
    unit = '/etc/systemd/system/chiron.service'
    inside('install', '-m', '644', '/opt/chiron/deploy/chiron-unprivileged.service', unit)
    inside('chown', '-R', 'chiron:', '/var/lib/chiron')
    inside('systemctl', 'daemon-reload')
    inside('systemctl', 'restart', 'chiron')
    all_well(act('install', '--binary', CHIRON))
    assert inside('systemctl', 'show', '-P', 'User', 'chiron').stdout.strip() == 'chiron'
    mine = open(ROOT + unit, encoding='utf-8').read() + '# an older unit\n'
    write(unit, mine)
    write('/root/broken', '#!/bin/sh\n[ "$1" != run ] || exit 1\n', 0o755)
    done = act('install', '--binary', '/root/broken', check=False)
    assert done.returncode == 1 and 'the one before it runs again' in done.stderr, done
    assert open(ROOT + unit, encoding='utf-8').read() == mine, 'the unit before it is not back'
    act('uninstall', '--purge')

    # The quickstart's agent is no service; two on one state directory are not started.
    write('/root/other.yml', "http: {listen: ['127.0.0.1:0']}\n")
    other = subprocess.Popen(['nsenter', '-t', PID, '-a', CHIRON, 'run', '--config.file', '/root/other.yml'],
                             stderr=subprocess.DEVNULL)
    try:
        lablib.wait_for('the other agent', lambda: inside(CHIRON, 'status', check=False).returncode == 0)
        done = act('install', '--binary', CHIRON, check=False)
        assert done.returncode == 1 and 'Stop it first' in done.stderr, done
    finally:
        other.terminate()
        other.wait(60)


def one_user():
    inside('useradd', '--create-home', USER)
    home = f'/home/{USER}'
    uid = int(inside('id', '-u', USER).stdout)
    # What logind does at a login.
    inside('install', '-d', '-m', '700', '-o', USER, '-g', USER, f'/run/user/{uid}')
    write('/run/systemd/system/manager.service', f"""[Unit]
DefaultDependencies=no
[Service]
Type=notify
User={USER}
Delegate=yes
Environment=XDG_RUNTIME_DIR=/run/user/{uid}
ExecStart=/lib/systemd/systemd --user --unit=basic.target --log-target=null
""")
    inside('systemctl', 'daemon-reload')
    inside('systemctl', 'start', 'manager')
    def act(verb, *arguments, check=True):
        return as_user(SCRIPT, verb, '--user', *arguments, check=check)

    write(f'{home}/.config/chiron/chiron.yml', "http: {listen: ['127.0.0.1:10072']}\n")
    inside('chown', '-R', f'{USER}:{USER}', f'{home}/.config')
    life_of(act, home, f'{home}/.config/chiron', f'{home}/.local/state/chiron', f'{home}/.local/bin/chiron')


for test in (system, one_user):
    test()
    print(f'{test.__name__}: ok', flush=True)
