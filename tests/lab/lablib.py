"""What the lab's scripts share: namespaces of their own, an agent, its metrics, log and ledger.

A lab script calls enter_lab() first. It is then process 1 of its own pid, mount and network namespaces, with a
tmpfs of its own on SCRATCH: whatever it starts, mounts or writes there is gone when it ends, however it ends.
"""
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

SKIP = 77
SCRATCH = '/srv'
SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# A deadline for what takes a second or two on an idle machine: labs run on busy ones.
PATIENCE = 90.0

_INSIDE = 'CHIRON_LAB_INSIDE'


class Failure(Exception):
    """An expectation that did not hold."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def expect_equal(got, wanted, what):
    expect(got == wanted, f'{what}: {got!r} instead of {wanted!r}')


def skip(why):
    print(f'skipped: {why}')
    sys.exit(SKIP)


def enter_lab(*programs):
    """Restarts this script inside namespaces of its own; returns inside, with loopback up and SCRATCH empty."""
    if os.environ.get(_INSIDE) != '1':
        if os.geteuid() != 0:
            skip('needs root')
        for program in programs + ('unshare', 'ip', 'mount'):
            if shutil.which(program) is None:
                skip(f'{program} is not installed')
        probe = subprocess.run(['unshare', '-m', '-n', '-p', '-f', 'true'], capture_output=True, text=True)
        if probe.returncode != 0:
            skip('no namespaces here: ' + probe.stderr.strip())
        os.environ[_INSIDE] = '1'
        os.execvp('unshare', ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc',
                              '--propagation', 'private', sys.executable, '-u', *sys.argv])
    del os.environ[_INSIDE]
    # A signal without a handler does nothing to process 1 of a namespace.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(1))
    run('ip', 'link', 'set', 'lo', 'up')
    _mount_scratch()


def enter_systemd_lab(*programs):
    """For a script that systemd-namespace.sh runs: restarts it in the pid and network namespaces of that systemd, whose
    end takes all that was started along, with the machine's mounts and a SCRATCH of its own; an agent finds its bus."""
    if os.environ.get(_INSIDE) != '1':
        for program in programs + ('nsenter', 'unshare', 'mount'):
            if shutil.which(program) is None:
                skip(f'{program} is not installed')
        os.environ[_INSIDE] = '1'
        os.execvp('nsenter', ['nsenter', '--target', os.environ['LAB_PID'], '--pid', '--net', 'unshare', '--mount',
                              '--propagation', 'private', sys.executable, '-u', *sys.argv])
    del os.environ[_INSIDE]
    os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = os.environ['LAB_BUS']
    _mount_scratch()


def enter_engine_lab(*programs):
    """For a script that docker-engine.sh runs: a network namespace of its own beside that engine, a SCRATCH, and an empty
    /run where the engine's socket is at its usual place."""
    if os.environ.get(_INSIDE) != '1':
        for program in programs + ('unshare', 'ip', 'mount'):
            if shutil.which(program) is None:
                skip(f'{program} is not installed')
        os.environ[_INSIDE] = '1'
        os.execvp('unshare', ['unshare', '--mount', '--net', '--propagation', 'private', sys.executable, '-u', *sys.argv])
    del os.environ[_INSIDE]
    run('ip', 'link', 'set', 'lo', 'up')
    _mount_scratch()
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'run', '/run')
    os.symlink(os.environ['LAB_DOCKER_SOCKET'], '/run/docker.sock')


def _mount_scratch():
    run('mount', '-t', 'tmpfs', '-o', 'size=1g,mode=755', 'scratch', SCRATCH)


def inside(*command, check=True, **options):
    """Runs a command inside the systemd of systemd-namespace.sh; what run() returns."""
    # Not --all: to leave out the user namespace, which is the same, nsenter would have to find itself in /proc.
    return run('nsenter', '--target', os.environ['LAB_PID'], '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', *command,
               check=check, **options)


def systemctl(*arguments, check=True):
    return inside('systemctl', *arguments, check=check).stdout


def show_unit(name, key):
    return systemctl('show', '-P', key, name).strip()


def write_inside(path, text, mode=0o644):
    return write(os.environ['LAB_ROOT'] + path, text, mode)


def write_unit(name, start, settings=''):
    write_inside(f'/run/systemd/system/{name}.service',
                 f'[Unit]\nDefaultDependencies=no\n[Service]\nExecStart={start}\n{settings}\n')


def run(*argv, check=True, **options):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, **options)
    if check and done.returncode != 0:
        raise Failure(f'{" ".join(argv)} exited with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}')
    return done


