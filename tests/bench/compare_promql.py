#!/usr/bin/env python3
"""Chiron beside a real Prometheus on the same series: what the evaluation of a rule costs, and a range query of a day.

Usage: compare_promql.py [BINARY] [--full]    (default build/bin/chiron_rules_cost; `cmake --build --preset bench`)

Both have the same samples in memory: of as many series as stated, 100 to a metric name at least, every 15 s, around the
time of the run; Prometheus got them by remote write, into its head. Both evaluate the same rule file every 5 s: thresholds
on values, on rates and on extremes of five minutes, sums by label, ratios, predictions; one in five is recorded. CPU is
what the scheduler counted for all threads of the process over some rounds after the first ones, less what it uses in as
much time without rules, divided by the rules evaluated in that time, as Prometheus itself counts them. Rules of ours are evaluated back to back, without the seconds in between.

The range query has a step of 15 s over 24 hours, over 50 series: of Prometheus its CPU to answer by HTTP, from blocks of
`promtool tsdb create-blocks-from openmetrics`, of Chiron that of the evaluation and of writing the same JSON. Both of the
second of two runs.

By default up to 10,000 series; --full goes to 100,000, which takes 16 minutes.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lab'))
from prometheus_writer import WrittenPrometheus  # pylint: disable=wrong-import-position

ARGUMENTS = [argument for argument in sys.argv[1:] if not argument.startswith('--')]
BINARY = os.path.abspath(ARGUMENTS[0] if ARGUMENTS else 'build/bin/chiron_rules_cost')
FULL = '--full' in sys.argv
SERIES = [1_000, 10_000, 100_000] if FULL else [1_000, 10_000]
RULES = [10, 100, 1_000]
NAMES = 100
STEP = 15_000
BEFORE, AFTER = 80, 16  # samples before and after the run
PORT = 9196

EXPRESSIONS = (
    ('alert', '{a} > 1e15'),
    ('alert', 'rate({a}[5m]) > 1e15'),
    ('record', 'sum by (job, mode) (rate({a}[5m]))'),
    ('alert', 'avg by (instance, cpu) ({a}) > 1e15'),
    ('alert', 'max_over_time({a}[5m]) > 1e15 and on (cpu, mode) {b} > 0'),
    ('alert', '{a} / ignoring (unit) {b} > 1e15'),
    ('record', 'increase({a}[2m])'),
    ('alert', 'predict_linear({a}[5m], 3600) < -1e15'),
    ('alert', 'absent({a})'),
    ('alert', 'topk(3, {a}) > 1e15'),
)


def series_of(count):
    per_name = max(1, count // NAMES)
    for number in range(count):
        name, place = divmod(number, per_name)
        yield {'__name__': f'bench_metric_{name}_total', 'job': 'node', 'instance': '10.0.0.1:9100',
               'cpu': str(place // 8), 'mode': f'mode-{place % 8}'}


def value(number, step):
    """Counters at a pace of their own; every seventh stands still."""
    return float(number + step * (number % 7) * 3)


def write_samples(path, series, times):
    with open(path, 'w', encoding='utf-8') as file:
        for labels in series:
            file.write('series {' + ','.join(f'{name}="{text}"' for name, text in labels.items()) + '}\n')
        for step, t in enumerate(times):
            file.write(f'frame {t}\n')
            file.writelines(f'{number} {value(number, step):.0f}\n' for number in range(len(series)))


def write_rules(path, count):
    groups = []
    for number in range(count):
        if number % 10 == 0:
            groups.append({'name': f'group-{number}', 'interval': '5s', 'rules': []})
        kind, text = EXPRESSIONS[number % len(EXPRESSIONS)]
        name = number // len(EXPRESSIONS) % NAMES
        expr = text.format(a=f'bench_metric_{name}_total', b=f'bench_metric_{(name + 1) % NAMES}_total')
        title = f'job:bench_{number}:value' if kind == 'record' else f'Bench{number}'
        groups[-1]['rules'].append({kind: title, 'expr': expr})
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'groups': groups}, file)


def evaluations(prometheus):
    """Rule evaluations so far, and those missed."""
    total = missed = 0.0
    with urllib.request.urlopen(prometheus.base + '/metrics', timeout=30) as page:
        for line in page.read().decode().splitlines():
            if line.startswith('prometheus_rule_evaluations_total{'):
                total += float(line.rpartition(' ')[2])
            elif line.startswith(('prometheus_rule_evaluation_failures_total{', 'prometheus_rule_group_iterations_missed_total{')):
                missed += float(line.rpartition(' ')[2])
    return total, missed


def prometheus_rules(prometheus, rules, count):
    """CPU seconds per evaluation of a rule, less what it uses without any."""
    write_rules(rules, 0)
    prometheus.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    began, cpu = time.monotonic(), prometheus.cpu_seconds()
    time.sleep(4)
    idle = (prometheus.cpu_seconds() - cpu) / (time.monotonic() - began)
    write_rules(rules, count)
    prometheus.process.send_signal(signal.SIGHUP)
    before = evaluations(prometheus)[0]
    while evaluations(prometheus)[0] < before + 2 * count:
        time.sleep(0.2)
    began, cpu, start = time.monotonic(), prometheus.cpu_seconds(), evaluations(prometheus)[0]
    # Asking it for its numbers costs as much as some rules: seldom.
    time.sleep(15)
    while evaluations(prometheus)[0] < start + 3 * count:
        time.sleep(3)
        if time.monotonic() - began > 60:
            break
    used = prometheus.cpu_seconds() - cpu - idle * (time.monotonic() - began)
    return used / (evaluations(prometheus)[0] - start)


def bench_rules(directory):
    print('CPU per evaluation of a rule, in microseconds')
    print(f'{"series":>8} {"rules":>6} {"Prometheus":>12} {"Chiron":>10} {"ratio":>7}')
    for count in SERIES:
        series = list(series_of(count))
        now = int(time.time() * 1000) // 1000 * 1000
        times = range(now - BEFORE * STEP, now + AFTER * STEP, STEP)
        samples, rules = f'{directory}/samples-{count}', f'{directory}/rules.yml'
        write_samples(samples, series, times)
        write_rules(rules, 0)
        prometheus = WrittenPrometheus(f'{directory}/prometheus-{count}', rules, port=PORT, interval='5s')
        try:
            for number, labels in enumerate(series):
                prometheus.add(labels, [(t, value(number, step)) for step, t in enumerate(times)])
            prometheus.flush()
            for rule_count in RULES:
                theirs = prometheus_rules(prometheus, rules, rule_count)
                done = subprocess.run([BINARY, 'rules', samples, rules, str(now)], capture_output=True, text=True, check=True)
                evaluated, used, _ = done.stdout.split()
                ours = float(used) / float(evaluated)
                print(f'{count:8} {rule_count:6} {theirs * 1e6:12.1f} {ours * 1e6:10.2f} {theirs / ours:6.1f}x', flush=True)
        finally:
            prometheus.stop()
        os.unlink(samples)


RANGES = (
    'bench_metric_0_total',
    'rate(bench_metric_0_total[5m])',
    'sum by (mode) (rate(bench_metric_0_total[5m]))',
    'avg_over_time(bench_metric_0_total[1h])',
    'max_over_time(rate(bench_metric_0_total[5m])[30m:1m])',
    'bench_metric_0_total / on (cpu, mode) group_left () bench_metric_0_total > 0',
)


def bench_range(directory):
    steps = 24 * 3600 * 1000 // STEP
    series = [labels for labels in series_of(50 * NAMES) if labels['__name__'] == 'bench_metric_0_total']
    end = int(time.time() * 1000) // STEP * STEP - 3_600_000
    times = range(end - (steps + 300) * STEP, end + STEP, STEP)
    samples, text = f'{directory}/samples-range', f'{directory}/openmetrics'
    write_samples(samples, series, times)
    with open(text, 'w', encoding='utf-8') as file:
        file.write('# TYPE bench_metric_0 counter\n')
        for number, labels in enumerate(series):
            inside = ','.join(f'{name}="{text}"' for name, text in labels.items() if name != '__name__')
            file.writelines(f'{labels["__name__"]}{{{inside}}} {value(number, step):.0f} {t / 1000:.3f}\n'
                            for step, t in enumerate(times))
        file.write('# EOF\n')
    data = f'{directory}/prometheus-range'
    subprocess.run(['promtool', 'tsdb', 'create-blocks-from', 'openmetrics', text, data + '/tsdb'], check=True,
                   stdout=subprocess.DEVNULL)
    start = end - steps * STEP + STEP
    window = [str(start), str(end), str(STEP)]
    prometheus = WrittenPrometheus(data, port=PORT)
    print(f'\nA range query of 24 h with a step of 15 s over {len(series)} series, CPU in milliseconds')
    print(f'{"Prometheus":>12} {"Chiron":>10} {"ratio":>7}  query')
    try:
        ours = subprocess.run([BINARY, 'range', samples, *window, *(query for query in RANGES for _ in range(2))],
                              capture_output=True, text=True, check=True).stdout.splitlines()[1::2]
        for query, mine in zip(RANGES, ours):
            for _ in range(2):
                before = prometheus.cpu_seconds()
                answer = prometheus.ask('query_range', query=query, start=start / 1000, end=end / 1000, step=STEP / 1000)
                theirs = prometheus.cpu_seconds() - before
            used, found, points = mine.split()
            result = answer['data']['result']
            if len(result) != int(found) or sum(len(one['values']) for one in result) != int(points):
                raise SystemExit(f'{query}: {found} series and {points} points, of Prometheus {len(result)} and '
                                 f'{sum(len(one["values"]) for one in result)}')
            print(f'{theirs * 1e3:12.1f} {float(used) * 1e3:10.2f} {theirs / float(used):6.1f}x  {query}', flush=True)
    finally:
        prometheus.stop()


def main():
    directory = tempfile.mkdtemp(prefix='chiron-compare-promql-')
    try:
        bench_rules(directory)
        bench_range(directory)
    finally:
        shutil.rmtree(directory)


main()
