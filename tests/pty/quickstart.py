#!/usr/bin/env python3
"""tools/quickstart on a terminal: usage: quickstart.py QUICKSTART

A shell of the guest does what is typed, `poweroff` comes back here, and our terminal is as it was. Status 0; 1 with
a line that says what is wrong.
"""

import signal
import sys
import termios

from command import Session

PATIENCE = 400  # seconds: through the lab, on a busy host


def main():
    session = Session([sys.argv[1]])
    signal.alarm(PATIENCE)
    session.until(b"# ")
    session.type(b"echo sum $((40 + 2)), root $(sed -n 's/ ext4.*//p' /proc/mounts)\r")
    session.until(b"sum 42, root /dev/vda /\n")
    session.type(b"poweroff\r")
    status = session.status()
    if status != 0:
        return f"status {status}: {session.text}"
    if termios.tcgetattr(session.theirs) != session.before:
        return "the terminal is not as it was"
    return None


if __name__ == "__main__":
    sys.exit(main())
