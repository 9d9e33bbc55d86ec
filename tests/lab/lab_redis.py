#!/usr/bin/env python3
"""A real Redis of 100,000 keys that is almost full: the shipped rule fires, prune-redis removes the 40,000 keys that
are idle and match, and none of the 60,000 others; metric, log and ledger agree."""
import json
import sys

import lablib
import labredis
from lablib import expect, expect_equal, wait_for, write

lablib.enter_lab('redis-server')
CHIRON = sys.argv[1]
DAY = 86400

REMEDY = '''
remedies:
  - name: prune-cache
    on:
      alerts: ['alertname="RedisMemoryHigh"', 'severity="critical"']
    target: '{{ $labels.target }}'
    targets: ['127.0.0.1:*']
    steps:
      - cache.prune: {server: '{{ $target }}', patterns: ['cache:*', 'page:?:*'], idle: 1d, timeout: 5m}
    policy: {mode: dry-run, cooldown: 30m, budget: {runs: 3, per: 6h}}
'''


def make_agent(name, redis, remedy_files, remedy):
    directory = f'{lablib.SCRATCH}/{name}'
    rules = lablib.shipped_rules('redis', hasten=lambda length: '1s' if length == '1m' else '2s')
    write(f'{directory}/redis.rules.yml', rules['redis'])
    return lablib.Agent(CHIRON, name, f'''
sampling: {{interval: 500ms}}
probes:
  - {{name: cache, redis: '{redis.address}', interval: 1s}}
rule_files: ['{directory}/redis.rules.yml']
remedy_files: ['{remedy_files}']
remedies: {{{remedy}: {{mode: automatic}}}}
''')


def ended_run(agent, redis):
    expect(wait_for('the agent to see the server',
                    lambda: lablib.query(agent.base, f'redis_up{{target="{redis.address}"}} == 1')), 'redis_up')
    redis.limit_to(0.97)
    runs = wait_for('the run to end', lambda: [row for row in agent.acted() if row['finished']])
    expect_equal(len(runs), 1, 'runs')
    expect_equal((runs[0]['state'], runs[0]['target'], runs[0]['alert']),
                 ('succeeded', redis.address, 'RedisMemoryHigh'), f'the run {json.dumps(runs[0], indent=1)}')
    wait_for('the alert to be resolved',
             lambda: not lablib.query(agent.base, 'ALERTS{alertname="RedisMemoryHigh",severity="critical"}'))
    return runs


def exactly_the_idle_ones():
    redis = labredis.Redis(6390)
    idle = [f'cache:{n}' for n in range(30000)] + [f'page:{n % 10}:{n}' for n in range(10000)]
    used = [f'cache:used:{n}' for n in range(20000)]
    others = [f'session:{n}' for n in range(20000)] + [f'page:10:{n}' for n in range(5000)]
    fresh = [f'queue:{n}' for n in range(15000)]
    redis.fill(idle, idle_seconds=2 * DAY)
    # An hour short of the time that the remedy names.
    redis.fill(used, idle_seconds=DAY - 3600)
    redis.fill(others, idle_seconds=30 * DAY)
    redis.fill(fresh, idle_seconds=0)
    before = redis.keys()
    expect_equal(len(before), 100000, 'keys')
    agent = make_agent('idle', redis, write(f'{lablib.SCRATCH}/remedy.yml', REMEDY), 'prune-cache').start()
    used_before = int(redis.info('used_memory'))
    runs = ended_run(agent, redis)
    seen = used_before - int(redis.info('used_memory'))
    left = redis.keys()
    expect(left == before - set(idle),
           f'{len(before - set(idle) - left)} keys too many are gone, {len(left & set(idle))} too few')
    expect_equal(runs[0]['removed_objects'], 40000, 'removed objects in the ledger')
    lablib.expect_agreement(agent, 'prune-cache', 'succeeded', runs)
    expect(seen > 40000 * 200, f'the server gave back only {seen} bytes')
    # Buffers of connections and the hash table that shrinks move meanwhile.
    expect(abs(runs[0]['freed_bytes'] - seen) < seen / 10,
           f'freed {runs[0]["freed_bytes"]} bytes by the ledger, {seen} by used_memory')
    print(f'        40,000 of 100,000 keys, {runs[0]["freed_bytes"]} bytes, {runs[0]["duration_seconds"]:.2f} s')
    expect_equal(agent.stop(), 0, 'exit code')
    redis.stop()


def shipped_remedy():
    """The shipped prune-redis, armed: idle keys go until memory is below its target, used ones stay."""
    redis = labredis.Redis(6391)
    fresh = [f'used:{n}' for n in range(20000)]
    redis.fill([f'idle:{n}' for n in range(30000)], idle_seconds=2 * DAY)
    redis.fill(fresh, idle_seconds=0)
    agent = make_agent('shipped', redis, 'shipped:prune-redis', 'prune-redis').start()
    runs = ended_run(agent, redis)
    share = int(redis.info('used_memory')) / int(redis.info('maxmemory'))
    left = redis.keys()
    expect(left.issuperset(fresh), 'keys in use are gone')
    expect(0.6 < share <= 0.81, f'{share:.1%} of the memory is used, the target is 80 %')
    expect(len(left) > len(fresh), 'more keys are gone than needed')
    expect_equal(runs[0]['removed_objects'], 50000 - len(left), 'removed objects in the ledger')
    lablib.expect_agreement(agent, 'prune-redis', 'succeeded', runs)
    expect_equal(agent.stop(), 0, 'exit code')
    redis.stop()


lablib.main([('exactly_the_idle_ones', exactly_the_idle_ones), ('shipped_remedy', shipped_remedy)])
