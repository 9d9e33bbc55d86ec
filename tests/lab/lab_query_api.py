#!/usr/bin/env python3
"""Clients not written here ask Chiron what they ask a Prometheus: promtool, a Prometheus that federates from it and
scrapes it, and any client whose mistakes a real Prometheus answers in the same way. Many slow queries keep nobody from
sampling and scraping, and those of clients that went away end."""
import http.client
import json
import select
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import lablib
from lablib import expect, expect_equal, wait_for, write
from labprometheus import Prometheus

lablib.enter_lab('prometheus', 'promtool')
CHIRON = sys.argv[1]
DIRECTORY = f'{lablib.SCRATCH}/api'
INSTANCE = '127.0.0.1:10071'
RULES = '''
groups:
  - name: lab
    interval: 1s
    rules:
      - {record: 'job:up:sum', expr: 'sum by (job) (up)'}
      - {alert: AlwaysThere, expr: 'up == 1', labels: {severity: info}, annotations: {summary: 'on {{ $labels.instance }}'}}
      - {alert: Waits, expr: 'up == 1', for: 1h}
'''
FEDERATION = f'''
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    params: {{'match[]': ['{{job="node"}}', '{{__name__=~"job:.*|ALERTS"}}']}}
    static_configs: [{{targets: ['{INSTANCE}'], labels: {{via: federation}}}}]
'''
SLOW = 'sum_over_time(quantile_over_time(0.5, vector(time())[1000s:1s])[2000000s:1s])'


def start_agent(settings=''):
    write(f'{DIRECTORY}/rules/lab.yml', RULES)
    agent = lablib.Agent(CHIRON, 'api', f'''
sampling: {{interval: 1s}}
identity: {{job: node, instance: '{INSTANCE}', external_labels: {{site: paris}}}}
alertmanagers: [{{url: 'http://127.0.0.1:1'}}]
rule_files: ['{DIRECTORY}/rules/*.yml']
remedy_files: []
{settings}
''').start()
    wait_for('the rules to be evaluated', lambda: lablib.query(agent.base, 'ALERTS{alertname="AlwaysThere"}'))
    return agent


def promtool(*arguments, code=0):
    done = subprocess.run(['promtool', *arguments], capture_output=True, text=True, timeout=lablib.PATIENCE)
    expect_equal(done.returncode, code, f'promtool {" ".join(arguments)}: {done.stdout}{done.stderr}: exit code')
    return done.stdout + done.stderr


def promtool_asks():
    agent = start_agent()
    wait_for('some history', lambda: lablib.value(agent.base, 'count_over_time(up[1m]) >= 5'))
    base = agent.base
    expect(promtool('query', 'instant', base, 'up').startswith(f'up{{instance="{INSTANCE}", job="node"}} => 1 @['),
           'promtool shows up')
    end = time.time()
    out = promtool('query', 'range', base, 'up', f'--start={end - 3:.3f}', f'--end={end:.3f}', '--step=1s')
    expect(out.count('1 @[') >= 3, f'a range of up: {out}')
    answer = json.loads(promtool('query', 'range', '-o', 'json', base, 'vector(2)', '--start=0', '--end=60', '--step=30s'))
    expect_equal(answer, [{'metric': {}, 'values': [[0, '2'], [30, '2'], [60, '2']]}], 'a range as JSON')
    expect_equal(promtool('query', 'series', base, '--match=up', '--match=job:up:sum').split('\n')[:2],
                 ['{__name__="job:up:sum", job="node"}', f'{{__name__="up", instance="{INSTANCE}", job="node"}}'],
                 'series')
    expect_equal(promtool('query', 'labels', base, 'job'), 'node\n', 'label values')
    expect('AlwaysThere' in promtool('query', 'labels', base, 'alertname'), 'the alert has a label')
    expect('bad_data' in promtool('query', 'instant', base, 'sum(', code=1), 'a mistake is told')
    page = lablib.http_get(base + '/federate?match[]=%7Bjob%3D%22node%22%7D')
    checked = subprocess.run(['promtool', 'check', 'metrics'], input=page, capture_output=True, text=True,
                             timeout=lablib.PATIENCE)
    expect(checked.returncode in (0, 3), f'promtool does not read the page: {checked.stderr[-500:]}')
    expect_equal(agent.stop(), 0, 'exit code')