def wait_for(what, condition, timeout=PATIENCE, every=0.05):
    """The first true value of condition(); fails with what was waited for. A Failure counts as not yet."""
    deadline = time.monotonic() + timeout
    last = ''
    while True:
        try:
            value = condition()
            if value:
                return value
            last = repr(value)
        except (Failure, OSError, ValueError) as fault:
            last = str(fault)
        if time.monotonic() > deadline:
            raise Failure(f'waited {timeout:.0f} s in vain for {what} (last: {last[:2000]})')
        time.sleep(every)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def http_get(url, timeout=10.0):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def http_post(url, form, timeout=10.0):
    """The answer to a form, whatever its status."""
    try:
        with urllib.request.urlopen(url, data=urllib.parse.urlencode(form).encode(), timeout=timeout) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as fault:
        return fault.read().decode()


def query(base, expr):
    """The instant vector of a PromQL expression, asked of Chiron or of Prometheus: [(labels, value)]."""
    url = f'{base}/api/v1/query?' + urllib.parse.urlencode({'query': expr})
    answer = json.loads(http_get(url))
    expect_equal(answer['status'], 'success', f'query {expr}')
    return [(one['metric'], float(one['value'][1])) for one in answer['data']['result']]


def value(base, expr):
    """The value of an expression that yields one series; nothing when it yields none."""
    found = query(base, expr)
    expect(len(found) <= 1, f'{expr} yields {len(found)} series: {found}')
    return found[0][1] if found else None


def need_loop_devices():
    if not os.path.exists('/dev/loop-control'):
        skip('no loop devices here')


def make_disk(image, mountpoint, *, megabytes, inodes=None):
    """An ext4 file system in a file, without blocks reserved for root, mounted; its loop device goes with it."""
    make_image(image, megabytes)
    run('mkfs.ext4', '-q', '-m', '0', *(['-N', str(inodes)] if inodes else []), image)
    os.makedirs(mountpoint, exist_ok=True)
    run('mount', '-o', 'loop', image, mountpoint)


def make_image(path, megabytes):
    with open(path, 'wb') as file:
        file.truncate(megabytes << 20)
    return path


