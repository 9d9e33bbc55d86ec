#!/usr/bin/env python3
"""The commands that annotations and comments of the shipped files tell people to type are commands of the program.

Usage: commands_test.py CHIRON SOURCE_DIR
"""
import glob
import re
import subprocess
import sys

CHIRON, SOURCE = sys.argv[1], sys.argv[2]
FILES = ["rules/packs/*.yml", "alerting/*.yml", "remediation/remedies/*.yml"]
# Where a command ends and the sentence goes on.
END = re.compile(r"[;:,)]|\.(?:\s|$)|\s(?:and|for|its|lists|on|shows|tells|then|what)\b")


def help_of(words):
    return subprocess.run([CHIRON, *words, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout


def section(text, title):
    return re.findall(r"^  (\S+)", (text.split(f"\n{title}:\n") + [""])[1].split("\n\n")[0], re.M)


def fault_of(command):
    """What is wrong with the command, or None."""
    words, rest = [], command.split()
    text = help_of(words)
    while rest and rest[0] in section(text, "Commands"):
        words.append(rest.pop(0))
        text = help_of(words)
    if not words or section(text, "Commands"):
        return f"no such command: {' '.join(['chiron', *words, *rest[:1]])}"
    positionals = len(section(text, "Arguments"))
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            positionals -= 1
        elif not re.search(rf"^  (-\w,)?{word}\b", text, re.M):
            return f"no option {word}"
        elif re.search(rf"^  (-\w,)?{word} [A-Z]", text, re.M) and rest:
            rest.pop(0)
    return None if positionals >= 0 else "too many arguments"


def main():
    checked = faults = 0
    for path in sorted(path for pattern in FILES for path in glob.glob(f"{SOURCE}/{pattern}")):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"\s+(# )?", " ", re.sub(r"\{\{.*?\}\}", "LABEL", file.read()))
        for match in re.finditer(r"(?<![\w/.-])chiron ", text):
            if re.search(r"(?:-u|status|restart|name:) $", text[:match.start()]):
                continue  # a unit's name
            command = END.split(text[match.end():], maxsplit=1)[0].split("'")[0].strip()
            checked += 1
            if fault := fault_of(command):
                faults += 1
                print(f"{path}: chiron {command}: {fault}")
    print(f"{checked} commands, {faults} faults")
    return 1 if faults or checked < 5 else 0


sys.exit(main())