def points(base, selector):
    """{labels: {time: value}} of a range vector."""
    answer = json.loads(lablib.http_get(f'{base}/api/v1/query?' + urllib.parse.urlencode({'query': selector})))
    return {json.dumps(one['metric'], sort_keys=True): {t: value for t, value in one['values']}
            for one in answer['data']['result']}


def prometheus_federates():
    agent = start_agent()
    prometheus = Prometheus(f'{DIRECTORY}/federation', INSTANCE, jobs=FEDERATION)
    wait_for('the federation', lambda: lablib.value(prometheus.base, 'up{job="federate"} == 1'))
    # With the labels, external ones too, and the times of Chiron; what is scraped lacks the site.
    mine = '{site="paris"}'
    wait_for('some samples', lambda: lablib.value(prometheus.base, f'count_over_time(node_load1{mine}[1m]) >= 5'))
    theirs = points(prometheus.base, '{__name__=~"node_load1|job:up:sum|node_memory_MemFree_bytes",site="paris"}[1m]')
    ours = points(agent.base, '{__name__=~"node_load1|job:up:sum|node_memory_MemFree_bytes"}[1m]')
    expect_equal(len(theirs), 3, f'federated series: {list(theirs)}')
    compared = 0
    for labels, samples in theirs.items():
        named = {name: value for name, value in json.loads(labels).items() if name not in ('site', 'via')}
        if 'instance' not in json.loads(labels):
            named.pop('instance', None)
        own = ours.get(json.dumps(named, sort_keys=True))
        expect(own is not None, f'{labels} is none of {list(ours)}')
        for t, value in samples.items():
            expect_equal(own.get(t), value, f'{labels} at {t}')
            compared += 1
    print(f'        {compared} federated samples, each with the time and the value it has here')
    expect(lablib.query(prometheus.base, 'ALERTS{alertname="AlwaysThere",alertstate="firing",site="paris"}'),
           'alerts are federated')
    # And scraped, beside it.
    expect_equal(lablib.value(prometheus.base, 'up{job="node",site=""}'), 1.0, 'up of the scrape')
    expect(lablib.value(prometheus.base, 'node_load1{site=""}') is not None, 'the scrape has data')
    prometheus.stop()
    expect_equal(agent.stop(), 0, 'exit code')


def ask(base, path, *, form=None, parts=False):
    """Status, body as JSON where it is. A form is urlencoded, or multipart/form-data with `parts`."""
    request = urllib.request.Request(base + path, data=None if form is None else urllib.parse.urlencode(form).encode())
    if parts:
        fields = ''.join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form)
        request.data = (fields + '--b--\r\n').encode()
        request.add_header('Content-Type', 'multipart/form-data; boundary=b')
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, body = answer.status, answer.read().decode()
    except urllib.error.HTTPError as fault:
        status, body = fault.code, fault.read().decode()
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body.strip()


