#!/usr/bin/env python3
"""Usage: supervise.py SECONDS VMM-ARGUMENT...: run a VM for so long, then have it shut down.

Only the standard library is used. The control socket is one end of a pair, so there is no file; the
same lines of JSON drive QEMU. The program is $VMM, or vmm."""

import json
import os
import socket
import subprocess
import sys


def main():
    ours, theirs = socket.socketpair()
    with theirs:
        vm = subprocess.Popen(
            [os.environ.get("VMM", "vmm"), "--control", f"fd={theirs.fileno()}", *sys.argv[2:]],
            pass_fds=[theirs.fileno()])
    lines = ours.makefile("rwb")

    def execute(command):
        lines.write(json.dumps({"execute": command}).encode())
        lines.flush()
        for line in lines:
            message = json.loads(line)
            if "event" in message:
                print(message["event"], message.get("data", ""), file=sys.stderr)
            else:
                return message

    lines.readline()  # the greeting
    execute("qmp_capabilities")
    print(execute("query-status"), file=sys.stderr)
    try:
        return vm.wait(float(sys.argv[1]))
    except subprocess.TimeoutExpired:
        execute("system_powerdown")
    try:
        return vm.wait(30)
    except subprocess.TimeoutExpired:
        execute("quit")
        return vm.wait()


sys.exit(main())