def fill_disk(path, keep):
    """Leaves `keep` bytes available on the file system of `path`, a new file; 0 is not one free block."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        size, piece = 0, 64 << 20
        while piece >= 4096:
            stat = os.fstatvfs(file)
            wanted = min(piece, stat.f_bavail * stat.f_frsize - keep) & ~4095
            try:
                if wanted <= 0:
                    break
                os.posix_fallocate(file, size, wanted)
                size += wanted
            except OSError as fault:
                if fault.errno != errno.ENOSPC:
                    raise
                piece //= 2
        os.fsync(file)
    finally:
        os.close(file)


def shipped_rules(*packs, hasten):
    """The shipped rule files with each `for` cut (hasten maps what stands there to what shall), and nothing kept firing."""
    texts = {}
    for pack in packs:
        with open(f'{SOURCES}/rules/packs/{pack}.rules.yml', encoding='utf-8') as file:
            text = file.read()
        texts[pack] = re.sub(r'(?m)^(\s+for: )(\S+)$', lambda m: m[1] + hasten(m[2]), text)
        texts[pack] = re.sub(r'(?m)^\s+keep_firing_for: \S+\n', '', texts[pack])
        expect(texts[pack] != text, f'{pack}: no `for` to cut')
    return texts


class Agent:
    """A chiron of its own state directory, configuration and port."""

    running = []

    def __init__(self, binary, name, config, *, port=10071, state=None, log=None):
        self.binary = binary
        self.directory = f'{SCRATCH}/{name}'
        self.state = state or f'{self.directory}/state'
        self.log_file = log or f'{self.directory}/chiron.log'
        self.address = f'127.0.0.1:{port}'
        self.base = f'http://{self.address}'
        self.config = write(f'{self.directory}/chiron.yml', config)
        self.process = None

    def options(self):
        return ['--config.file', self.config, '--storage.path', self.state]

    def start(self):
        expect(self.process is None, 'the agent runs already')
        os.makedirs(os.path.dirname(self.log_file), exist_ok=True)
        with open(self.log_file, 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                [self.binary, 'run', *self.options(), '--web.listen-address', self.address, '--log.format', 'json'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        Agent.running.append(self)
        wait_for('the agent to be ready', self._ready)
        return self

    def _ready(self):
        if self.process.poll() is not None:
            with open(self.log_file, encoding='utf-8', errors='replace') as log:
                print(log.read()[-4000:])
            print(f'FAILED: the agent ended with {self.process.returncode} at its start')
            os._exit(1)
        return http_get(self.base + '/-/ready')

    def kill(self):
        """kill -9."""
        self.process.kill()
        self._ended()

    def stop(self):
        """Asks it to stop; returns its exit code."""
        self.process.terminate()
        return self._ended()

    def _ended(self):
        code = self.process.wait(timeout=PATIENCE)
        self.process = None
        Agent.running.remove(self)
        return code

    def cli(self, *arguments, check=True):
        command, *rest = arguments
        return run(self.binary, command, *rest, '--config.file', self.config, '--storage.path', self.state,
                   check=check)

    def history(self, **wanted):
        """Runs in the ledger, newest first."""
        rows = json.loads(self.cli('history', '--json', '--limit', '1000').stdout)
        return [row for row in rows if all(row[key] == wish for key, wish in wanted.items())]

    def acted(self, **wanted):
        """Runs that did something."""
        return [row for row in self.history(**wanted) if row['state'] not in ('suppressed', 'planned')
                and (row['mode'], row['state']) != ('dry-run', 'running')]

    def log(self, event, **wanted):
        """Entries of the log. A full disk may have cut a line."""
        entries = []
        with open(self.log_file, encoding='utf-8', errors='replace') as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get('event') == event and all(entry.get(key) == wish for key, wish in wanted.items()):
                    entries.append(entry)
        return entries

    def page(self):
        return http_get(self.base + '/metrics')

    def metric(self, name, **labels):
        """One value from /metrics, by name and all of its labels, in any order."""
        found = [number for got, number in self.series(name) if got == labels]
        return found[0] if found else None

    def series(self, name):
        found = []
        for line in self.page().splitlines():
            match = re.fullmatch(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?', line)
            if match and match[1] == name:
                labels = {key: text.replace('\\"', '"').replace('\\n', '\n').replace('\\\\', '\\')
                          for key, text in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or '')}
                found.append((labels, float(match[3])))
        return found


def expect_metric(agent, wanted, name, **labels):
    """That a metric has a value; waits, as a page may be a second old."""
    def look():
        got = agent.metric(name, **labels)
        expect(got == wanted, f'{name}{labels} is {got}')
        return True
    wait_for(f'{name}{labels} to be {wanted}', look, timeout=10)


def expect_agreement(agent, remedy, outcome, runs):
    """That the metric, the log and the ledger tell the same about the runs of a remedy (newest first)."""
    expect_equal([row['state'] for row in runs], [outcome] * len(runs), f'states of the runs of {remedy}')
    expect_metric(agent, float(len(runs)), 'chiron_remedy_runs_total', remedy=remedy, outcome=outcome)
    for row in runs:
        entries = wait_for(f'the log entry of run {row["id"]}', lambda: agent.log('run ended', run=row['id']))
        expect_equal(len(entries), 1, f'log entries of the end of run {row["id"]}')
        entry = entries[0]
        for key, in_row in (('remedy', 'remedy'), ('target', 'target'), ('outcome', 'state'), ('alert', 'alert'),
                            ('freed_bytes', 'freed_bytes'), ('removed_objects', 'removed_objects')):
            expect_equal(entry.get(key), row[in_row], f'{key} in the log, against the ledger,')
    for metric, column in (('chiron_freed_bytes_total', 'freed_bytes'),
                           ('chiron_removed_objects_total', 'removed_objects')):
        expect_metric(agent, float(sum(row[column] for row in runs)), metric, remedy=remedy)


def expect_agreement_of_interrupted(agent, remedy, row):
    """That a run found unfinished at the start is told as interrupted by the metric, the log and the ledger."""
    expect_equal(row['state'], 'interrupted', f'state of run {row["id"]}')
    expect(row['finished'], f'run {row["id"]} has no end')
    expect_metric(agent, 1.0, 'chiron_remedy_runs_total', remedy=remedy, outcome='interrupted')
    entries = agent.log('run interrupted', run=row['id'], remedy=remedy, outcome='interrupted')
    expect_equal(len(entries), 1, f'log entries on the interruption of run {row["id"]}')


def main(cases):
    """Runs the cases (name, function) in order; those named on the command line, or all."""
    wanted = sys.argv[2:]
    failed = 0
    for name, case in cases:
        if wanted and name not in wanted:
            continue
        began = time.monotonic()
        try:
            case()
            print(f'ok      {name} ({time.monotonic() - began:.1f} s)')
        except Failure as fault:
            failed += 1
            print(f'FAILED  {name}: {fault}')
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f'FAILED  {name}:')
            traceback.print_exc()
        # What a failed case left would answer on the port of the next.
        for agent in list(Agent.running):
            agent.kill()
    sys.stdout.flush()
    # Not sys.exit: processes that a failed case left behind end with the namespace.
    os._exit(1 if failed else 0)
