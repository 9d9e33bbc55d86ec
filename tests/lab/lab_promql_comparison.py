#!/usr/bin/env python3
"""Chiron and a real Prometheus 2.42 answer the same expressions over the same samples: pages of an agent on this host,
recorded, at the same timestamps. Every answer is equal: values within 1e-9, timestamps, label sets and errors. Where 2.42
is known to differ from 3.x, whose ways are Chiron's, the case is named below; scripts in tests/promql check it."""
import collections
import json
import os
import math
import random
import re
import struct
import subprocess
import sys
import time

import lablib
from lablib import expect, write
from prometheus_writer import WrittenPrometheus
from promql_generator import EVALUATION_MS, Generator, quoted

lablib.enter_lab('prometheus')
CHIRON, ANSWERS = sys.argv[1:3]
del sys.argv[2]  # what follows the agent are names of cases
DIRECTORY = f'{lablib.SCRATCH}/comparison'
SEED = int(os.environ.get('SEED', '4'))
EXPRESSIONS = int(os.environ.get('EXPRESSIONS', '2500'))
PAGES = 44
RELATIVE = 1e-9
INTERVAL_MS = 15_000
INSTANCE = '127.0.0.1:10071'

# Values that a host has seldom: no numbers, what goes down, buckets.
ODD = '''# TYPE lab_odd gauge
lab_odd{kind="nan"} NaN
lab_odd{kind="inf"} +Inf
lab_odd{kind="minus"} -Inf
lab_odd{kind="number"} %(number)s
lab_odd{kind="negative"} -%(number)s
# TYPE lab_requests_total counter
lab_requests_total{path="/a"} %(up)d
lab_requests_total{path="/b"} %(saw)d
# TYPE lab_seconds histogram
lab_seconds_bucket{path="/a",le="0.1"} %(up)d
lab_seconds_bucket{path="/a",le="0.5"} %(up2)d
lab_seconds_bucket{path="/a",le="1"} %(up3)d
lab_seconds_bucket{path="/a",le="+Inf"} %(up3)d
lab_seconds_bucket{path="/b",le="0.1"} 0
lab_seconds_bucket{path="/b",le="+Inf"} %(saw)d
'''


class Recording:
    """Series in the order they appeared, and per frame what a page had."""

    def __init__(self):
        self.numbers = {}  # labels as sorted pairs
        self.frames = []   # (t, {number: value})

    def add(self, t, page):
        frame = {}
        for line in page.splitlines():
            match = re.fullmatch(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)', line)
            if match is None:
                continue
            labels = {key: re.sub(r'\\(.)', lambda escape: '\n' if escape[1] == 'n' else escape[1], text)
                      for key, text in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or '')}
            labels = {'__name__': match[1], 'job': 'node', 'instance': INSTANCE, **labels}
            number = self.numbers.setdefault(tuple(sorted(labels.items())), len(self.numbers))
            frame[number] = float(match[3])
        self.frames.append((t, frame))

    def write(self, path):
        """As promql_answers reads it."""
        lines = ['series {' + ','.join(f'{quoted(name)}={quoted(value)}' for name, value in labels) + '}'
                 for labels in self.numbers]
        for t, frame in self.frames:
            lines.append(f'frame {t}')
            lines.extend(f'{number} {value!r}' for number, value in frame.items())
        return write(path, '\n'.join(lines) + '\n')

    def send(self, prometheus):
        """A series that a page lacks ends there, as when it is scraped."""
        marker = struct.pack('<Q', 0x7ff0000000000002)
        for labels, number in self.numbers.items():
            samples, there = [], False
            for t, frame in self.frames:
                if number in frame or there:
                    samples.append((t, frame.get(number, marker)))
                there = number in frame
            prometheus.add(dict(labels), samples)
        prometheus.flush()


