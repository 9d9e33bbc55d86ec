"""A redis-server of the lab's own and just enough of its protocol to fill it and look into it."""
import socket
import subprocess

import lablib
from lablib import expect_equal, wait_for


class Redis:
    def __init__(self, port):
        self.port = port
        self.address = f'127.0.0.1:{port}'
        self.process = subprocess.Popen(
            ['redis-server', '--port', str(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
             '--dir', lablib.SCRATCH, '--maxmemory-policy', 'noeviction'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.stream = None
        wait_for('redis-server to answer', self._connect)

    def _connect(self):
        self.stream = socket.create_connection(('127.0.0.1', self.port), timeout=lablib.PATIENCE).makefile('rwb')
        return self('PING') == b'PONG'

    def pipeline(self, commands):
        """Sends all, then reads all answers."""
        for command in commands:
            words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
            self.stream.write(b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words))
        self.stream.flush()
        return [self._answer() for _ in commands]

    def __call__(self, *command):
        return self.pipeline([command])[0]

    def _answer(self):
        line = self.stream.readline()
        if not line.endswith(b'\r\n'):
            raise OSError('redis-server closed the connection')
        kind, rest = line[:1], line[1:-2]
        if kind == b'-':
            raise lablib.Failure('redis-server: ' + rest.decode())
        if kind == b'+':
            return rest
        if kind == b':':
            return int(rest)
        if kind == b'$':
            return None if rest == b'-1' else self.stream.read(int(rest) + 2)[:-2]
        return [self._answer() for _ in range(int(rest))]

    def info(self, name):
        for line in self('INFO').decode().splitlines():
            if line.startswith(name + ':'):
                return line.split(':', 1)[1]
        raise lablib.Failure(f'INFO has no {name}')

    def fill(self, keys, *, idle_seconds, size=200):
        """Strings of `size` bytes that were last used so long ago."""
        self('SET', 'model', b'x' * size)
        dump = self('DUMP', 'model')
        self('DEL', 'model')
        keys = list(keys)
        for start in range(0, len(keys), 1000):
            self.pipeline([('RESTORE', key, 0, dump, 'IDLETIME', idle_seconds) for key in keys[start:start + 1000]])

    def keys(self):
        return {key.decode() for key in self('KEYS', '*')}

    def limit_to(self, share):
        """Sets maxmemory so that this share of it is used."""
        used = int(self.info('used_memory'))
        expect_equal(self('CONFIG', 'SET', 'maxmemory', int(used / share)), b'OK', 'CONFIG SET maxmemory')

    def stop(self):
        self.process.kill()
        self.process.wait()
