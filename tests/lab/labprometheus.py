"""A Prometheus of the lab's own that scrapes an agent every second, and how its alerts compare with the agent's."""
import json
import subprocess

import lablib
from lablib import expect, expect_equal, wait_for, write

SCRAPE_INTERVAL = 1


class Prometheus:
    """Scrapes `instance` as job "node", and loads the rule files that `rules` match. `jobs`: further scrape_configs."""

    def __init__(self, directory, instance, *rules, port=9190, features=(), jobs=''):
        self.base = f'http://127.0.0.1:{port}'
        config = write(f'{directory}/prometheus.yml', f'''
global: {{scrape_interval: {SCRAPE_INTERVAL}s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: {json.dumps(rules)}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ['{instance}']}}]
{jobs}''')
        with open(f'{directory}/prometheus.log', 'wb') as log:
            self.process = subprocess.Popen(
                ['prometheus', f'--config.file={config}', f'--storage.tsdb.path={directory}/tsdb',
                 f'--web.listen-address=127.0.0.1:{port}',
                 *[f'--enable-feature={feature}' for feature in features]], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for('Prometheus to be ready', lambda: lablib.http_get(self.base + '/-/ready'))
        wait_for('Prometheus to have scraped', lambda: lablib.query(self.base, 'up{job="node"} == 1'))

    def stop(self):
        self.process.kill()
        self.process.wait()


def firing(base, names):
    """The alerts of these names, each as its labels in one order."""
    found = lablib.query(base, f'ALERTS{{alertstate="firing",alertname=~"{"|".join(names)}"}}')
    return sorted(json.dumps(labels, sort_keys=True) for labels, _ in found)


def expect_alike(agent, prometheus, fault, wanted):
    """`wanted`: for each alert labels by which to find it. Waits until both have them all, and the same."""
    names = sorted({labels['alertname'] for labels in wanted})

    def look():
        ours, theirs = firing(agent.base, names), firing(prometheus.base, names)
        for labels in wanted:
            expect(any(labels.items() <= json.loads(one).items() for one in ours), f'{labels} not among {ours}')
        only = {'Chiron': sorted(set(ours) - set(theirs)), 'Prometheus': sorted(set(theirs) - set(ours))}
        expect(not any(only.values()), f'only one of them has {only}')
        return ours

    both = wait_for(f'both to have the same alerts for {fault}', look)
    print(f'        {fault}: {len(both)} alerts alike')


def expect_resolved(agent, prometheus, selector):
    for base in (agent.base, prometheus.base):
        wait_for(f'{base} to resolve {selector}', lambda base=base: not lablib.query(base, f'ALERTS{selector}'))


def expect_same_up(agent, instance):
    """That queries of the agent see the series that a Prometheus would add to a scrape."""
    expect_equal(lablib.query(agent.base, 'up'), [({'__name__': 'up', 'job': 'node', 'instance': instance}, 1.0)], 'up')
