#!/usr/bin/env python3
"""The dashboards without a server: structure that Grafana takes without complaint, metrics that docs/metrics.md has, links
that lead somewhere, thresholds that are the rules'. That every query answers is tests/lab/lab_dashboards.py's to see.

Usage: dashboards_test.py SOURCE_DIR
"""
import glob
import json
import os
import re
import sys

import yaml

SOURCE = sys.argv[1]
SCHEMA_VERSION = 39  # Grafana 10.3; later ones migrate it
BUILT_IN = {'__interval', '__rate_interval', '__range', '__url_time_range'}
COLORS = {'warning': 'orange', 'critical': 'red'}
faults = []


def fault(where, what):
    faults.append(f'{where}: {what}')


def documented_metrics():
    patterns = []
    with open(f'{SOURCE}/docs/metrics.md', encoding='utf-8') as file:
        for line in file:
            match = re.match(r'\| `([^`]+)` \| (\w+) \|', line)
            if match:
                suffix = '(_bucket|_sum|_count)' if match[2] == 'histogram' else ''
                patterns.append(re.escape(match[1]).replace(r'\*', '.*') + suffix)
    return re.compile('|'.join(patterns + ['up']))


def alert_thresholds():
    """alert -> severity -> the number that its expression is compared with."""
    found = {}
    for path in glob.glob(f'{SOURCE}/rules/packs/*.rules.yml') + glob.glob(f'{SOURCE}/alerting/*.rules.yml'):
        with open(path, encoding='utf-8') as file:
            for group in yaml.safe_load(file)['groups']:
                for rule in group['rules']:
                    if 'alert' not in rule:
                        continue
                    numbers = re.findall(r'> ([0-9.]+)', rule['expr'])
                    severities = found.setdefault(rule['alert'], {})
                    severities[rule['labels']['severity']] = float(numbers[-1]) if numbers else None
    return found


METRICS, ALERTS = documented_metrics(), alert_thresholds()


def check_expr(where, expr, variables):
    for name in re.findall(r'\$\{?(\w+)', expr):
        if name not in variables | BUILT_IN:
            fault(where, f'${name} is no variable: {expr}')
    without_text = re.sub(r'"[^"]*"', '""', expr)
    for name, matchers in re.findall(r'([a-zA-Z_:][\w:]*)\{([^}]*)\}', without_text):
        if not METRICS.fullmatch(name):
            fault(where, f'{name} is not in docs/metrics.md')
        labels = re.findall(r'(\w+)\s*[=!]', matchers)
        if 'job' not in labels or 'instance' not in labels:
            fault(where, f'{name} is asked of every job or instance: {expr}')
    rest = re.sub(r'[\w:]+\{[^}]*\}|\[[^]]*\]|\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)', ' ', without_text)
    for name, call in re.findall(r'([a-zA-Z_]\w*)\s*(\(?)', rest):
        if not call and name not in ('and', 'or', 'unless', 'bool', 'by'):
            fault(where, f'{name} has no selector: {expr}')


def check_thresholds(where, panel):
    match = re.search(r'thresholds of (?:the alert )?(\w+)', panel['description'])
    if not match or match[1] not in ALERTS:
        return
    wanted = sorted((value, COLORS[severity]) for severity, value in ALERTS[match[1]].items())
    steps = panel['fieldConfig']['defaults']['thresholds']['steps']
    got = sorted((step['value'], step['color']) for step in steps if step['value'] is not None)
    if got != wanted:
        fault(where, f'thresholds {got}, while {match[1]} has {wanted}')


def check_table(where, panel):
    """That each override and the sorting name a column that there is, by its heading."""
    organize = [step['options'] for step in panel['transformations'] if step['id'] == 'organize'][0]
    headings = {organize['renameByName'].get(name, name) for name in organize['indexByName']}
    named = [o['matcher']['options'] for o in panel['fieldConfig']['overrides'] if o['matcher']['id'] == 'byName']
    named += [column['displayName'] for column in panel['options'].get('sortBy', [])]
    for name in named:
        if name not in headings:
            fault(where, f'there is no column {name!r} among {sorted(headings)}')
    values = {name for name in organize['indexByName'] if name.startswith('Value #')}
    values |= {name for name in organize['excludeByName'] if name.startswith('Value #')}
    several = {f'Value #{t["refId"]}' for t in panel['targets']} if len(panel['targets']) > 1 else set()
    if values != several:
        fault(where, f'columns of {sorted(values)}, queries of {sorted(several)}')


