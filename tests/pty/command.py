#!/usr/bin/env python3
"""A command in a guest, on a terminal: usage: command.py VMM ARG...

The guest's terminal has the size of ours and follows it, Ctrl-C is the guest's, the status comes back, and
our terminal is as it was. Status 0; 1 with a line that says what is wrong.
"""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios

SCRIPT = """
trap 'echo interrupted' INT
tty; stty size; echo ready
while ! read line; do :; done
stty size; echo "line $line"; exit 7
"""


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Session:
    """The VM on a terminal of its own."""

    def __init__(self, words):
        self.text = b""
        self.ours, theirs = pty.openpty()
        resize(self.ours, 33, 99)
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.ours)
            os.login_tty(theirs)
            os.execv(words[0], words)

    def until(self, wanted):
        """Read until a text has come."""
        while wanted not in self.text:
            # Each of the two terminals on the way puts a carriage return before a newline.
            self.text += os.read(self.ours, 4096).replace(b"\r", b"")

    def type(self, keys):
        os.write(self.ours, keys)

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main():
    session = Session(sys.argv[1:] + ["--", "sh", "-c", SCRIPT])
    signal.alarm(150)
    session.until(b"ready\n")
    if b"/dev/pts/0\n33 99\n" not in session.text:
        return f"no terminal of 33 lines of 99: {session.text}"
    resize(session.ours, 44, 111)
    session.type(b"\x03")
    session.until(b"interrupted")
    session.type(b"words\n")
    session.until(b"line words")
    if b"44 111\n" not in session.text:
        return f"the size did not follow: {session.text}"
    status = session.status()
    if status != 7:
        return f"status {status}, not 7: {session.text}"
    if termios.tcgetattr(session.theirs) != session.before:
        return "the terminal is not as it was"
    return None


if __name__ == "__main__":
    sys.exit(main())
