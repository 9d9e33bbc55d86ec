"""A real Prometheus that is given its samples instead of scraping them, by remote write: values bit for bit (staleness
markers too), at timestamps of the past, into its head as a scrape's samples would go."""
import json
import os
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

_BATCH_BYTES = 4 << 20
_PATIENCE = 90.0


def varint(number):
    """A varint of protocol buffers; snappy's are the same."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def encoded_series(labels, samples):
    """A TimeSeries of prometheus/prompb: labels (1) of name and value, samples (2) of value and timestamp. `samples`: pairs
    of time in ms and either a float or the eight bytes of one."""
    parts = [field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in sorted(labels.items())]
    for t, value in samples:
        bits = value if isinstance(value, bytes) else struct.pack('<d', value)
        parts.append(field(2, b'\x09' + bits + b'\x10' + varint(t)))
    return field(1, b''.join(parts))


def snappy(block):
    """A snappy block (google/snappy, format_description.txt) of nothing but one literal."""
    return varint(len(block)) + b'\xfc' + struct.pack('<I', len(block) - 1) + block


class WrittenPrometheus:
    """Ends with stop(). `rules`: files it evaluates, their groups every `interval` unless they name one."""

    def __init__(self, directory, *rules, port, interval='1m'):
        self.base = f'http://127.0.0.1:{port}'
        os.makedirs(directory, exist_ok=True)
        config = f'{directory}/prometheus.yml'
        self.log = f'{directory}/prometheus.log'
        with open(config, 'w', encoding='utf-8') as file:
            json.dump({'global': {'evaluation_interval': interval}, 'rule_files': list(rules)}, file)
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                ['prometheus', f'--config.file={config}', f'--storage.tsdb.path={directory}/tsdb',
                 f'--web.listen-address=127.0.0.1:{port}', '--web.enable-remote-write-receiver', '--log.level=warn',
                 '--enable-feature=promql-at-modifier,promql-negative-offset'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._batch = []
        self._size = 0
        deadline = time.monotonic() + _PATIENCE
        while not self._ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                with open(self.log, encoding='utf-8') as log:
                    raise RuntimeError(f'Prometheus does not get ready: {log.read()[-2000:]}')
            time.sleep(0.05)

    def _ready(self):
        try:
            with urllib.request.urlopen(self.base + '/-/ready', timeout=10):
                return True
        except OSError:
            return False

    def add(self, labels, samples):
        """One series with all its samples, ascending; sent with flush() at the latest."""
        series = encoded_series(labels, samples)
        self._batch.append(series)
        self._size += len(series)
        if self._size >= _BATCH_BYTES:
            self.flush()

    def flush(self):
        if self._batch:
            request = urllib.request.Request(
                self.base + '/api/v1/write', snappy(b''.join(self._batch)), method='POST',
                headers={'Content-Encoding': 'snappy', 'Content-Type': 'application/x-protobuf',
                         'X-Prometheus-Remote-Write-Version': '0.1.0'})
            with urllib.request.urlopen(request, timeout=_PATIENCE):
                pass
        self._batch.clear()
        self._size = 0

    def ask(self, endpoint, **parameters):
        """The answer as it is: with "data", or with "error"."""
        body = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f'{self.base}/api/v1/{endpoint}', body, timeout=_PATIENCE) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            return json.loads(refusal.read())

    def cpu_seconds(self):
        """Time on a CPU of all threads so far, as the scheduler counts it (proc(5), schedstat): ticks are too coarse."""
        total = 0
        for thread in os.listdir(f'/proc/{self.process.pid}/task'):
            with open(f'/proc/{self.process.pid}/task/{thread}/schedstat', encoding='ascii') as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def stop(self):
        self.process.kill()
        self.process.wait()
