#!/usr/bin/env python3
"""Runs template_cases.txt and template_faults.txt through Prometheus' own promtool: what Chiron is held to is
what Prometheus gives and refuses.

template_oracle.py [--show]: --show prints what promtool found in place of each case that fails.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

CASES = pathlib.Path(__file__).with_name("template_cases.txt")
FAULTS = pathlib.Path(__file__).with_name("template_faults.txt")
LABELS = '{instance="db-1.example.com:9100",n="a",path="a/b c&d"}'
SAMPLES = {
    'up{instance="a",job="x"}': 1,
    'up{instance="b",job="x"}': 0,
    'load{instance="b"}': 2.5,
    'load{instance="a"}': 7,
    'load{instance="c"}': 3,
    "big": 123456789,
}
DEFINITIONS = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}"
    "{{$value := .Value}}"
)
SKIPPED_TESTS = 77


def read_cases():
    """(line, template, expected, value, only for Prometheus 3)"""
    value, newer, template = "1.5", False, None
    for number, line in enumerate(CASES.read_text().splitlines(), 1):
        if line.startswith("\t"):
            yield number - 1, template.replace("⏎", "\n"), line[1:].replace("⏎", "\n"), value, newer
            newer = False
        elif line.startswith("value "):
            value = line.removeprefix("value ")
        elif line.startswith("@3 "):
            newer = True
        elif line and not line.startswith("#"):
            template = line


def expected_text(name, expected):
    if not expected.startswith("! "):
        return expected
    offset, rest = expected.removeprefix("! ").split(" ", 1)
    # 2.42 has a float64 there and not an interface.
    rest = rest.replace("Value interface {} }", "Value float64 }").replace("x in type interface {}", "x in type float64")
    where = f"template: {name}:1:{len(DEFINITIONS) + int(offset)}: executing \"{name}\" at {rest}"
    return f"<error expanding template: error executing template {name}: {where}>"


def accepted_faults():
    """The templates of FAULTS that promtool does not refuse, and how many it does."""
    templates = [
        line.replace("⏎", "\n") for line in FAULTS.read_text().splitlines() if line and line[0] not in "#\t"
    ]
    rules = [{"alert": f"Fault{i}", "expr": "v", "annotations": {"t": text}} for i, text in enumerate(templates)]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.yml"
        path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}, ensure_ascii=False))
        run = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60)
    accepted = [text for i, text in enumerate(templates) if f'"Fault{i}"' not in run.stdout + run.stderr]
    return accepted, len(templates) - len(accepted)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    if shutil.which("promtool") is None:
        print("promtool is not installed")
        return SKIPPED_TESTS
    rules, tests, values, compared = [], [], {}, 0
    for line, template, expected, value, newer in read_cases():
        if newer:
            continue
        compared += 1
        metric = "v" if value == "1.5" else values.setdefault(value, f"v{len(values)}")
        name = f"Line{line}"
        rules.append({"alert": name, "expr": metric, "annotations": {"t": template}})
        labels = {"instance": "db-1.example.com:9100", "n": "a", "path": "a/b c&d"}
        alert = {"exp_labels": labels, "exp_annotations": {"t": expected_text("__alert_" + name, expected)}}
        tests.append({"eval_time": "1m", "alertname": name, "exp_alerts": [alert]})
    series = [{"series": name, "values": f"{value} {value}"} for name, value in SAMPLES.items()]
    series += [{"series": name + LABELS, "values": f"{value} {value}"} for value, name in values.items()]
    series.append({"series": "v" + LABELS, "values": "1.5 1.5"})
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}, ensure_ascii=False))
        test = {
            "interval": "1m",
            "input_series": series,
            "external_labels": {"site": "paris"},
            "external_url": "http://chiron.example:9101/base",
            "alert_rule_test": tests,
        }
        (folder / "test.yml").write_text(
            json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}, ensure_ascii=False)
        )
        run = subprocess.run(
            ["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=60
        )
    output = run.stdout + run.stderr
    if run.returncode != 0:
        print(output if options.show else output[:20000])
        return 1
    accepted, refused = accepted_faults()
    for template in accepted:
        print(f"promtool accepts {template}")
    print(f"{compared} templates, 0 different; {refused} faults refused")
    return 1 if accepted else 0


if __name__ == "__main__":
    sys.exit(main())
