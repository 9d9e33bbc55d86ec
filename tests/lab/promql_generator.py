"""Expressions at random, the same ones for the same seed and series: every function, operator, aggregation, matcher and
modifier that Prometheus 2.42 and 3.x have in common.

What is well defined differs from what two programs compute alike to the last bit, so that an expression is built from two
kinds of vectors: exact ones, whose values are samples or counts, and others, which went through a sum or a division. What
jumps (a comparison, floor(), %) or cancels out (a difference) gets exact ones only."""
import collections

# Durations are whole seconds, as the evaluation times less EVALUATION_MS are: no sample lies on the end of a window, where
# 2.42 takes one more.
EVALUATION_MS = 337
RANGES = ('47s', '1m10s', '2m', '5m', '7m30s')
OFFSETS = ('15s', '1m', '3m20s', '-30s', '-2m')
STEPS = ('', '7s', '20s', '1m')

EXACT_OVER_TIME = ('min_over_time', 'max_over_time', 'last_over_time', 'count_over_time', 'present_over_time', 'changes',
                   'resets', 'idelta')
OVER_TIME = ('rate', 'increase', 'irate', 'delta', 'deriv', 'avg_over_time', 'sum_over_time', 'stddev_over_time',
             'stdvar_over_time')
EXACT_AGGREGATIONS = ('min', 'max', 'count', 'group')
AGGREGATIONS = ('sum', 'avg', 'stddev', 'stdvar')
JUMPING = ('abs', 'ceil', 'floor', 'sgn', 'round')
DATES = ('day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute', 'month', 'year')
SMOOTH = ('exp', 'ln', 'log2', 'log10', 'sqrt', 'deg', 'rad')
TRIGONOMETRY = ('sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh')
COMPARISONS = ('==', '!=', '>', '<', '>=', '<=')
NUMBERS = ('0', '1', '2.5', '-3', '1e3', '0x1F', '.5', '60', '1024', '1e9')


