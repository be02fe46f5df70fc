#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: let_go.py IMAGE COMMAND...

Runs the command, a VM with the disk IMAGE, several times, and looks at once after each end whether somebody still has
the image open for a VM: its lock is the sign. Says so. Status 0: nobody ever had; 1: somebody had; 2: a VM failed."""
import fcntl
import struct
import subprocess
import sys

RUNS = 20


def is_locked(image):
    """By another open file description; the lock asked for is given back with the file."""
    whole = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    try:
        fcntl.fcntl(image, fcntl.F_OFD_SETLK, whole)
    except BlockingIOError:
        return True
    return False


def main():
    held = 0
    for _ in range(RUNS):
        with open(sys.argv[1], "r+b") as image:
            if subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, check=False).returncode != 0:
                return 2
            held += is_locked(image)
    if held:
        print(f"{sys.argv[1]} was still open after {held} of {RUNS} VMs had ended")
    return 1 if held else 0


sys.exit(main())
