#!/usr/bin/env python3
"""A command in the lab, on a terminal: usage: lab.py LAB

It has a terminal of our size, gets what is typed, its status comes back, and our terminal is as it was. Status 0;
1 with a line that says what is wrong.
"""

import signal
import sys
import termios

from command import Session

PATIENCE = 160  # seconds
SCRIPT = 'stty size; echo ready; read line; echo "line $line"; exit 7'


def main():
    session = Session([sys.argv[1], "--memory", "512", "--tty", "--", "bash", "-c", SCRIPT])
    signal.alarm(PATIENCE)
    session.until(b"33 99\nready\n")
    session.type(b"words\r")
    session.until(b"line words\n")
    status = session.status()
    if status != 7:
        return f"status {status}, not 7: {session.text}"
    if termios.tcgetattr(session.theirs) != session.before:
        return "the terminal is not as it was"
    return None


if __name__ == "__main__":
    sys.exit(main())
