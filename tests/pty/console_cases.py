#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a console program must do to the terminal, pipes and files that it is given.

    console_cases.py --ready TEXT [--flood COMMAND] [--leaves-empty FOLDER] [--only NAME] -- COMMAND ARG...

COMMAND shows TEXT on its console when its guest runs, echoes what the guest receives, and goes on
until it is ended: by the escape key (Ctrl-a x), or by a signal, the second at the latest. The flood
command (one shell word list) shows much text and ends by itself. COMMAND has files in FOLDER while it
runs, and children; neither is there when it has ended, whatever ended it. Each case runs the command as a
job of a session of its own on a new pseudo-terminal, as a shell would, but without a shell's habit
of putting the terminal right. Prints one line for each case; status 1 if one failed.
"""
import argparse
import fcntl
import glob
import os
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time

PATIENCE = 30  # seconds until something that must happen counts as never happening
CTRL_A = b"\x01"
IFLAG, OFLAG, LFLAG = 0, 1, 3  # of tcgetattr()


class Failed(Exception):
    """A case did not go as it must."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


def until(condition, text):
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        expect(time.monotonic() < end, f"never: {text}")
        time.sleep(0.01)


class Job:
    """COMMAND as a job on a terminal: foreground or background, with redirections."""

    def __init__(self, argv, foreground=True, stdin=None, stdout=None, leader_sets=None):
        self.master, slave = os.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.master)
        self.text = b""
        self.children = []
        tell, listen = os.pipe(), os.pipe()
        self.leader = os.fork()
        if self.leader == 0:
            try:
                lead(argv, slave, foreground, stdin, stdout, tell[1], listen[0])
            finally:
                os._exit(1)
        for fd in (slave, tell[1], listen[0]):
            os.close(fd)
        self.events, self.orders = os.fdopen(tell[0], "r"), listen[1]
        self.pid = int(self.events.readline())

    def modes(self):
        return termios.tcgetattr(self.master)

    def is_raw(self):
        flags = self.modes()
        return not flags[LFLAG] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def is_back(self):
        now = self.modes()
        return [now[i] for i in (IFLAG, OFLAG, LFLAG)] == [
            self.before[i] for i in (IFLAG, OFLAG, LFLAG)]

    def note_children(self):
        for path in glob.glob(f"/proc/{self.pid}/task/*/children"):
            with open(path, encoding="ascii") as listed:
                self.children += listed.read().split()

    def read(self):
        """Whatever has been shown by now."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.text += os.read(self.master, 65536)
            except OSError:
                break
        return self.text

    def wait_text(self, text):
        until(lambda: text in self.read(), f"'{text.decode()}' on the terminal")

    def type(self, keys):
        os.write(self.master, keys)

    def kill(self, signo):
        os.kill(self.pid, signo)

    def wait_stop(self):
        expect(self.events.readline().strip() == "stopped", "the job did not stop")

    def wait_end(self):
        """Status as of os.waitpid(); the terminal goes on existing."""
        word = ""
        while not word.startswith("ended"):
            ready = select.select([self.events], [], [], PATIENCE)[0]
            self.read()
            expect(ready, "the job did not end")
            word = self.events.readline().strip()
            expect(word != "", "the session's leader is gone")
        return int(word.split()[1])

    def foreground(self):
        """As a shell's fg does for a running job: hand the terminal over, without a signal."""
        os.write(self.orders, b"f")
        expect(self.events.readline().strip() == "handed", "the terminal was not handed over")

    def close(self):
        for pid in (self.pid, self.leader):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.waitpid(self.leader, 0)
        os.close(self.master)
        os.close(self.orders)
        self.events.close()


def lead(argv, slave, foreground, stdin, stdout, tell, listen):
    """Be the session's leader: start the job, report what becomes of it, stay."""
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        if foreground:
            os.tcsetpgrp(slave, os.getpid())
        for signo in (signal.SIGTTOU, signal.SIGHUP, signal.SIGPIPE, signal.SIGINT):
            signal.signal(signo, signal.SIG_DFL)
        for target, source in ((0, stdin), (1, stdout), (2, None)):
            if source == "closed":
                os.close(target)
            else:
                os.dup2(slave if source is None else source, target)
        os.closerange(3, 256)
        os.execvp(argv[0], argv)
    report = lambda text: os.write(tell, text.encode() + b"\n")
    report(str(child))
    while True:
        pid, status = os.waitpid(child, os.WUNTRACED | os.WNOHANG)
        if pid and os.WIFSTOPPED(status):
            report("stopped")
        elif pid:
            report(f"ended {status}")
            break
        if select.select([listen], [], [], 0.01)[0]:
            if not os.read(listen, 1):
                break
            os.tcsetpgrp(slave, child)
            report("handed")
    while os.read(listen, 1):
        pass


