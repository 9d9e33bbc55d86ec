#!/usr/bin/env python3
"""Reads a JUnit file of ctest: prints "PASSED FAILED SKIPPED", then the name of each test that failed, a line each.

Exit code 1, and nothing printed, where the file cannot be read or holds no test: a run of nothing is not a pass.
"""
import sys
import xml.etree.ElementTree as ElementTree


def main(path):
    try:
        cases = ElementTree.parse(path).getroot().findall("testcase")
    except (OSError, ElementTree.ParseError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    if not cases:
        print(f"{path}: no test in it", file=sys.stderr)
        return 1
    skipped = sum(case.find("skipped") is not None for case in cases)
    failed = [case.get("name") for case in cases if case.get("status") not in ("run", "disabled", "notrun")]
    failed += [case.get("name") for case in cases if case.get("status") == "notrun" and case.find("skipped") is None]
    print(len(cases) - skipped - len(failed), len(failed), skipped)
    print("\n".join(failed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
