#!/usr/bin/env python3
"""Usage: terminal.py PLANTED

Runs PLANTED on a terminal that it has made raw, and looks at the terminal's modes after the violation. Then on one
that is stopped (Ctrl-S), which takes no line about it.
Prints 'ok N - NAME' or 'not ok N - NAME'. Status 0: passed; 1: not.
"""

import fcntl
import os
import pty
import subprocess
import sys
import termios
import time

NAME = "the terminal is as before after a violation of the {} thread"
STOPPED = "a violation of the {} thread ends the process though the terminal is stopped"


def take_terminal():
    """In the child: standard input is its controlling terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def flags(fd):
    """What raw mode changes."""
    modes = termios.tcgetattr(fd)
    return modes[0], modes[3]


def violate(planted, role):
    """Returns a problem, or None."""
    leader, terminal = pty.openpty()
    before = flags(terminal)
    done = subprocess.run([planted, role, "openat", "raw"], stdin=terminal, stdout=terminal,
                          stderr=subprocess.PIPE, start_new_session=True,
                          preexec_fn=take_terminal, timeout=20)
    problem = None
    if done.returncode != 125:
        problem = f"status {done.returncode}: {done.stderr.decode()}"
    elif b"raw now" not in done.stderr:
        problem = "it never was raw"
    deadline = time.monotonic() + 5  # the caretaker outlives the process by a moment
    while not problem and flags(terminal) != before:
        if time.monotonic() > deadline:
            problem = "modes differ"
        time.sleep(0.01)
    os.close(terminal)
    os.close(leader)
    return problem


def violate_stopped(planted, role):
    """Returns a problem, or None."""
    leader, terminal = pty.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    process = subprocess.Popen([planted, role, "openat"], stdin=subprocess.DEVNULL, stderr=terminal)
    try:
        status = process.wait(timeout=20)
        problem = None if status == 125 else f"status {status}"
    except subprocess.TimeoutExpired:
        process.kill()
        problem = "it lives on"
    termios.tcflow(terminal, termios.TCOON)
    os.close(terminal)
    os.close(leader)
    return problem


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    failed = 0
    cases = [(name, case, role) for name, case in ((NAME, violate), (STOPPED, violate_stopped))
             for role in ("main", "vcpu")]
    for number, (name, case, role) in enumerate(cases, 1):
        problem = case(sys.argv[1], role)
        failed += problem is not None
        print(f"{'not ok' if problem else 'ok'} {number} - {name.format(role)}")
        if problem:
            print(f"#   {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