def check_panel(where, panel, variables, uids):
    if panel['datasource'] != {'type': 'prometheus', 'uid': '${datasource}'}:
        fault(where, 'is tied to a data source')
    if not panel.get('description', '').strip():
        fault(where, 'has no description')
    for name in re.findall(r'\b(?:Host|Unit|Service|Probe|Container|Redis|Chiron)[A-Z]\w+', panel['description']):
        if name not in ALERTS:
            fault(where, f'speaks of an alert {name} that no shipped rule has')
    refs = [target['refId'] for target in panel['targets']]
    if not refs or len(set(refs)) != len(refs):
        fault(where, f'queries are named {refs}')
    for target in panel['targets']:
        check_expr(where, target['expr'], variables)
        if target['instant'] == target['range']:
            fault(where, f'query {target["refId"]} is to be instant or over a range')
        if (target['format'] == 'table') != (panel['type'] == 'table'):
            fault(where, f'query {target["refId"]} has the format of another kind of panel')
    defaults = panel['fieldConfig']['defaults']
    if panel['type'] in ('stat', 'timeseries', 'bargauge') and 'unit' not in defaults:
        fault(where, 'has no unit')
    for link in defaults.get('links', []):
        match = re.match(r'/d/([\w-]+)\?', link['url'])
        if not match or match[1] not in uids:
            fault(where, f'links to {link["url"]}, which is none of {sorted(uids)}')
    check_thresholds(where, panel)
    if panel['type'] == 'table':
        check_table(where, panel)


def check_grid(where, panels):
    taken = {}
    for panel in panels:
        grid = panel['gridPos']
        if grid['x'] < 0 or grid['w'] < 1 or grid['h'] < 1 or grid['x'] + grid['w'] > 24:
            fault(where, f'{panel["title"]} leaves the grid: {grid}')
        for x in range(grid['x'], grid['x'] + grid['w']):
            for y in range(grid['y'], grid['y'] + grid['h']):
                other = taken.setdefault((x, y), panel['title'])
                if other != panel['title']:
                    fault(where, f'{panel["title"]} lies over {other}')
                    return


def check_variables(where, variables):
    names = [variable['name'] for variable in variables]
    if names[:3] != ['datasource', 'job', 'instance']:
        fault(where, f'variables are {names}')
    for i, variable in enumerate(variables):
        if variable['type'] == 'query':
            query = variable['query']['query']
            if query != variable['definition']:
                fault(where, f'variable {variable["name"]} is defined twice, differently')
            known = set(names[:i])
            metric = re.match(r'label_values\((\w+)', query)
            if not metric or not METRICS.fullmatch(metric[1]):
                fault(where, f'variable {variable["name"]} comes from no documented metric: {query}')
            for name in re.findall(r'\$(\w+)', query):
                if name not in known:
                    fault(where, f'variable {variable["name"]} needs ${name} before it')
    return set(names)


def check_dashboard(name, dashboard, uids):
    if dashboard['schemaVersion'] != SCHEMA_VERSION:
        fault(name, f'schemaVersion {dashboard["schemaVersion"]}')
    if 'id' in dashboard or '__inputs' in dashboard:
        fault(name, 'carries what belongs to one Grafana')
    variables = check_variables(name, dashboard['templating']['list'])
    inside = [panel for row in dashboard['panels'] if row['type'] == 'row' for panel in row['panels']]
    for row in dashboard['panels']:
        if row['type'] == 'row' and bool(row['panels']) != row['collapsed']:
            fault(name, f'row {row["title"]}: panels belong inside a collapsed row, and beside an open one')
    everything = dashboard['panels'] + inside
    ids = [panel['id'] for panel in everything]
    if len(set(ids)) != len(ids):
        fault(name, f'panel ids are used twice: {sorted(i for i in set(ids) if ids.count(i) > 1)}')
    titles = [panel['title'] for panel in everything if panel['type'] != 'row']
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        fault(name, f'two panels are called {title}')
    check_grid(name, dashboard['panels'])
    check_grid(name, inside)
    for panel in everything:
        if panel['type'] != 'row':
            check_panel(f'{name}, {panel["title"]}', panel, variables, uids)
    annotations = [one for one in dashboard['annotations']['list'] if not one.get('builtIn')]
    if 'chiron_remedy_runs_total' not in ' '.join(one['expr'] for one in annotations):
        fault(name, 'does not show runs as annotations')
    for one in annotations:
        check_expr(f'{name}, annotation {one["name"]}', one['expr'], variables)
    linked = [link for link in dashboard['links'] if link['type'] == 'dashboards']
    if not any(set(link['tags']) & set(dashboard['tags']) and link['includeVars'] and link['keepTime'] for link in linked):
        fault(name, 'does not link to the others with its variables and its time')


def main():
    dashboards = {}
    for path in sorted(glob.glob(f'{SOURCE}/dashboards/*.json')):
        with open(path, encoding='utf-8') as file:
            dashboards[os.path.basename(path)] = json.load(file)
    uids = [dashboard['uid'] for dashboard in dashboards.values()]
    if len(set(uids)) != len(uids) or not uids:
        fault('dashboards', f'uids are {uids}')
    for name, dashboard in dashboards.items():
        if dashboard['uid'] != 'chiron-' + name.removesuffix('.json'):
            fault(name, f'has the uid {dashboard["uid"]}')
        check_dashboard(name, dashboard, set(uids))
    print('\n'.join(faults) if faults else f'{len(dashboards)} dashboards are sound')
    sys.exit(1 if faults else 0)


main()
