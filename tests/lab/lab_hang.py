#!/usr/bin/env python3
"""A mount that hangs in statfs, a Docker engine and a system bus that accept and never answer, all at once: /metrics
answers, the rest stays fresh, no thread or descriptor is lost over a thousand passes, and what returns is sampled again."""
import ctypes
import os
import re
import socket
import sys
import threading
import time

import lablib
from lablib import expect, expect_equal, wait_for

lablib.enter_lab()
CHIRON = sys.argv[1]
PASSES = int(os.environ.get('CHIRON_LAB_PASSES', '1000'))
MOUNT = f'{lablib.SCRATCH}/hung'
libc = ctypes.CDLL(None, use_errno=True)


class HungMount:
    """A FUSE file system whose server never answers: the kernel waits for its FUSE_INIT, and statfs with it."""

    def __init__(self, path):
        os.makedirs(path)
        self.path = path
        self.fuse = os.open('/dev/fuse', os.O_RDWR)
        options = f'fd={self.fuse},rootmode=40000,user_id=0,group_id=0'.encode()
        if libc.mount(b'hung', path.encode(), b'fuse.hung', 0, options) != 0:
            lablib.skip(f'cannot mount a FUSE file system: {os.strerror(ctypes.get_errno())}')

    def release(self):
        """The server is gone: what waits gets ENOTCONN."""
        os.close(self.fuse)
        libc.umount2(self.path.encode(), 2)


class DeafSocket:
    """Accepts on a Unix socket, and says nothing."""

    def __init__(self, path):
        self.path = path
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.connections.append(self.listener.accept()[0])
            except OSError:
                return

    def release(self):
        os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


def threads(agent):
    return len(os.listdir(f'/proc/{agent.process.pid}/task'))


def descriptors(agent):
    return len(os.listdir(f'/proc/{agent.process.pid}/fd'))


def passes(agent):
    return int(re.search(r'"passes":(\d+)', lablib.http_get(agent.base + '/api/v1/health'))[1])


def collector_ok(agent, name):
    return agent.metric('node_scrape_collector_success', collector=name)


def all_hang_at_once():
    bus, docker = DeafSocket(f'{lablib.SCRATCH}/bus'), DeafSocket(f'{lablib.SCRATCH}/docker')
    mount = HungMount(MOUNT)
    os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = f'unix:path={bus.path}'
    # "This host runs systemd", sd_booted(3): told to this namespace only.
    lablib.run('mount', '-t', 'tmpfs', 'tmpfs', '/run')
    os.makedirs('/run/systemd/system')
    agent = lablib.Agent(CHIRON, 'hang', f'''
sampling: {{interval: 100ms}}
rule_files: []
remedy_files: []
collectors:
  containers: {{socket: {docker.path}}}
''').start()

    wait_for('the mount to be reported', lambda: [
        labels for labels, number in agent.series('node_filesystem_device_error')
        if labels['mountpoint'] == MOUNT and number == 1])
    for name in ('systemd', 'containers'):
        wait_for(f'{name} to be reported', lambda name=name: collector_ok(agent, name) == 0)
    expect(agent.series('node_filesystem_avail_bytes'), 'the other file systems are there')

    # Every hanging call is under way by now: from here on nothing may be added.
    begun, count, files = passes(agent), threads(agent), descriptors(agent)
    slowest = 0.0
    while passes(agent) < begun + PASSES:
        before = time.monotonic()
        page = agent.page()
        slowest = max(slowest, time.monotonic() - before)
        expect('node_load1 ' in page, 'the rest of the page is there')
        time.sleep(0.2)
    fresh = {labels['collector']: number for labels, number in agent.series('chiron_sample_age_seconds')}
    for name in ('cpu', 'loadavg', 'meminfo', 'filesystem'):
        expect(fresh.get(name, 99) < 1, f'{name} is fresh: {fresh}')
    print(f'        {PASSES} passes: slowest page {slowest * 1000:.0f} ms, threads {count} -> {threads(agent)}, '
          f'descriptors {files} -> {descriptors(agent)}')
    expect(slowest < 5, f'/metrics took {slowest:.1f} s')
    expect(threads(agent) <= count + 2, f'threads grew from {count} to {threads(agent)}')
    expect(descriptors(agent) <= files + 2, f'descriptors grew from {files} to {descriptors(agent)}')

    mount.release()
    wait_for('the mount to be gone from the page', lambda: MOUNT not in agent.page())
    docker.release()
    wait_for('containers to have nothing to report', lambda: collector_ok(agent, 'containers') == 1)
    began = time.monotonic()
    expect_equal(agent.stop(), 0, 'exit code')
    expect(time.monotonic() - began < 3, f'stopping took {time.monotonic() - began:.1f} s with a hung bus')
    bus.release()


lablib.main([('a hung mount, Docker socket and bus at once', all_hang_at_once)])
