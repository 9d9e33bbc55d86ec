"""What Grafana makes of a dashboard's JSON: its variables, and the queries of its panels and annotations as Prometheus
gets them."""
import glob
import json
import os
import re
import urllib.error
import urllib.parse

import lablib
from lablib import expect


class Query:
    def __init__(self, dashboard, place, expr, *, instant=False, labels=()):
        self.dashboard = dashboard  # the dashboard's uid
        self.place = place          # the title of the panel, or "annotation NAME"
        self.expr = expr
        self.instant = instant
        self.labels = set(labels)   # labels that its legend or its text is made of


def load(folder):
    """uid -> dashboard, of every JSON file of the folder."""
    found = {}
    for path in sorted(glob.glob(f'{folder}/*.json')):
        with open(path, encoding='utf-8') as file:
            dashboard = json.load(file)
        expect(dashboard['uid'] not in found, f'{os.path.basename(path)}: uid {dashboard["uid"]} is there twice')
        found[dashboard['uid']] = dashboard
    expect(found, f'no dashboards in {folder}')
    return found


def panels(dashboard):
    """All but rows; those inside collapsed rows too."""
    for panel in dashboard['panels']:
        if panel['type'] == 'row':
            yield from panel['panels']
        else:
            yield panel


def _labels_of_text(text):
    return re.findall(r'{{\s*(\w+)\s*}}', text)


def columns(panel):
    """The labels that a table shows; its other columns are its queries' values."""
    for step in panel.get('transformations', []):
        if step['id'] == 'organize':
            return [name for name in step['options']['indexByName'] if not name.startswith('Value')]
    return []


def queries(dashboard):
    uid = dashboard['uid']
    for panel in panels(dashboard):
        for target in panel['targets']:
            yield Query(uid, panel['title'], target['expr'], instant=target['instant'],
                        labels=_labels_of_text(target['legendFormat']))
    for annotation in dashboard['annotations']['list']:
        if not annotation.get('builtIn'):
            tags = [tag for tag in annotation['tagKeys'].split(',') if tag]
            text = annotation['titleFormat'] + annotation['textFormat']
            yield Query(uid, 'annotation ' + annotation['name'], annotation['expr'], labels=[*tags, *_labels_of_text(text)])


class Answers:
    """A Prometheus, or a Chiron, asked as Grafana asks it: about the seconds from `start` to `end`, one point a second."""

    def __init__(self, base, *, scrape_interval, start, end):
        self.base = base
        # On whole steps, as Grafana does, the last one included.
        step = 1
        self.start, self.end = int(start), int(end) + step
        # $__rate_interval: Grafana's formula.
        self.values = {'__interval': f'{step}s', '__range': f'{self.end - self.start}s',
                       '__rate_interval': f'{max(step + scrape_interval, 4 * scrape_interval)}s'}

    def _get(self, path, **parameters):
        url = f'{self.base}/api/v1/{path}?' + urllib.parse.urlencode(parameters)
        try:
            answer = json.loads(lablib.http_get(url))
        except urllib.error.HTTPError as fault:
            answer = json.loads(fault.read())
        return self._data(answer, parameters)

    def _post(self, path, **parameters):
        """Queries go out as forms, as data sources of Grafana are set by default."""
        return self._data(json.loads(lablib.http_post(f'{self.base}/api/v1/{path}', parameters)), parameters)

    @staticmethod
    def _data(answer, parameters):
        expect(answer['status'] == 'success', f'{parameters} is answered with {answer.get("error")}')
        return answer['data']

    def expand(self, text, variables):
        def value(match):
            name = match[1] or match[2]
            expect(name in variables or name in self.values, f'{text}: ${name} is no variable')
            return variables.get(name, self.values.get(name))
        return re.sub(r'\$(?:(\w+)|{(\w+)})', value, text)

    def variables(self, dashboard, chosen):
        """name -> value, each from its own query; `chosen` where it is among them, else the first. "All" is .*"""
        known = {}
        for variable in dashboard['templating']['list']:
            name = variable['name']
            if variable['type'] == 'datasource':
                known[name] = 'prometheus'
                continue
            match = re.fullmatch(r'label_values\((.*), (\w+)\)', variable['query']['query'])
            expect(match, f'variable {name}: {variable["query"]} is not understood')
            found = self._get(f'label/{match[2]}/values', **{'match[]': self.expand(match[1], known)})
            expect(found, f'variable {name} has no values')
            expect(chosen.get(name, found[0]) in found, f'variable {name}: {found} without {chosen.get(name)}')
            known[name] = '.*' if variable['includeAll'] else chosen.get(name, found[0])
        return known

    def ask(self, query, variables):
        """The series that answer, each as its labels. NaN is an answer, as Grafana draws a gap for it."""
        expr = self.expand(query.expr, variables)
        if query.instant:
            data = self._post('query', query=expr, time=self.end)
        else:
            data = self._post('query_range', query=expr, start=self.start, end=self.end, step=1)
        if data['resultType'] == 'scalar':
            return [{}]
        return [series['metric'] for series in data['result'] if series.get('values') or series.get('value')]
