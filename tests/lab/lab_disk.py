#!/usr/bin/env python3
"""A small ext4 disk as /var at 97 %, at 100 % and out of inodes: the shipped rules fire, the shipped remedy rescues
it, and the metric, the log and the ledger agree with statvfs. Files that must not go stay, while another process
keeps swapping directories for symlinks."""
import errno
import hashlib
import os
import subprocess
import sys
import time

import lablib
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab('mkfs.ext4')
lablib.need_loop_devices()
CHIRON = sys.argv[1]
DAY = 86400.0
LOG_BYTES = 512 << 10
# How far the sum of st_blocks may be from what statvfs saw: blocks of directories and extent trees.
TOLERANCE = 128 << 10
# With the ledger and the log on the disk itself: the reserve of 4 MiB given up or taken again, and the log.
TOLERANCE_OF_STATE = (4 << 20) + (1 << 20)


def aged(path, days, size=0, text=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(text.encode() if text is not None else os.urandom(size))
        os.fsync(file.fileno())
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def rotated(directory, count, size):
    return [aged(f'{directory}/app.log.{number}.gz', 3 + number, size) for number in range(1, count + 1)]


class Keepsakes:
    """Files that look as if they might go and must not; the oldest of all, but for the one that is too young."""

    def __init__(self, size=256 << 10):
        self.elsewhere = f'{lablib.SCRATCH}/elsewhere'
        write(f'{self.elsewhere}/another.log.1', 'on another file system\n')
        self.files = [
            aged('/var/log/young/app.log.1', 0, size),
            aged('/var/log/open/app.log.1', 60, size),
            aged('/var/log/audit/audit.log.1', 60, size),
            aged('/var/log/linked/app.log.1', 60, size),
            aged('/var/log/current/app.log', 60, size),
            aged('/var/outside/app.log.1', 60, size),
            aged('/var/outside/target/app.log.1', 60, size),
            aged('/var/lib/app/data.gz', 60, size),
            f'{self.elsewhere}/another.log.1',
        ]
        os.link('/var/log/linked/app.log.1', '/var/outside/hard-link')
        os.symlink('/var/outside/target/app.log.1', '/var/log/linked/symlink.log.1')
        os.symlink('/var/outside', '/var/log/to-outside')
        os.symlink(self.elsewhere, '/var/log/to-elsewhere')
        self.writer = open('/var/log/open/app.log.1', 'ab')  # pylint: disable=consider-using-with
        self.before = self.look()

    def look(self):
        seen = {}
        for path in self.files:
            try:
                with open(path, 'rb') as file:
                    seen[path] = hashlib.sha256(file.read()).hexdigest()
            except FileNotFoundError:
                seen[path] = 'gone'
        for link in ('/var/log/linked/symlink.log.1', '/var/log/to-outside', '/var/log/to-elsewhere'):
            seen[link] = os.readlink(link) if os.path.islink(link) else 'gone'
        seen['links of the hard-linked file'] = os.stat('/var/log/linked/app.log.1').st_nlink
        return seen

    def expect_untouched(self):
        expect_equal(self.look(), self.before, 'what must stay')

    def close(self):
        self.writer.close()


SWAPPER = '''
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
RENAME_EXCHANGE = 2
pairs = [[os.fsencode(path) for path in pair.split('|')] for pair in sys.argv[1:]]
count = 0
while True:
    for one, other in pairs:
        if libc.renameat2(-100, one, -100, other, RENAME_EXCHANGE) != 0:
            sys.exit(f'{one} for {other}: {os.strerror(ctypes.get_errno())}')
        count += 1
    if count % 1000 == 0:
        print(count, flush=True)
'''


class Swapper:
    """A process that keeps exchanging directories below the roots with symlinks that lead out of them."""

    def __init__(self):
        self.outside = []
        pairs = []
        for number, target in enumerate(('/var/outside/swapped', f'{lablib.SCRATCH}/elsewhere/swapped')):
            place = f'/var/log/swap-{number}'
            for name in range(1, 4):
                aged(f'{place}/real/deep/app.log.{name}', 40, 16 << 10)
                self.outside.append(aged(f'{target}/deep/app.log.{name}', 90, 16 << 10))
            os.symlink(target, f'{place}/link')
            os.symlink(f'{target}/deep', f'{place}/deep-link')
            # The directory itself, and one further down.
            pairs += [f'{place}/real|{place}/link', f'{place}/deep-link|{place}/again']
            aged(f'{place}/again/app.log.1', 40, 4096)
        self.process = subprocess.Popen([sys.executable, '-c', SWAPPER, *pairs], stdout=subprocess.PIPE, text=True)
        expect(self.process.stdout.readline(), 'the swapping process does not swap')

    def stop(self):
        """Ends it; how often it has swapped at least."""
        expect(self.process.poll() is None, 'the swapping process ended by itself')
        self.process.kill()
        lines = self.process.communicate()[0].split()
        expect(lines, 'the swapping process stood still during the rescue')
        return int(lines[-1])

    def expect_untouched(self):
        gone = [path for path in self.outside if not os.path.exists(path)]
        expect_equal(gone, [], 'files removed through a swapped symlink')


def make_agent(name, *, on_disk=False, remedies=None, extra=''):
    directory = f'{lablib.SCRATCH}/{name}'
    rules = lablib.shipped_rules('host', hasten=lambda length: '1s' if length == '1m' else '2s')
    write(f'{directory}/host.rules.yml', rules['host'])
    return lablib.Agent(CHIRON, name, f'''
sampling: {{interval: 500ms}}
rule_files: ['{directory}/host.rules.yml']
remedy_files: ['{remedies or 'shipped:rescue-disk'}']
remedies:
  rescue-disk: {{mode: automatic, targets: ['/var']}}
deletion:
  roots: [/var/log, /var/spool/app, '{lablib.SCRATCH}/not-there']
  protect: ['/var/log/audit/**']
{extra}''', state='/var/lib/chiron' if on_disk else None, log='/var/lib/chiron-log/chiron.log' if on_disk else None)


class Disk:
    """/var of this lab's namespace, for one case."""

    def __init__(self, name, **options):
        self.image = f'{lablib.SCRATCH}/{name}.img'
        lablib.make_disk(self.image, '/var', megabytes=96, **options)

    def close(self):
        lablib.run('umount', '/var')
        os.unlink(self.image)


def used():
    """Shares of bytes and of inodes used, as the shipped rules see them."""
    stat = os.statvfs('/var')
    return 1 - stat.f_bavail / stat.f_blocks, 1 - stat.f_ffree / stat.f_files


def available():
    stat = os.statvfs('/var')
    return stat.f_bavail * stat.f_frsize


def firing(agent, name):
    return lablib.query(agent.base, f'ALERTS{{alertname="{name}",alertstate="firing",mountpoint="/var",'
                                    'severity="critical"}')


def expect_rescued(agent, alert, before, tolerance):
    """From the alert to the record: one run, succeeded, told three times alike, as statvfs sees it."""
    runs = wait_for('the rescue to end', lambda: [row for row in agent.acted(remedy='rescue-disk') if row['finished']])
    expect_equal(len(runs), 1, 'runs')
    row = runs[0]
    expect_equal((row['state'], row['target'], row['alert']), ('succeeded', '/var', alert),
                 f'the run ({row["reason"]}; {[step["detail"] for step in row["steps"]]})')
    expect(row['freed_bytes'] > 0 and row['removed_objects'] > 0, f'nothing removed: {row}')
    seen = available() - before
    expect(abs(seen - row['freed_bytes']) <= tolerance,
           f'freed {row["freed_bytes"]} bytes by the ledger, {seen} by statvfs')
    lablib.expect_agreement(agent, 'rescue-disk', 'succeeded', runs)
    wait_for('the alert to be resolved', lambda: not firing(agent, alert))
    print(f'        {row["removed_objects"]} files, {row["freed_bytes"]} bytes; statvfs saw {seen}')
    return row


def at_97_percent():
    disk = Disk('97')
    logs = rotated('/var/log/app', 30, LOG_BYTES)
    keepsakes, swapper = Keepsakes(), Swapper()
    agent = make_agent('97')
    lablib.fill_disk('/var/ballast', int(0.03 * 96 * (1 << 20)))
    os.sync()
    before = available()
    expect(0.955 < used()[0] < 0.985, f'the disk is {used()[0]:.1%} full, not 97 %')
    agent.start()
    expect_rescued(agent, 'HostDiskFull', before, TOLERANCE)
    swaps = swapper.stop()
    print(f'        {swaps} swaps meanwhile')
    expect(used()[0] <= 0.851, f'still {used()[0]:.1%} full, the target is 85 %')
    gone = [path for path in logs if not os.path.exists(path)]
    # The oldest first, and no more than needed.
    expect(0 < len(gone) < len(logs), f'{len(gone)} of {len(logs)} logs are gone')
    expect_equal(sorted(gone), sorted(logs[-len(gone):]), 'logs that went')
    keepsakes.expect_untouched()
    swapper.expect_untouched()
    expect_equal(agent.stop(), 0, 'exit code')
    keepsakes.close()
    disk.close()


def not_enough_to_remove():
    """All that may go is gone and the disk still is full: failed, and nothing else was taken instead."""
    disk = Disk('poor')
    logs = rotated('/var/log/app', 4, LOG_BYTES)
    keepsakes, swapper = Keepsakes(), Swapper()
    agent = make_agent('poor')
    lablib.fill_disk('/var/ballast', 1 << 20)
    agent.start()
    runs = wait_for('the rescue to end', lambda: [row for row in agent.acted() if row['finished']])
    swapper.stop()
    expect_equal([row['state'] for row in runs], ['failed'], 'how the run ended')
    for word in ('too young', 'in use', 'protected', 'hard-linked'):
        expect(word in runs[0]['reason'], f'the reason does not tell what was kept for being {word}: {runs[0]["reason"]}')
    lablib.expect_agreement(agent, 'rescue-disk', 'failed', runs)
    expect_equal([path for path in logs if os.path.exists(path)], [], 'logs that might go')
    keepsakes.expect_untouched()
    swapper.expect_untouched()
    expect(firing(agent, 'HostDiskFull'), 'the alert does not fire any more though the disk is full')
    expect_equal(agent.stop(), 0, 'exit code')
    keepsakes.close()
    disk.close()


GLOBS = '''
remedies:
  - name: rescue-disk
    on:
      alerts: ['alertname=~"HostDiskFull|HostInodesFull"', 'severity="critical"']
    target: '{{ $labels.mountpoint }}'
    steps:
      - disk.rescue:
          path: '{{ $target }}'
          stages: [globs, rotated_logs]
          globs: ['/var/spool/app/**/*.done']
          min_age: 1s
          timeout: 5m
    policy: {mode: dry-run, cooldown: 30m, budget: {runs: 3, per: 6h}}
'''


def at_100_percent():
    """Not one free block, ledger and log on the disk itself; own globs before rotated logs."""
    disk = Disk('100')
    done = [aged(f'/var/spool/app/{number % 3}/{number}.done', 5, LOG_BYTES) for number in range(36)]
    waiting = [aged(f'/var/spool/app/{number}.waiting', 50, 4096) for number in range(5)]
    logs = rotated('/var/log/app', 4, LOG_BYTES)
    remedy = write(f'{lablib.SCRATCH}/100/remedy.yml', GLOBS)
    agent = make_agent('100', on_disk=True, remedies=remedy).start()
    # Paused while the disk fills, so that nothing acts before it is full to the last block.
    agent.cli('remedy', 'pause')
    lablib.fill_disk('/var/ballast', 0)
    wait_for('the alert to fire', lambda: firing(agent, 'HostDiskFull'))
    with open('/var/last', 'wb') as last:
        wait_for('the last block to be taken', lambda: take_all_blocks(last) == 0)
        before = available()
        agent.cli('remedy', 'resume')
        expect_rescued(agent, 'HostDiskFull', before, TOLERANCE_OF_STATE)
    expect(used()[0] <= 0.90, f'still {used()[0]:.1%} full')
    expect(any(not os.path.exists(path) for path in done), 'no file of the own globs is gone')
    expect_equal([path for path in waiting + logs if not os.path.exists(path)], [], 'files of no or a later stage')
    expect_equal(agent.stop(), 0, 'exit code')
    expect_equal(agent.acted()[0]['state'], 'succeeded', 'the run in the ledger after the agent has ended')
    disk.close()


def take_all_blocks(file):
    """Takes what the agent's own files gave back; how much is available then."""
    for piece in (4096, 1024):  # a small file system has blocks of 1 KiB
        try:
            while True:
                os.write(file.fileno(), bytes(piece))
                os.fsync(file.fileno())
        except OSError as fault:
            expect_equal(fault.errno, errno.ENOSPC, 'why no more blocks can be taken')
    return available()


def out_of_inodes():
    """Not one free inode, ledger and log on the disk itself; the shipped remedy, armed."""
    disk = Disk('inodes', inodes=2048)
    agent = make_agent('inodes', on_disk=True).start()
    agent.cli('remedy', 'pause')
    logs = []
    try:
        while True:
            logs.append(f'/var/log/app/{len(logs) % 8}/small-{len(logs)}.log.1')
            aged(logs[-1], 5 + len(logs) / 1000, text='x\n')
    except OSError:
        logs.pop()
    expect(used()[1] > 0.999, f'only {used()[1]:.1%} of the inodes are used')
    wait_for('the alert to fire', lambda: firing(agent, 'HostInodesFull'))
    os.sync()
    before, inodes_before = available(), os.statvfs('/var').f_ffree
    agent.cli('remedy', 'resume')
    row = expect_rescued(agent, 'HostInodesFull', before, TOLERANCE_OF_STATE)
    seen = os.statvfs('/var').f_ffree - inodes_before
    expect(abs(seen - row['removed_objects']) <= 4, f'{row["removed_objects"]} files removed, {seen} inodes by statvfs')
    expect(used()[1] <= 0.851, f'still {used()[1]:.1%} of the inodes used')
    expect_equal(agent.stop(), 0, 'exit code')
    disk.close()


def start_on_a_full_disk():
    """An agent that was stopped, started when the disk is full already, its ledger and log on it."""
    disk = Disk('start')
    rotated('/var/log/app', 30, LOG_BYTES)
    agent = make_agent('start', on_disk=True).start()
    expect_equal(agent.stop(), 0, 'exit code')
    lablib.fill_disk('/var/ballast', 0)
    before = available()
    agent.start()
    expect_rescued(agent, 'HostDiskFull', before, TOLERANCE_OF_STATE)
    expect_equal(agent.stop(), 0, 'exit code')
    disk.close()


lablib.main([('at_97_percent', at_97_percent), ('not_enough_to_remove', not_enough_to_remove),
             ('at_100_percent', at_100_percent), ('out_of_inodes', out_of_inodes),
             ('start_on_a_full_disk', start_on_a_full_disk)])