def quoted(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n') + '"'


class Generator:
    """`series`: label sets, with __name__. `at`: times in ms that samples surround."""

    def __init__(self, random, series, at):
        self.random = random
        self.at = at
        self.series = collections.defaultdict(list)
        for labels in series:
            self.series[labels['__name__']].append(labels)
        self.names = sorted(name for name, found in self.series.items() if len(found) <= 40)
        self.buckets = sorted(name for name in self.names if name.endswith('_bucket'))

    def one(self, *choices):
        return self.random.choice(choices)

    def chance(self, probability):
        return self.random.random() < probability

    # Selectors

    def matcher(self, labels):
        name = self.one(*sorted(labels))
        value = labels[name]
        kind = self.random.randrange(7)
        if kind < 2:
            return f'{name}={quoted(value)}'
        if kind == 2:
            return f'{name}!={quoted(value)}'
        if kind == 3:
            return f'{name}=~{quoted(self._literal(value[:2]) + ".*")}'
        if kind == 4:
            return f'{name}!~{quoted(self._literal(value) + "|none")}'
        if kind == 5:
            return f'{name}=~{quoted(self._literal(value) + "|(?i:LO|sda)")}'
        return self.one('nolabel=""', 'nolabel=~".*"', 'nolabel!="x"', f'{name}!=""', f'{name}=~".+"')

    @staticmethod
    def _literal(text):
        return ''.join(c if c.isalnum() or c in '_/ ' else '.' for c in text)

    def modifiers(self):
        parts = []
        if self.chance(0.25):
            parts.append('offset ' + self.one(*OFFSETS))
        if self.chance(0.15):
            at = self.one(*self.at)
            parts.append('@ ' + self.one(f'{at // 1000}.{EVALUATION_MS}', 'start()', 'end()'))
        self.random.shuffle(parts)
        return ''.join(' ' + part for part in parts)

    def bare_selector(self, name=None):
        name = name or self.one(*self.names)
        labels = {key: value for key, value in self.one(*self.series[name]).items() if key != '__name__'}
        matchers = [self.matcher(labels) for _ in range(self.one(0, 0, 0, 1, 1, 2))]
        if self.chance(0.1):
            return '{' + ','.join([f'__name__={quoted(name)}'] + matchers) + '}'
        return name + ('{' + ', '.join(matchers) + self.one('', ',') + '}' if matchers else '')

    def selector(self):
        return self.bare_selector() + self.modifiers()

    def matrix(self, depth):
        if depth <= 0 or self.chance(0.8):
            return f'{self.bare_selector()}[{self.one(*RANGES)}]{self.modifiers()}'
        inner = self.exact(depth - 1)
        return f'({inner})[{self.one(*RANGES)}:{self.one(*STEPS)}]{self.modifiers()}'

    # Scalars

    def scalar(self, depth):
        kind = self.random.randrange(8)
        if depth <= 0 or kind < 4:
            return self.one(*NUMBERS)
        if kind == 4:
            return self.one('time()', 'pi()')
        if kind == 5:
            return f'scalar({self.exact(depth - 1)})'
        if kind == 6:
            return f'({self.scalar(depth - 1)} {self.one("+", "*", "/")} {self.one(*NUMBERS)})'
        return f'({self.one(*NUMBERS)} {self.one(*COMPARISONS)} bool {self.one(*NUMBERS)})'

    # Vectors

    def grouping(self):
        labels = sorted(self.one(*self.series[self.one(*self.names)]))
        chosen = sorted({self.one(*labels, 'job', 'instance', 'device', 'cpu', 'mode') for _ in range(self.one(0, 1, 1, 2))})
        return self.one('', '', f' by ({", ".join(chosen)}) ', f' without ({", ".join(chosen)}) ')

    def aggregation(self, operator, operand, parameter=None):
        arguments = f'({parameter}, {operand})' if parameter is not None else f'({operand})'
        grouping = self.grouping()
        return operator + arguments + grouping.rstrip() if self.chance(0.3) else operator + grouping + arguments

    def matching(self):
        """What is matched on, and which side may be many."""
        if self.chance(0.4):
            return ''
        on = self.one('on (instance)', 'on (job, instance)', 'on (device)', 'on (cpu, instance)', 'on ()', 'ignoring (mode)',
                      'ignoring (device)', 'ignoring (cpu, mode)', 'on (cpu, mode, device, instance, mountpoint)')
        return on + self.one('', '', ' group_left ()', ' group_right ()', ' group_left (release)', ' group_right (kind)')

    def exact(self, depth):
        """A vector whose values are samples, counts, or follow from them without rounding."""
        if depth <= 0 or self.chance(0.15):
            return self.selector()
        kind = self.random.randrange(15)
        inner = depth - 1
        if kind < 2:
            return f'{self.one(*EXACT_OVER_TIME)}({self.matrix(inner)})'
        if kind == 2:
            return self.aggregation(self.one(*EXACT_AGGREGATIONS), self.exact(inner))
        if kind == 3:
            # Of selectors: what other functions give comes in a map's order to each step of a range query, which is
            # what decides among equal values.
            return self.aggregation(self.one('topk', 'bottomk'), self.selector(), self.one('1', '2', '3', '5', '0'))
        if kind == 4:
            return self.aggregation('count_values', self.exact(inner), self.one('"value"', '"job"'))
        if kind == 5:
            return f'{self.one(*JUMPING)}({self.exact(inner)})'
        if kind == 6:
            return f'timestamp({self.selector()})'
        if kind == 7:
            operator = self.one(*COMPARISONS)
            sides = [self.exact(inner), self.one(*NUMBERS)]
            self.random.shuffle(sides)
            return f'({sides[0]} {operator}{self.one("", "", " bool")} {sides[1]})'
        if kind == 8:
            return f'({self.exact(inner)} {self.one("and", "or", "unless")} {self.set_matching()} {self.exact(inner)})'
        if kind == 9:
            return self.relabelled(self.exact(inner))
        if kind == 10:
            return f'{self.one("absent", "sort", "sort_desc")}({self.exact(inner)})'
        if kind == 11:
            return f'absent_over_time({self.matrix(inner)})'
        if kind == 12:
            low, high = sorted((self.random.randrange(100), self.random.randrange(10000)))
            return self.one(f'clamp({self.exact(inner)}, {low}, {high})', f'clamp_min({self.exact(inner)}, {low})',
                            f'clamp_max({self.exact(inner)}, {high})')
        if kind == 13:
            same = self.selector()
            return f'({same} {self.one(*COMPARISONS)}{self.one("", " bool")} {self.matching()} {self.selector()})'
        return f'vector({self.one(*NUMBERS)})'

    def set_matching(self):
        return self.one('', '', 'on (instance)', 'on (device)', 'ignoring (mode)', 'on ()', 'ignoring (cpu, device)')

    def relabelled(self, operand):
        if self.chance(0.4):
            sources = ', '.join(quoted(self.one('job', 'device', 'cpu', 'mode', 'instance')) for _ in range(self.one(0, 1, 2, 3)))
            return f'label_join({operand}, "joined", "-"{", " + sources if sources else ""})'
        source = self.one('instance', 'device', 'cpu', 'mode', 'job')
        regex, replacement = self.one(('(.*)', 'x-$1'), ('(.).*', '$1'), ('([a-z]+)(.*)', '${2}_$1'), ('none', 'y'), ('.*', ''),
                                      ('(?P<first>.).*', '$first$$'))
        return f'label_replace({operand}, {quoted(self.one("copy", source))}, {quoted(replacement)}, "{source}", {quoted(regex)})'

    def vector(self, depth):
        if depth <= 0 or self.chance(0.2):
            return self.exact(depth)
        kind = self.random.randrange(16)
        inner = depth - 1
        if kind < 3:
            return f'{self.one(*OVER_TIME)}({self.matrix(inner)})'
        if kind == 3:
            return f'predict_linear({self.matrix(inner)}, {self.one("60", "3600", "-30")})'
        if kind == 4:
            return f'quantile_over_time({self.one("0.5", "0.9", "0", "1", "-1", "2")}, {self.matrix(inner)})'
        if kind < 7:
            return self.aggregation(self.one(*AGGREGATIONS), self.exact(inner))
        if kind == 7:
            return self.aggregation('sum', f'rate({self.matrix(0)})')
        if kind == 8:
            return self.aggregation('quantile', self.exact(inner), self.one('0.5', '0.99', '0', '1', '-0.1', '1.1'))
        if kind == 9:
            return f'{self.one(*SMOOTH)}({self.vector(inner)})'
        if kind == 10:
            return f'{self.one(*TRIGONOMETRY)}({self.exact(inner)} % 7)'
        if kind == 11:
            return f'{self.one(*DATES)}({self.exact(inner)})'
        if kind == 12 and self.buckets:
            buckets = self.bare_selector(self.one(*self.buckets))
            of = self.one(buckets, f'rate({buckets}[5m])', f'sum by (le) (rate({buckets}[2m]))')
            return f'histogram_quantile({self.one("0.5", "0.9", "0.99", "0", "1", "-1", "2")}, {of})'
        if kind == 13:
            sides = [self.exact(inner), self.scalar(inner)]
            self.random.shuffle(sides)
            return f'({sides[0]} {self.one("+", "-", "*", "/", "%")} {sides[1]})'
        if kind == 14:
            return f'({self.exact(inner)} {self.one("+", "-", "*", "/", "%")} {self.matching()} {self.exact(inner)})'
        return self.one(f'-{self.selector()}', f'(abs({self.selector()}) atan2 {self.matching()} abs({self.selector()}))',
                        f'({self.exact(inner)} ^ {self.one("2", "0.5", "-1")})', f'+{self.selector()}')

    def each(self):
        """Everything there is, once over each of some selectors."""
        for _ in range(8):
            yield from (f'{name}({self.matrix(0)})' for name in EXACT_OVER_TIME + OVER_TIME)
            yield from (self.aggregation(name, self.selector()) for name in EXACT_AGGREGATIONS + AGGREGATIONS)
            yield from (f'{name}({self.selector()})' for name in JUMPING + SMOOTH + DATES)
            yield from (f'{name}({self.selector()} % 3)' for name in TRIGONOMETRY)
            yield from (f'{self.selector()} {operator} {self.matching()} {self.selector()}'
                        for operator in COMPARISONS + ('+', '-', '*', '/', '%'))
        yield from (f'{name}()' for name in DATES + ('time', 'pi'))
        yield '"a string"'

    def expressions(self, count):
        """At least `count`."""
        found = list(self.each())
        while len(found) < count:
            found.append(self.one(self.vector, self.exact, self.scalar)(self.one(1, 2, 3, 4)))
        return found
