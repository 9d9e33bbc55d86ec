#!/usr/bin/env python3
"""Every family, type, label and value of Debian's node_exporter is on Chiron's page: on this host, with a Btrfs of two
disks, an XFS and some network devices added, and over every captured tree."""
import glob
import os
import subprocess
import sys

import lablib
from lablib import SOURCES, expect, expect_equal, run, wait_for

lablib.enter_lab('prometheus-node-exporter')
CHIRON = sys.argv[1]
COMPARE = f'{SOURCES}/tests/lab/compare_node_exporter.py'


class TreeAgent(lablib.Agent):
    """An agent that takes a captured tree for the host."""

    def __init__(self, tree):
        super().__init__(CHIRON, os.path.basename(tree), '{rule_files: [], remedy_files: []}\n')
        self.tree = tree

    def options(self):
        return [*super().options(), '--path.procfs', f'{self.tree}/proc', '--path.sysfs', f'{self.tree}/sys',
                '--path.rootfs', f'{self.tree}/root', '--collector.interrupts']


def compare(agent, *options):
    done = subprocess.run([sys.executable, COMPARE, '--chiron', f'{agent.base}/metrics', *options],
                          capture_output=True, text=True, timeout=lablib.PATIENCE)
    expect(done.returncode == 0, f'differs from node_exporter:\n{done.stdout[-4000:]}{done.stderr[-2000:]}')
    print(f'        {done.stdout.splitlines()[-1]}')


def try_to(what, *commands):
    """Whether this kernel and this machine can do it."""
    for command in commands:
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=lablib.PATIENCE)
        if done.returncode != 0:
            print(f'        no {what}: {done.stderr.strip()[-200:]}')
            return False
    return True


def mount_btrfs():
    images = [lablib.make_image(f'{lablib.SCRATCH}/btrfs{number}.img', 128) for number in range(2)]
    os.makedirs(f'{lablib.SCRATCH}/btrfs')
    # A loop device that is let go while it is mounted goes with the mount.
    return try_to('Btrfs', f'''set -e; one=$(losetup -f --show {images[0]}); two=$(losetup -f --show {images[1]})
        trap 'losetup -d $one $two' EXIT
        mkfs.btrfs -q -L lab -d raid1 -m raid1 $one $two
        mount -t btrfs -o device=$one,device=$two $one {lablib.SCRATCH}/btrfs''')


def mount_xfs():
    image = lablib.make_image(f'{lablib.SCRATCH}/xfs.img', 320)
    os.makedirs(f'{lablib.SCRATCH}/xfs')
    return try_to('XFS', f'mkfs.xfs -q {image}', f'mount -o loop {image} {lablib.SCRATCH}/xfs')


def this_host():
    # The devices of this network namespace, not of the machine.
    run('mount', '-t', 'sysfs', 'sysfs', '/sys')
    run('sh', '-ec', 'ip link add lab0 type veth peer name lab1; ip link set lab0 up; ip link set lab1 up alias "the peer"')
    wanted = {'node_cpu_seconds_total', 'node_memory_MemAvailable_bytes', 'node_network_info', 'node_uname_info',
              'node_network_receive_nohandler_total', 'node_vmstat_pgfault', 'node_netstat_Tcp_InSegs',
              'node_interrupts_total'}
    if mount_btrfs():
        wanted |= {'node_btrfs_info', 'node_btrfs_device_size_bytes', 'node_btrfs_allocation_ratio', 'node_btrfs_device_errors_total'}
    if mount_xfs():
        wanted |= {'node_xfs_read_calls_total'}
    for name in ('btrfs', 'xfs'):
        if os.path.ismount(f'{lablib.SCRATCH}/{name}'):
            lablib.write(f'{lablib.SCRATCH}/{name}/file', 'text' * 4096)
            os.sync()
    agent = lablib.Agent(CHIRON, 'live', '{rule_files: [], remedy_files: [], collectors: {interrupts: true}}\n').start()
    compare(agent, *(f'--need={name}' for name in sorted(wanted)))
    # Nobody is kept from unmounting what is watched.
    for name in ('btrfs', 'xfs'):
        if os.path.ismount(f'{lablib.SCRATCH}/{name}'):
            run('umount', f'{lablib.SCRATCH}/{name}')
    wait_for('the series of Btrfs to end', lambda: 'node_btrfs_' not in agent.page())
    expect_equal(agent.log('collector failed'), [], 'failures of collectors')
    agent.stop()


def captured_trees():
    for tree in sorted(os.path.dirname(proc) for proc in glob.glob(f'{SOURCES}/tests/fixtures/*/proc')):
        agent = TreeAgent(tree).start()
        compare(agent, '--tree', tree)
        agent.stop()


lablib.main([('this_host', this_host), ('captured_trees', captured_trees)])