def record():
    """Two lives of an agent, with a hole in each longer than the lookback."""
    dice = random.Random(SEED)
    textfiles = f'{DIRECTORY}/textfiles'
    config = f'''
sampling: {{interval: 100ms}}
collectors: {{textfile: {{directory: ['{textfiles}']}}}}
rule_files: []
remedy_files: []
'''
    recording = Recording()
    t = int(time.time() * 1000) // 3_600_000 * 3_600_000 - PAGES * INTERVAL_MS - 3_600_000
    for life in range(2):
        agent = lablib.Agent(CHIRON, 'comparison', config).start()
        for page in range(PAGES // 2):
            write(f'{textfiles}/odd.prom', ODD % {
                'number': dice.randrange(1, 1000) / 8, 'up': 3 * page, 'up2': 5 * page, 'up3': 7 * page + page % 3,
                'saw': page % 5 * 10})
            time.sleep(0.12)
            t += INTERVAL_MS + dice.randrange(-2000, 2000)
            if page == 15:
                t += 340_000
            # Never on a whole second, nor where evaluations look.
            recording.add(t - t % 1000 + dice.choice((101, 503, 777)), agent.page())
        agent.stop()
        if life == 0:
            t += 2 * INTERVAL_MS
    return recording


def close(ours, theirs):
    a, b = float(ours), float(theirs)
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= RELATIVE * max(abs(a), abs(b))


def same_points(ours, theirs):
    return len(ours) == len(theirs) and all(a[0] == b[0] and close(a[1], b[1]) for a, b in zip(ours, theirs))


def points(one):
    return one['values'] if 'values' in one else [one['value']]


def by_labels(result):
    return {json.dumps(one['metric'], sort_keys=True): points(one) for one in result}


def plain_error(text):
    """Without what words it differently in 3.x: the series of a match group come sorted there."""
    text = re.sub(r'^(invalid parameter "query": )?\d+:\d+: parse error: ', '', text)
    text = re.sub(r'(hand-side of the operation: )\[.*\];', r'\1[...];', text)
    return re.sub(r'match group \{.*?\} on', 'match group {...} on', text)


def difference(ours, theirs, ordered):
    """What differs, "" when nothing does. `ordered`: that the order of values counts."""
    if 'error' in ours or 'error' in theirs:
        a, b = (plain_error(one.get('error', 'an answer')) for one in (ours, theirs))
        return '' if a == b else f'{a!r} instead of {b!r}'
    ours, theirs = ours['data'], theirs['data']
    if ours['resultType'] != theirs['resultType']:
        return f'{ours["resultType"]} instead of {theirs["resultType"]}'
    a, b = ours['result'], theirs['result']
    if ours['resultType'] == 'string':
        return '' if a == b else f'{a} instead of {b}'
    if ours['resultType'] == 'scalar':
        return '' if same_points([a], [b]) else f'{a} instead of {b}'
    if len(a) != len(b) or by_labels(a).keys() != by_labels(b).keys():
        return f'{len(a)} series instead of {len(b)}: {sorted(by_labels(a).keys() ^ by_labels(b).keys())[:4]}'
    theirs, b_in_order = by_labels(b), b
    for labels, values in by_labels(a).items():
        if not same_points(values, theirs[labels]):
            return f'{labels}: {values} instead of {theirs[labels]}'
    if ordered and not same_points([one['value'] for one in a], [one['value'] for one in b_in_order]):
        return 'another order of values'
    if ours['resultType'] == 'matrix' and [one['metric'] for one in a] != [one['metric'] for one in b]:
        return 'another order of series'
    return ''


ORDERED = ('sort(', 'sort_desc(', 'topk(', 'bottomk(')


def otherwise_in_2(expression, ours, theirs, found):
    """The name of a way of 2.42 that 3.x left, where these answers show it. tests/promql/since_prometheus_2.test has that
    of 3.x; what no expression here can meet (ends of windows, names after atan2, ...) is there alone."""
    if ours.get('error', '').startswith('multiple matches for labels') and 'error' not in theirs:
        return 'what a comparison filters away is no second match'
    if re.search(r'timestamp\(.* (?:offset \S+ @|@ \S+ offset)', expression):
        return 'timestamp() of a selector with @ forgets its offset'
    if re.search(r'predict_linear\(.*@', expression) and 'data' in theirs and theirs['data']['resultType'] == 'matrix':
        return 'predict_linear() moves a range on that @ pins'
    if re.search(r'(?:rate|increase)\(', expression) and ' instead of [[' in found:
        return 'rate() and increase() look for zero before they look whether the series starts there'
    return ''


def compare():
    recording = record()
    series = [dict(labels) for labels in recording.numbers]
    first, last = recording.frames[0][0], recording.frames[-1][0]
    samples = sum(len(frame) for _, frame in recording.frames)
    print(f'        {len(series)} series, {samples} samples, {len(recording.frames)} pages over {(last - first) // 1000} s')
    prometheus = WrittenPrometheus(f'{DIRECTORY}/prometheus', port=9190)
    recording.send(prometheus)

    dice = random.Random(SEED)
    times = [t - t % 1000 + EVALUATION_MS for t in range(first + 60_000, last + 60_000, 7_000)]
    queries = []
    for expression in Generator(dice, series, times).expressions(EXPRESSIONS):
        at = dice.choice(times)
        queries.append(('instant', (at,), expression))
        if expression[0] != '"':
            queries.append(('range', (at, at + dice.randrange(2, 9) * 23_000, 23_000), expression))
    lines = ''.join(f'{kind} {" ".join(map(str, numbers))} {expression}\n' for kind, numbers, expression in queries)
    path = recording.write(f'{DIRECTORY}/samples')
    answers = subprocess.run([ANSWERS, path], input=lines, capture_output=True, text=True, timeout=lablib.PATIENCE)
    expect(answers.returncode == 0, f'promql_answers: {answers.stderr}')
    answers = answers.stdout.splitlines()
    expect(len(answers) == len(queries), f'{len(answers)} answers to {len(queries)} queries')

    different, otherwise, empty, errors = [], collections.Counter(), 0, 0
    for (kind, numbers, expression), answer in zip(queries, answers):
        seconds = [f'{number / 1000:.3f}' for number in numbers]
        if kind == 'instant':
            theirs = prometheus.ask('query', query=expression, time=seconds[0])
        else:
            theirs = prometheus.ask('query_range', query=expression, start=seconds[0], end=seconds[1], step=seconds[2])
        ours = json.loads(answer)
        found = difference(ours, theirs, kind == 'instant' and expression.startswith(ORDERED))
        empty += 'data' in theirs and not theirs['data']['result']
        errors += 'error' in theirs
        known = otherwise_in_2(expression, ours, theirs, found) if found else ''
        if known:
            otherwise[known] += 1
        elif found:
            different.append(f'{kind} at {" ".join(seconds)}: {expression}\n          {found[:600]}')
    for one in different[:40]:
        print('        ' + one)
    print(f'        {len(queries)} evaluations of {EXPRESSIONS} expressions, {empty} empty, {errors} errors;'
          f' {len(different)} different')
    for name, count in otherwise.items():
        print(f'        {count} times otherwise in 2.42: {name}')
    prometheus.stop()
    expect(not different, f'{len(different)} answers differ')
    expect(empty + errors < len(queries) / 3, f'only {len(queries) - empty - errors} answers say anything')


lablib.main([('compare', compare)])
