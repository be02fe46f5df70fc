#!/usr/bin/env python3
"""A login of the guest at hvc0, on a terminal: usage: login.py VMM ARG...

The guest's shell gets what is typed, its terminal has the size of ours and follows it, and our terminal is as it
was. Status 0; 1 with a line that says what is wrong.
"""

import signal
import sys
import termios

from command import Session, resize

PATIENCE = 160  # seconds


def late(*_):
    """Of the alarm."""
    raise TimeoutError


def talk(session):
    """Type, and wait for what must come; a text that is wanted is no part of what is typed, which is echoed."""
    session.until(b"# ")
    session.type(b"echo sum $((40 + 2)), size $(stty size)\n")
    session.until(b"sum 42, size 33 99\n")
    # A shell that waits for a line runs no trap.
    session.type(b"sh -c 'trap \"echo changed: \\$(stty size); exit\" WINCH; echo re\"\"ady; while :; do sleep 0.1; done'\n")
    session.until(b"ready\n")
    resize(session.ours, 44, 111)
    session.until(b"changed: 44 111\n")
    session.type(b"exit\n")


def main():
    session = Session(sys.argv[1:])
    signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        talk(session)
        status = session.status()
    except (TimeoutError, OSError) as problem:
        return f"{problem!r} after: {session.text}"
    if status != 0:
        return f"status {status}: {session.text}"
    if termios.tcgetattr(session.theirs) != session.before:
        return "the terminal is not as it was"
    return None


if __name__ == "__main__":
    sys.exit(main())
