#!/usr/bin/env python3
"""Prints the sections of the functions that an agent runs when nothing happens: first those of passes, rules and scrapes,
then those of the health check that comes every five minutes. The linker lays them side by side (cmake/Toolchain.cmake), so
that few pages of the program stay in memory and in the processor's caches.
Names that are gone do no harm, new ones stay where they are; make the list anew when the way of a pass changed much:

  cmake --preset release && cmake --build --preset release
  cmake/hot_functions.py build/bin/chiron > cmake/hot_functions.txt

Needs valgrind (callgrind), and root for the same collectors as on a host.
"""
import gzip
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PASSES_S = 150
SCRAPES = 10
HEALTH_CHECK_S = 200


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def scrape(port):
    request = urllib.request.Request(f'http://127.0.0.1:{port}/metrics', headers={'Accept-Encoding': 'gzip'})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert gzip.decompress(answer.read()).endswith(b'\n')


def wait_for(port):
    for _ in range(600):
        try:
            return scrape(port)
        except OSError:
            time.sleep(0.2)
    sys.exit('the agent did not serve in two minutes')


def functions(path):
    """Symbols of the program's own functions that a callgrind file has, in an order that stays."""
    names, files, ran = {}, {}, set()
    ours = False
    with open(path) as profile:
        for line in profile:
            if not (m := re.match(r'(c?)(fn|ob)=\((\d+)\)(?: (.*))?$', line.rstrip('\n'))):
                continue
            called, what, number, text = m.groups()
            table = names if what == 'fn' else files
            if text:
                table[number] = text
            if called:
                continue
            if what == 'ob':
                ours = table[number].endswith('/chiron')
            elif ours:
                ran.add(table[number])
    return sorted(ran)


def main():
    program = sys.argv[1]
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        out = f'{folder}/profile'
        agent = subprocess.Popen(
            ['valgrind', '--tool=callgrind', '--instr-atstart=no', '--demangle=no', f'--callgrind-out-file={out}',
             program, 'run', '--storage.path', f'{folder}/state', '--web.listen-address', f'127.0.0.1:{port}',
             '--remediation.mode', 'dry-run'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            subprocess.run(['callgrind_control', '-i', 'on', str(agent.pid)], check=True, stdout=subprocess.DEVNULL)
            for _ in range(SCRAPES):
                time.sleep(PASSES_S / SCRAPES)
                scrape(port)
            subprocess.run(['callgrind_control', '--dump', str(agent.pid)], check=True, stdout=subprocess.DEVNULL)
            time.sleep(HEALTH_CHECK_S)
            subprocess.run(['callgrind_control', '-i', 'off', str(agent.pid)], check=True, stdout=subprocess.DEVNULL)
        finally:
            agent.terminate()
            agent.wait(timeout=120)
        often = functions(f'{out}.1')
        for name in often + sorted(set(functions(out)) - set(often)):
            # A clone of seldom run parts (.cold) is in another section.
            # A constructor's section has the name of the one for base classes (C2 in the Itanium C++ ABI), of which
            # that for whole objects (C1) is an alias; a recursive call's name has an ' and a number.
            if not name.endswith('.cold'):
                print('.text.' + name.split("'")[0].replace('C1E', 'C2E'))


main()
