#!/usr/bin/env python3
"""/metrics in every format before real readers: promtool, the OpenMetrics parser of the Python client, and two
Prometheus that scrape it, one as OpenMetrics, one as protobuf. What they read is what the text says."""
import gzip
import re
import subprocess
import sys
import urllib.request

import lablib
from lablib import expect, expect_equal, wait_for, write
from labprometheus import Prometheus

# Where Debian puts it, whichever Python runs this.
sys.path.append('/usr/lib/python3/dist-packages')
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    lablib.skip('python3-prometheus-client is not installed')

lablib.enter_lab('prometheus', 'promtool')
CHIRON = sys.argv[1]
DIRECTORY = f'{lablib.SCRATCH}/formats'
INSTANCE = '127.0.0.1:10071'
OPENMETRICS = 'application/openmetrics-text; version=1.0.0'
PROTOBUF = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'
# Values that nobody changes, so that readers can be compared at any moment.
FILE = r'''# HELP lab_requests_total Requests.
# TYPE lab_requests_total counter
lab_requests_total{path="C:\\a\"b\nc"} 12345678901
# HELP lab_odd Counter without its suffix.
# TYPE lab_odd counter
lab_odd 3
# HELP lab_clash_total The same name as a gauge but for the suffix.
# TYPE lab_clash_total counter
lab_clash_total 4
# HELP lab_clash A "quoted" word, a \\ and a \n.
# TYPE lab_clash gauge
lab_clash -0.25
# TYPE lab_untyped untyped
lab_untyped{job="mine",exported_job="other"} 1e-300
# TYPE lab_seconds histogram
lab_seconds_bucket{path="/",le="0.5"} 1
lab_seconds_bucket{path="/",le="1"} 2
lab_seconds_bucket{path="/",le="+Inf"} 5
lab_seconds_sum{path="/"} 7.5
lab_seconds_count{path="/"} 5
# TYPE lab_size summary
lab_size{quantile="0.5"} 10
lab_size{quantile="1"} 20
lab_size_sum 200
lab_size_count 15
'''


def fetch(accept, encoding='identity'):
    request = urllib.request.Request(f'http://{INSTANCE}/metrics', headers={'Accept': accept, 'Accept-Encoding': encoding})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read(), answer.headers


def lab_samples(base, job):
    """{series as text: value} of the file, as a Prometheus has stored it."""
    out = {}
    for labels, number in lablib.query(base, '{__name__=~"lab_.*"}'):
        expect_equal(labels.pop('job'), job, 'the label job')
        labels.pop('instance')
        # Bounds are written in another way in each format.
        for name in ('le', 'quantile'):
            if name in labels:
                labels[name] = float(labels[name])
        out[str(sorted(labels.items(), key=str))] = number
    return out


def openmetrics_is_parsed():
    page, headers = fetch(OPENMETRICS)
    expect(headers['Content-Type'].startswith(OPENMETRICS), headers['Content-Type'])
    families = {family.name: family for family in text_string_to_metric_families(page.decode())}
    for name, kind in {'lab_requests': 'counter', 'lab_odd': 'unknown', 'lab_clash_total': 'unknown', 'lab_clash': 'gauge',
                       'lab_untyped': 'unknown', 'lab_seconds': 'histogram', 'lab_size': 'summary',
                       'node_cpu_seconds': 'counter'}.items():
        expect_equal(families[name].type, kind, f'the type of {name}')
    expect_equal(families['lab_clash'].documentation, 'A "quoted" word, a \\ and a \n.', 'HELP')
    expect_equal(families['lab_requests'].samples[0].labels, {'path': 'C:\\a"b\nc'}, 'labels')
    text, _ = fetch('text/plain')
    samples = sum(len(family.samples) for family in families.values())
    expect_equal(samples, sum(1 for line in text.splitlines() if not line.startswith(b'#')), 'samples on both pages')
    print(f'        {len(families)} families with {samples} samples in OpenMetrics')


def text_is_parsed():
    page, _ = fetch('text/plain')
    said = subprocess.run(['promtool', 'check', 'metrics'], input=page, capture_output=True, timeout=60).stderr.decode()
    faults = [line for line in said.splitlines() if re.match(r'(lab_|error)', line) and 'no help text' not in line]
    # These are what the file is for.
    expected = re.compile(r'^lab_(odd counter metrics should have|clash_total non-|size |clash ).*')
    expect(all(expected.match(line) for line in faults), f'promtool: {faults}')


def prometheus_reads_each():
    plain = Prometheus(f'{DIRECTORY}/openmetrics', INSTANCE, port=9191)
    protobuf = Prometheus(f'{DIRECTORY}/protobuf', INSTANCE, port=9192, features=['native-histograms'])
    read = []
    for server, name in ((plain, 'OpenMetrics'), (protobuf, 'protobuf')):
        wait_for(f'{name} to be stored', lambda server=server: lablib.query(server.base, 'lab_requests_total'))
        samples = lab_samples(server.base, 'node')
        print(f'        {len(samples)} samples of the file through {name}')
        read.append(samples)
        expect_equal(lablib.value(server.base, 'scrape_samples_scraped > 100 and up == 1') is not None, True, name)
    expect_equal(read[0], read[1], 'what both have stored')
    # 5 plain ones, 5 of the histogram, 4 of the summary.
    expect_equal(len(read[0]), 14, 'samples')


def compressed_is_the_same():
    zipped, headers = fetch('text/plain', 'gzip')
    expect_equal(headers['Content-Encoding'], 'gzip', 'Content-Encoding')
    plain, _ = fetch('text/plain')
    lines = [{line for line in page.splitlines() if line.startswith((b'lab_', b'#'))} for page in (gzip.decompress(zipped), plain)]
    expect_equal(lines[0], lines[1], 'lines with and without gzip')
    print(f'        {len(plain)} bytes, {len(zipped)} with gzip')


def every_format():
    write(f'{DIRECTORY}/text/lab.prom', FILE)
    lablib.Agent(CHIRON, 'formats', f'''
sampling: {{interval: 500ms}}
collectors: {{textfile: {{directory: '{DIRECTORY}/text'}}}}
rule_files: []
remedy_files: []
''').start()
    wait_for('the file to be on the page', lambda: b'lab_odd' in fetch('text/plain')[0])
    openmetrics_is_parsed()
    text_is_parsed()
    compressed_is_the_same()
    prometheus_reads_each()


lablib.main([('every_format', every_format)])