# Asked of both: status, type of error and message are to be the same.
SAME_ERRORS = ('''
query?query=up&timeout=x
query_range?query=up
query_range?query=up&start=x&end=1&step=1
query_range?query=up&start=5&end=1&step=1
query_range?query=up&start=1&end=5&step=0
query_range?query=up&start=1&end=5&step=-1
query_range?query=up&start=1&end=5&step=x
query_range?query=up&start=1&end=5&step=1e300
query_range?query=up&start=1&end=50000&step=1
series
series?match[]={}
series?match[]={a=~".*"}
series?match[]=up[5m]
series?match[]=up[
series?match[]=sum(up)
labels?match[]=up up
labels?match[]={}
labels?match[]=up[
labels?match[]=sum(up)
labels?match[]=up offset 5m
labels?match[]=up-up
labels?match[]=up$
labels?match[]=1
label/job/values?match[]=up[
metadata?limit=x
rules?type=x
targets/metadata?limit=x
query_exemplars?query=up&start=3&end=2
query_exemplars?query=up up
format_query?query=up up
''')
# The message of 3.14 where 2.42 has another, or does not know the parameter: asked of Chiron alone.
NEWER_ERRORS = {
    'query': 'invalid parameter "query": unknown position: parse error: no expression found in input',
    'format_query': 'invalid parameter "query": unknown position: parse error: no expression found in input',
    'query?query=up&time=x':
        'invalid parameter "time": invalid time value for \'time\': cannot parse "x" to a valid timestamp',
    'series?match[]=up&start=x':
        'invalid parameter "start": invalid time value for \'start\': cannot parse "x" to a valid timestamp',
    'labels?end=x': 'invalid parameter "end": invalid time value for \'end\': cannot parse "x" to a valid timestamp',
    'labels?match[]=': 'unknown position: parse error: unexpected end of input',
    'query_range?query=up[1m]&start=1&end=5&step=1':
        'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    'query?query=up&lookback_delta=a':
        'error parsing lookback delta duration: cannot parse "a" to a valid duration',
    'query?query=up&limit=x': 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax',
    'rules?match[]=up[': '1:3: parse error: unexpected "["',
    'rules?group_limit=x': 'invalid parameter "group_limit": group_limit needs to be a valid number: '
                           'strconv.ParseInt: parsing "x": invalid syntax',
    'rules?exclude_alerts=x': 'invalid parameter "exclude_alerts": error converting exclude_alerts: '
                              'strconv.ParseBool: parsing "x": invalid syntax',
    'status/tsdb?limit=0': 'limit must be a positive number',
    'status/tsdb?limit=100000': 'limit must not exceed 10000',
}
# Status and type of error are to be the same; the words are those of another version.
SAME_TYPES = ('''
query?query=up[
query?query=sum(
query?query=rate(up)
query?query=up[5m
query?query=foo bar
query?query=label_replace(up,"a","b","c","(")
query?query=up * on() {job!=""}
query?query=up + on(job) group_left() {__name__=~".+"}
labels?match[]=)
labels?match[]=
label/job/values?match[]=)
targets/metadata?match_target={
query_exemplars?query=)
format_query?query=)
query?query=up&timeout=0
rules/test/test
nope
query?query=up
query?query=1
query?query="a"
query?query=up&time=2020-01-01T00:00:00Z
query?query=up[1m]
query?query=up&timeout=5s
query_range?query=up&start=0&end=11000&step=1
labels
label/job/values
label/nothing/values
series?match[]=up
metadata?limit=1
metadata?metric=up
targets
targets?state=active
targets?state=dropped
targets?state=bogus
query?query=up&stats=true
query?query=1&time=9e15
query?query=1&time=NaN
query?query=1&time=2020-01-01t00:00:00z
query?query=1&time=2020-01-01T00:00:00,5Z
query_exemplars?query=1
targets/metadata?limit=1
rules
rules?type=alert
alerts
alertmanagers
query_exemplars?query=up&start=1&end=2
status/config
status/flags
status/runtimeinfo
status/buildinfo
status/tsdb
status/walreplay
format_query?query=sum(up)by(job)
''')


def shape(json_value):
    """Names and kinds, of the first element of a list; the names of what is known by its names alone are none."""
    if isinstance(json_value, dict):
        return {name: shape(value) for name, value in json_value.items()}
    if isinstance(json_value, list):
        return [shape(json_value[0])] if json_value else []
    return type(json_value).__name__ if not isinstance(json_value, (int, float)) or isinstance(json_value, bool) else 'number'


def covers(ours, theirs, place=''):
    """That what Prometheus' answer has, ours has too, of the same kind."""
    if isinstance(theirs, dict):
        expect(isinstance(ours, dict), f'{place}: {ours} for {theirs}')
        for name, kind in theirs.items():
            expect(name in ours, f'{place}: no {name} among {sorted(ours)}')
            covers(ours[name], kind, f'{place}.{name}')
    elif isinstance(theirs, list) and theirs and ours:
        covers(ours[0], theirs[0], place + '[]')
    elif not isinstance(theirs, list):
        expect_equal(ours, theirs, place)