def end_by(job, signo):
    """Send a signal until the job has ended: the first one may be a polite request."""
    job.kill(signo)
    time.sleep(0.2)
    try:
        job.kill(signo)
    except ProcessLookupError:
        pass
    return job.wait_end()


def is_alive(pid):
    """And no zombie: there may be nobody to wait for an orphan."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Cases:
    def __init__(self, options):
        self.command = options.command
        self.ready = options.ready.encode()
        self.flood = shlex.split(options.flood) if options.flood else None
        self.folder = options.leaves_empty
        self.jobs = []

    def close(self):
        for job in self.jobs:
            job.close()
        self.jobs.clear()

    def run(self, name):
        """Afterwards every job has ended, or is killed; then nothing of it is left."""
        result = getattr(self, "case_" + name)() or "ok"
        children = [child for job in self.jobs for child in job.children]
        self.close()
        until(lambda: not any(map(is_alive, children)), "the children are gone")
        if self.folder:
            until(lambda: not os.listdir(self.folder), "the files are gone")
        return result

    def job(self, *args, **kwargs):
        job = Job(*args, **kwargs)
        self.jobs.append(job)
        return job

    def running(self, **kwargs):
        job = self.job(self.command, **kwargs)
        job.wait_text(self.ready)
        job.note_children()
        if self.folder:
            expect(job.children and os.listdir(self.folder), "there are no children and files")
        return job

    def raw(self):
        job = self.running()
        until(job.is_raw, "raw mode")
        return job

    def case_raw_mode_keeps_output_processing(self):
        job = self.raw()
        expect(job.modes()[OFLAG] == job.before[OFLAG], "output flags were changed")

    def case_keys_reach_the_guest(self):
        job = self.raw()
        job.type(b"hello\r")
        job.wait_text(b"hello")

    def case_escape_x_ends_and_restores(self):
        job = self.raw()
        job.type(CTRL_A + b"x")
        job.wait_end()
        expect(job.is_back(), "the terminal was not put back")

    def case_escape_h_helps(self):
        job = self.raw()
        job.type(CTRL_A + b"h")
        job.wait_text(b"ends the VM")

    def case_interrupt_key_reaches_the_guest(self):
        job = self.raw()
        job.type(b"\x03\x1aafter\r")
        job.wait_text(b"after")

    def signal_restores(self, signo):
        job = self.raw()
        status = end_by(job, signo)
        expect(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signo,
               f"status {status:#x} is not that of {signo.name}")
        expect(job.is_back(), "the terminal was not put back")

    def case_term_restores(self):
        self.signal_restores(signal.SIGTERM)

    def case_hangup_restores(self):
        self.signal_restores(signal.SIGHUP)

    def case_interrupt_restores(self):
        self.signal_restores(signal.SIGINT)

    def case_kill_restores(self):
        job = self.raw()
        job.kill(signal.SIGKILL)
        job.wait_end()
        until(job.is_back, "the terminal is put back")

    def case_kill_of_process_group_restores(self):
        job = self.raw()
        os.killpg(job.pid, signal.SIGKILL)
        job.wait_end()
        until(job.is_back, "the terminal is put back")

    def case_crash_restores(self):
        job = self.raw()
        job.kill(signal.SIGSEGV)
        job.wait_end()
        until(job.is_back, "the terminal is put back")

    def case_stop_restores_and_continue_is_raw_again(self):
        job = self.raw()
        job.kill(signal.SIGTSTP)
        job.wait_stop()
        expect(job.is_back(), "the terminal was not put back")
        job.kill(signal.SIGCONT)
        until(job.is_raw, "raw mode after SIGCONT")
        job.type(b"again\r")
        job.wait_text(b"again")

    def case_killed_while_stopped_leaves_the_shells_modes(self):
        job = self.raw()
        job.kill(signal.SIGSTOP)
        job.wait_stop()
        shells = list(job.before)
        shells[LFLAG] &= ~termios.ECHOK
        shells[LFLAG] &= ~termios.ICANON
        termios.tcsetattr(job.master, termios.TCSANOW, shells)
        job.kill(signal.SIGKILL)
        job.wait_end()
        time.sleep(0.3)  # time to do wrong
        expect(job.modes()[LFLAG] == shells[LFLAG], "the shell's modes were replaced")

    def case_background_job_leaves_the_terminal(self):
        job = self.running(foreground=False)
        expect(job.is_back(), "a background job changed the terminal")
        job.type(b"not-for-it\n")
        time.sleep(0.3)
        expect(job.text.count(b"not-for-it") + job.read().count(b"not-for-it") <= 1,
               "a background job read the terminal")
        expect(select.select([job.events], [], [], 0)[0] == [], "a background job was stopped")

    def case_background_job_brought_to_foreground_takes_it(self):
        job = self.running(foreground=False)
        job.foreground()
        job.type(b"\n")
        until(job.is_raw, "raw mode")
        job.type(b"hello\r")
        job.wait_text(b"hello")

    def quiet(self, job):
        """Nobody types, nothing ends: the process must not burn time."""
        def ticks():
            with open(f"/proc/{job.pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])
        before = ticks()
        time.sleep(1)
        expect(ticks() - before < os.sysconf("SC_CLK_TCK") // 2, "it burns processor time")

    def case_closed_stdin_is_no_input(self):
        job = self.running(stdin="closed")
        expect(job.is_back(), "changed a terminal that is not its input")
        self.quiet(job)

    def case_null_stdin_is_no_input(self):
        with open("/dev/null", "rb") as null:
            job = self.running(stdin=null.fileno())
        self.quiet(job)

    def case_ended_pipe_on_stdin_is_no_input(self):
        here, there = os.pipe()
        os.close(there)
        job = self.running(stdin=here)
        os.close(here)
        self.quiet(job)

    def case_pipe_on_stdin_reaches_the_guest(self):
        here, there = os.pipe()
        os.write(there, b"typed-before-boot\r")
        job = self.running(stdin=here)
        job.wait_text(b"typed-before-boot")
        os.close(here)
        os.close(there)

    def case_flags_of_stdio_stay(self):
        stdin, stdout = os.pipe(), os.pipe()
        job = self.job(self.command, stdin=stdin[0], stdout=stdout[1])
        text = b""
        while self.ready not in text:
            expect(select.select([stdout[0]], [], [], PATIENCE)[0], "the guest shows nothing")
            text += os.read(stdout[0], 65536)
        for fd in stdin + stdout:
            expect(not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK, "O_NONBLOCK was set")
        job.kill(signal.SIGKILL)
        job.wait_end()
        for fd in stdin + stdout:
            os.close(fd)

    def case_gone_reader_ends_as_sigpipe(self):
        here, there = os.pipe()
        os.close(here)
        job = self.job(self.command, stdout=there)
        os.close(there)
        status = job.wait_end()
        expect(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPIPE,
               f"status {status:#x} is not that of SIGPIPE")
        expect(job.is_back(), "the terminal was not put back")

    def case_slow_reader_loses_nothing(self):
        if not self.flood:
            return "skipped: no --flood"
        fast = subprocess.run(self.flood, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              check=True).stdout
        slow = b""
        with subprocess.Popen(self.flood, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              bufsize=0) as process:
            time.sleep(1)  # let every buffer fill up
            while chunk := process.stdout.read(3000):
                slow += chunk
                time.sleep(0.001)
        expect(process.returncode == 0, f"status {process.returncode}")
        expect(len(fast) > 1 << 18, "the flood is too small to fill the buffers")
        expect(slow == fast, f"{len(slow)} bytes instead of {len(fast)}, or others")
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ready", required=True)
    parser.add_argument("--flood")
    parser.add_argument("--leaves-empty", metavar="FOLDER")
    names = [name[5:] for name in dir(Cases) if name.startswith("case_")]
    parser.add_argument("--only", choices=names, metavar="NAME")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    cases = Cases(options)
    failures = 0
    for name in [options.only] if options.only else names:
        try:
            print(f"{cases.run(name):8}{name}", flush=True)
        except Exception as why:  # of any kind: the cases after it are to be seen
            failures += 1
            print(f"FAILED  {name}: {why!r}", flush=True)
            for job in cases.jobs:
                print(f"        terminal: {job.read()!r}", flush=True)
            cases.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