# What a Go program tells of itself, chunks of its own store, names that are not ours, and what depends on the server.
NOT_HERE = {'goroutineCount', 'GOMAXPROCS', 'GOGC', 'GODEBUG', 'GOMEMLIMIT', 'chunkCount'}


def without(json_value, names):
    if isinstance(json_value, dict):
        return {name: without(value, names) for name, value in json_value.items() if name not in names}
    return [without(one, names) for one in json_value] if isinstance(json_value, list) else json_value


def prometheus_answers_alike():
    agent = start_agent()
    prometheus = Prometheus(f'{DIRECTORY}/alike', INSTANCE, f'{DIRECTORY}/rules/*.yml')
    wait_for('its rules to be evaluated', lambda: lablib.query(prometheus.base, 'ALERTS{alertname="AlwaysThere"}'))
    faults, asked = [], 0
    for table, exactly in ((SAME_ERRORS, True), (SAME_TYPES, False)):
        for line in table.strip().splitlines():
            name, _, query = line.partition('?')
            pairs = [tuple(pair.split('=', 1)) for pair in query.split('&') if pair]
            path = f'/api/v1/{name}' + ('?' + urllib.parse.urlencode(pairs) if pairs else '')
            asked += 1
            try:
                (our_status, ours), (status, theirs) = ask(agent.base, path), ask(prometheus.base, path)
                expect_equal(our_status, status, f'status ({ours})')
                if isinstance(theirs, dict):
                    expect_equal(ours.get('errorType'), theirs.get('errorType'), f'error type ({ours})')
                    if exactly:
                        expect(status >= 400, 'is no mistake')
                        expect_equal(ours['error'], theirs['error'], 'message')
                    elif name not in ('status/config', 'status/flags', 'metadata'):
                        covers(shape(ours), shape(without(theirs, NOT_HERE)))
                # What takes a form gives the same answer to it, and what does not refuses it.
                # Prometheus reads multipart/form-data for queries only; here all that take a form take that, too.
                for parts in (False, True) if name != 'series' else (False,):
                    posted, answer = ask(agent.base, f'/api/v1/{name}', form=pairs, parts=parts)
                    wanted, _ = ask(prometheus.base, f'/api/v1/{name}', form=pairs, parts=parts)
                    expect_equal(posted, wanted, f'status of the form ({answer})')
            except lablib.Failure as fault:
                faults.append(f'{line}: {fault}')
    for line, message in NEWER_ERRORS.items():
        name, _, query = line.partition('?')
        pairs = [tuple(pair.split('=', 1)) for pair in query.split('&') if pair]
        asked += 1
        try:
            status, answer = ask(agent.base, f'/api/v1/{name}?' + urllib.parse.urlencode(pairs))
            expect_equal((status, answer['errorType'], answer['error']), (400, 'bad_data', message), 'answer')
        except lablib.Failure as fault:
            faults.append(f'{line}: {fault}')
    for query in ('', '?match[]={}', '?match[]=up%20up', '?match[]=up['):
        path = '/federate' + query
        asked += 1
        if ask(agent.base, path) != ask(prometheus.base, path):
            faults.append(f'{path}: {ask(agent.base, path)} for {ask(prometheus.base, path)}')
    expect(not faults, f'{asked} requests, {len(faults)} faults:\n' + '\n'.join(faults))
    print(f'        {asked} requests answered as Prometheus answers them')
    prometheus.stop()
    expect_equal(agent.stop(), 0, 'exit code')


def slow_query(connection):
    body = urllib.parse.urlencode({'query': SLOW, 'timeout': '90s'})
    connection.request('POST', '/api/v1/query', body, {'Content-Type': 'application/x-www-form-urlencoded'})


def slow_queries_starve_nobody():
    agent = start_agent()
    connections = [http.client.HTTPConnection(INSTANCE, timeout=lablib.PATIENCE) for _ in range(40)]
    for connection in connections:
        slow_query(connection)

    def refused():
        for connection in connections:
            # The question below was let in before it.
            if select.select([connection.sock], [], [], 0)[0]:
                connection.getresponse().read()
                slow_query(connection)
        status, answer = ask(agent.base, '/api/v1/query?query=1&timeout=1s')
        expect_equal(answer.get('errorType'), 'unavailable', f'type of error with 20 that run and 20 that wait ({status})')
        return status == 503
    wait_for('20 queries to run and 20 to wait', refused)
    slowest = 0.0
    before = json.loads(lablib.http_get(agent.base + '/api/v1/health'))['passes']
    began = time.monotonic()
    for _ in range(10):
        asked = time.monotonic()
        expect('node_load1' in agent.page(), 'a page')
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.5)
    took = time.monotonic() - began
    passes = json.loads(lablib.http_get(agent.base + '/api/v1/health'))['passes'] - before
    print(f'        beside 20 queries: {passes} passes in {took:.1f} s, the slowest scrape took {slowest * 1000:.0f} ms')
    expect(passes >= took * 0.6, f'{passes} passes in {took:.1f} s, one a second wanted')
    expect(slowest < 3, f'a scrape took {slowest:.1f} s')
    for connection in connections:
        # A reset tells as well as an end.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        connection.close()
    wait_for('the queries of those who left to end', lambda: ask(agent.base, '/api/v1/query?query=1&timeout=1s')[0] == 200,
             timeout=30)
    # Its end does not wait for queries.
    connection = http.client.HTTPConnection(INSTANCE, timeout=lablib.PATIENCE)
    slow_query(connection)
    time.sleep(0.2)
    asked = time.monotonic()
    expect_equal(agent.stop(), 0, 'exit code')
    expect(time.monotonic() - asked < 5, 'stopping waits for a query')


def an_interrupted_command_ends_its_query():
    agent = start_agent('query: {max_concurrency: 1}')

    def status():
        return ask(agent.base, '/api/v1/query?query=1&timeout=200ms')[0]
    command = subprocess.Popen([CHIRON, 'query', SLOW, '--config.file', agent.config, '--storage.path', agent.state],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for('the query to keep others waiting', lambda: status() == 503)
    command.send_signal(signal.SIGINT)
    command.wait(timeout=lablib.PATIENCE)
    asked = time.monotonic()
    wait_for('the query to end', lambda: status() == 200)
    expect(time.monotonic() - asked < 5, f'it ended {time.monotonic() - asked:.1f} s after its command')
    expect_equal(agent.stop(), 0, 'exit code')


def the_command_line_draws():
    agent = start_agent()
    wait_for('some history', lambda: lablib.value(agent.base, 'count_over_time(up[1m]) >= 5'))
    environment = dict(os.environ, LC_ALL='C.UTF-8', COLUMNS='60')
    arguments = ['node_load1', '--start', '10s', '--step', '1s', '--config.file', agent.config, '--storage.path', agent.state]
    for locale, dots in (('C.UTF-8', True), ('C', False)):
        environment['LC_ALL'] = locale
        drawn = lablib.run(CHIRON, 'query', *arguments, env=environment).stdout
        expect_equal(any('\u2800' < c <= '\u28ff' for c in drawn), dots, f'dots with LC_ALL={locale}: {drawn}')
        expect_equal(drawn.isascii(), not dots, 'plain ASCII')
        expect('UTC' in drawn and 'node_load1{' in drawn and 'LAST' in drawn, drawn)
        expect(max(map(len, drawn.split('\n\n')[0].splitlines())) <= 60, f'wider than the terminal: {drawn}')
    answer = json.loads(lablib.run(CHIRON, 'query', '--json', *arguments).stdout)
    expect_equal(answer['data']['resultType'], 'matrix', 'type')
    expect('VALUE' in agent.cli('query', 'up').stdout, 'a table')
    expect('VALUE' in agent.cli('query', 'up', '--time', '2s').stdout, 'a table of a moment ago')
    expect_equal(agent.stop(), 0, 'exit code')


lablib.main([('promtool_asks', promtool_asks), ('prometheus_federates', prometheus_federates),
             ('prometheus_answers_alike', prometheus_answers_alike),
             ('slow_queries_starve_nobody', slow_queries_starve_nobody),
             ('an_interrupted_command_ends_its_query', an_interrupted_command_ends_its_query),
             ('the_command_line_draws', the_command_line_draws)])
