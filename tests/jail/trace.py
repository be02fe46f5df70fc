#!/usr/bin/env python3
"""Usage: trace.py VMM GUESTS SYSCALLS

Runs VMs under strace in all the ways that VMM has: disk, network, streams, entropy, devices of other processes,
console on pipes, socket and terminal, control clients, reset, signals, stop and continue, timeout, a guest that
cannot go on. Every thread of them must be one that is known, and get its filter. Then compares the system calls
that each made from there on with the rows of its table (SYSCALLS --rows): a call that no row allows fails (and
would have ended the VM), and so does a row that no run has used, unless the table explains it.

Prints 'ok N - NAME', 'ok N - NAME # SKIP REASON' or 'not ok N - NAME'. Status 0: all passed; 1: not; 77: strace is missing.
"""

import array
import collections
import fcntl
import importlib.util
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

LIMIT = 60  # seconds for one run; strace is slow
THREAD = re.compile(r"^(\d+)<([^>]*)> ")
LINE = re.compile(THREAD.pattern + r"(\w+)\((.*)")
NUMBER = re.compile(r"0x[0-9a-f]+|\d+")

Row = collections.namedtuple("Row", "thread call seen matches text")


def read_rows(program):
    """The rows of all tables."""
    rows = []
    for line in subprocess.run([program, "--rows"], check=True, text=True,
                               capture_output=True).stdout.splitlines():
        thread, call, seen, *numbers = line.split()
        values = [int(n, 0) for n in numbers]
        matches = list(zip(values[0::3], values[1::3], values[2::3]))
        rows.append(Row(thread, call, seen == "1", matches, line))
    return rows


def thread_of(comm):
    """The role of a thread, by the name it has given itself."""
    if comm.startswith("vmm-care"):
        return "caretaker"
    if comm.startswith("vmm-conn"):
        return "connector"
    if re.fullmatch(r"vcpu\d+", comm):
        return "vcpu"
    return {"io": "io", "vmm": "main"}.get(comm)


# Threads of the kernel's in the process: for the disk's ring, and KVM's own.
KERNEL_THREADS = ("iou-", "kvm-")


def unconfined(path):
    """What is wrong with the threads of a run: names that are not known, and threads without a filter."""
    names, filtered = {}, set()
    with open(path, encoding="ascii", errors="replace") as lines:
        for line in lines:
            if match := THREAD.match(line):
                names[match[1]] = match[2]
            if (match := LINE.match(line)) and match[3] == "seccomp" and match[4].startswith("0x1,"):
                filtered.add(match[1])
    for pid, comm in names.items():
        if comm.startswith(KERNEL_THREADS):
            continue
        if not thread_of(comm):
            yield f"a thread called {comm}"
        elif pid not in filtered:
            yield f"{comm} without a filter"


def calls_after_filter(path, variants):
    """(role, call, arguments, pid) of each call of a filtered thread. @variants: tables that replace others."""
    filtered = set()
    with open(path, encoding="ascii", errors="replace") as lines:
        for line in lines:
            match = LINE.match(line)
            if not match:
                continue
            pid, comm, call, rest = match.groups()
            if call == "seccomp" and rest.startswith("0x1,"):
                filtered.add(pid)
            elif pid in filtered and thread_of(comm):
                inner = rest.split(")")[0].split(" <unfinished")[0]
                role = thread_of(comm)
                yield variants.get(role, role), call, [int(n, 0) for n in NUMBER.findall(inner)], int(pid)


def fits(row, args, pid, own_pid=0x7ffffffe):
    """Whether a row allows a call with these arguments."""
    for index, mask, value in row.matches:
        if index >= len(args):
            return False
        if (args[index] & mask) != (pid if value == own_pid else value):
            return False
    return True


class Runs:
    """VMs under strace, one after the other."""

    def __init__(self, vmm, guests, work):
        self.vmm, self.guests, self.work = vmm, guests, work
        self.traces = []  # paths
        self.variants = {}  # of each trace: the tables of machines that can be reset, or have others' devices

    def start(self, guest, *options, refuse=None, before=(), **files):
        """Begin a run; `files` are those of Popen, `refuse` is a call that the host does not have, `before` a
        command that runs the command behind it."""
        trace = os.path.join(self.work, f"trace{len(self.traces)}")
        self.traces.append(trace)
        self.variants[trace] = variants = {}
        if "--on-reboot" in options:
            variants["vcpu"] = "vcpu-reset"
        if "--vhost-user" in options:
            variants["io"] = "io-shared"
        files.setdefault("stdin", subprocess.DEVNULL)
        files.setdefault("stdout", subprocess.DEVNULL)
        inject = ["-e", f"inject={refuse}:error=ENOSYS"] if refuse else []
        return subprocess.Popen(
            [*before, "strace", "-f", "-Y", "-qq", "-e", "raw=all", "-e", "signal=none", "-o", trace,
             *inject, self.vmm, "--kernel", os.path.join(self.guests, guest), *options],
            stderr=subprocess.PIPE, **files)

    def finish(self, process, want):
        """Wait for the end and judge it. Returns a problem or None."""
        try:
            _, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"{process.args[-3:]} does not end"
        if process.returncode != want:
            return f"status {process.returncode}, wanted {want}: {process.args[-6:]}: {err.decode()}"
        return None

    def vmm_pid(self, trace):
        """The pid of the VM of a trace: the first in it; waits until its guest runs."""
        for _ in range(LIMIT * 10):
            time.sleep(0.1)
            if os.path.exists(trace):
                with open(trace, encoding="ascii", errors="replace") as file:
                    text = file.read()
                if len(re.findall(r"<vcpu0> ioctl\(0x[0-9a-f]+, 0xae80", text)) > 1:
                    return int(text.split("<")[0])
        raise TimeoutError(trace)


def disk_load(runs, *options, refuse=None):
    disk = os.path.join(runs.work, "disk")
    with open(disk, "wb") as file:
        file.write(b"first sector".ljust(65536, b"\0"))
    return runs.finish(runs.start("blk", "--append", "do=io serial=first",
                                  "--disk", disk + ",serial=first",
                                  "--result", os.path.join(runs.work, "result"), *options,
                                  refuse=refuse), 0)


def run_disk(runs):
    return disk_load(runs)


def run_disk_without_io_uring(runs):
    return disk_load(runs, refuse="io_uring_setup")


def run_smp(runs):
    return runs.finish(runs.start("smp", "--cpus", "4", "--append", "cpus=4"), 0)


def run_crash(runs):
    return runs.finish(runs.start("end", "--append", "by=triple"), 255)


def reset(runs, *options):
    disk = os.path.join(runs.work, "count")
    with open(disk, "wb") as file:
        file.truncate(65536)
    return runs.finish(runs.start("reboot", "--append", "times=2 cpus=2 by=reset", "--cpus", "2", "--disk", disk,
                                  "--on-reboot", "reset", *options), 0)


def run_reset(runs):
    return reset(runs)


def run_crash_of_machine_that_resets(runs):
    return runs.finish(runs.start("end", "--append", "by=triple", "--on-reboot", "reset"), 255)


def run_timeout(runs):
    return runs.finish(runs.start("end", "--append", "by=halt", "--timeout", "0.5",
                                  "--grace", "0.1"), 124)


def run_pipe(runs):
    process = runs.start("serial", "--append", "do=echo", stdin=subprocess.PIPE)
    process.stdin.write(b"typed words\nQ")
    process.stdin.flush()
    return runs.finish(process, 0)


def run_socket(runs):
    ours, theirs = socket.socketpair()
    process = runs.start("serial", "--append", "do=echo", stdin=theirs, stdout=theirs)
    theirs.close()
    ours.sendall(b"typed words\nQ")
    problem = runs.finish(process, 0)
    ours.close()
    return problem


def run_terminal(runs):
    leader, terminal = pty.openpty()
    process = runs.start(
        "serial", "--append", "do=echo", stdin=terminal, stdout=terminal, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    runs.vmm_pid(runs.traces[-1])
    time.sleep(1)
    os.write(leader, b"keys\x01hQ")
    problem = runs.finish(process, 0)
    os.close(terminal)
    os.close(leader)
    return problem


def run_resized_terminal(runs):
    leader, terminal = pty.openpty()
    process = runs.start(
        "end", "--append", "by=halt", "--serial", "none", "--console", "stdio", "--grace", "0",
        stdin=terminal, stdout=terminal, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    pid = runs.vmm_pid(runs.traces[-1])
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
    time.sleep(0.5)
    os.kill(pid, signal.SIGTERM)
    problem = runs.finish(process, -signal.SIGTERM)
    os.close(terminal)
    os.close(leader)
    return problem


def run_entropy(runs):
    return runs.finish(runs.start("traffic", "--append", "do=rng"), 0)


def receive_exactly(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def reflect_frames(listener):
    """The far end of a network card: what comes goes back. Frames have their length in front."""
    sock, _ = listener.accept()
    try:
        while True:
            head = receive_exactly(sock, 4)
            sock.sendall(head + receive_exactly(sock, struct.unpack(">I", head)[0]))
    except ConnectionError:
        sock.close()


def run_network_by_socket(runs):
    path = os.path.join(runs.work, "passt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.listen()
        threading.Thread(target=reflect_frames, args=[listener], daemon=True).start()
        return runs.finish(runs.start("traffic", "--append", "do=net frames=40", "--net", "passt=" + path), 0)


def can_make_taps():
    return os.geteuid() == 0 and os.path.exists("/dev/net/tun") and shutil.which("ip")


TAP = "ip tuntap add vmm0 mode tap multi_queue && ip addr add 192.0.2.1/24 dev vmm0 && ip link set vmm0 up"


def run_network_by_tap(runs):
    if not can_make_taps():
        raise Skip("no tap can be made here")
    return runs.finish(runs.start("traffic", "--append", "do=net frames=40", "--net", "tap=vmm0,queues=2",
                                  before=["unshare", "--net", "sh", "-c", TAP + ' && exec "$@"', "sh"]), 0)


def back_end():
    """The module of the lab that serves a network card by vhost-user."""
    path = os.path.join(os.path.dirname(__file__), "..", "lab", "vhost_user_net.py")
    spec = importlib.util.spec_from_file_location("vhost_user_net", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.IP = bytes([192, 0, 2, 1])  # whom the guest asks for
    return module


def shared(runs, run):
    """A run with a network card of another process: run(options)."""
    module, path = back_end(), os.path.join(runs.work, f"back-end{len(runs.traces)}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        threading.Thread(target=lambda: module.BackEnd(listener.accept()[0]).run(), daemon=True).start()
        return run("--vhost-user", "net,socket=" + path)


def run_network_of_another_process(runs):
    return shared(runs, lambda *options: runs.finish(
        runs.start("traffic", "--append", "do=net frames=4", *options), 0))


def run_disk_beside_devices_of_another_process(runs):
    return shared(runs, lambda *options: disk_load(runs, *options, refuse="io_uring_setup"))


def run_reset_with_devices_of_another_process(runs):
    return shared(runs, lambda *options: reset(runs, *options))


def echo_stream(listener):
    sock, _ = listener.accept()
    while data := sock.recv(4096):
        sock.sendall(data)
    sock.close()


def run_streams(runs):
    folder = os.path.join(runs.work, "streams")
    path = os.path.join(folder, "vsock")
    os.mkdir(folder, 0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + "_5000")
        os.chmod(path + "_5000", 0o600)
        if os.geteuid() == 0:  # somebody else's: the connector of a VM of root's gets there
            os.chown(path + "_5000", 4242, 4343)
            os.chown(folder, 4242, 4343)
        listener.listen()
        threading.Thread(target=echo_stream, args=[listener], daemon=True).start()
        process = runs.start("traffic", "--append", "do=vsock", "--vsock", "cid=3,socket=" + path)
        runs.vmm_pid(runs.traces[-1])
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT)
            client.connect(path)
            client.sendall(b"CONNECT 6000\n")
            if not client.recv(64).startswith(b"OK "):
                return "the guest was not reached"
            client.sendall(b"hello")
            if receive_exactly(client, 5) != b"hello":
                return "the guest did not send back what it got"
        return runs.finish(process, 0)


class Client:
    """A client of a control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(path)
        self.lines = self.sock.makefile("rb")
        self.lines.readline()
        self.run("qmp_capabilities")

    def run(self, command, fds=(), **arguments):
        message = json.dumps({"execute": command, "arguments": arguments}).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([message], rights)
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                return answer


def run_control(runs):
    path = os.path.join(runs.work, "qmp")
    disk = os.path.join(runs.work, "controlled")
    with open(disk, "wb") as file:
        file.truncate(65536)
    process = runs.start("blk", "--append", "do=load", "--disk", disk, "--control", path)
    runs.vmm_pid(runs.traces[-1])
    clients = [Client(path) for _ in range(3)]
    for client in clients:
        for command in ("stop", "query-status", "query-blockstats", "query-commands", "cont", "nonsense"):
            client.run(command)
    clients[0].run("getfd", fds=[0], fdname="input")
    clients[0].run("closefd", fdname="input")
    clients[1].run("human-monitor-command", **{"command-line": "info status"})
    clients[2].run("system_powerdown")
    clients[2].sock.close()
    clients[2].lines.close()
    clients[0].run("quit")
    return runs.finish(process, 0)


def run_console_on_a_socket(runs):
    path = os.path.join(runs.work, "console")
    process = runs.start("serial", "--append", "do=echo", "--serial", "unix=" + path)
    runs.vmm_pid(runs.traces[-1])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"words\nQ")
        return runs.finish(process, 0)


def run_killed_on_terminal(runs):
    leader, terminal = pty.openpty()
    process = runs.start(
        "serial", "--append", "do=echo", stdin=terminal, stdout=terminal, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    pid = runs.vmm_pid(runs.traces[-1])
    time.sleep(1)
    os.kill(pid, signal.SIGKILL)
    problem = runs.finish(process, -signal.SIGKILL)
    os.close(terminal)
    os.close(leader)
    return problem


def run_signals(runs):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # nohup ignores one, and vmm then ignores it too
        process = runs.start("end", "--append", "by=halt", "--grace", "0")
        os.kill(runs.vmm_pid(runs.traces[-1]), number)
        problem = runs.finish(process, -number)
        if problem:
            return problem
    return None


def run_stopped(runs, *options):
    process = runs.start("end", "--append", "by=halt", "--grace", "0", *options)
    pid = runs.vmm_pid(runs.traces[-1])
    for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM):
        os.kill(pid, number)
        time.sleep(0.5)
    return runs.finish(process, -signal.SIGTERM)


def run_stopped_with_reset(runs):
    return run_stopped(runs, "--on-reboot", "reset")


RUNS = [run_disk, run_disk_without_io_uring, run_smp, run_crash, run_reset, run_crash_of_machine_that_resets,
        run_entropy, run_network_by_socket, run_network_by_tap, run_network_of_another_process,
        run_disk_beside_devices_of_another_process, run_reset_with_devices_of_another_process, run_streams, run_control, run_console_on_a_socket,
        run_timeout, run_pipe, run_socket, run_terminal, run_resized_terminal, run_killed_on_terminal, run_signals,
        run_stopped, run_stopped_with_reset]


class Skip(Exception):
    """This host cannot have that run."""


class Verdicts:
    """Lines of the report."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def tell(self, name, problems, skipped=None):
        self.count += 1
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}{f' # SKIP {skipped}' if skipped else ''}",
              flush=True)
        for problem in problems:
            print(f"#   {problem}")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    if not shutil.which("strace"):
        print("strace is missing")
        return 77
    vmm, guests, syscalls = sys.argv[1:]
    rows, verdicts = read_rows(syscalls), Verdicts()
    with tempfile.TemporaryDirectory() as work:
        runs = Runs(vmm, guests, work)
        for run in RUNS:
            problem = skipped = None
            try:
                problem = run(runs)
            except Skip as reason:
                skipped = reason
            except (OSError, ValueError) as failure:
                problem = repr(failure)
            verdicts.tell("traced: " + run.__name__[4:].replace("_", " "), [problem] if problem else [], skipped)
        strange, used, loose = set(), set(), set()
        for trace in runs.traces:
            loose.update(unconfined(trace))
            for role, call, args, pid in calls_after_filter(trace, runs.variants[trace]):
                fitting = [r for r in rows if (r.thread, r.call) == (role, call) and fits(r, args, pid)]
                used.update(r.text for r in fitting)
                if not fitting:
                    strange.add(f"{role}: {call} {[hex(a) for a in args]}")
    verdicts.tell("every thread is known and has a filter", sorted(loose))
    verdicts.tell("no thread makes a system call that its table lacks", sorted(strange))
    unused = [r.text for r in rows if r.seen and r.text not in used]
    verdicts.tell("every row of the tables is used, or says why not", unused)
    unexplained = [r.text for r in rows if not r.seen and r.text in used]
    for text in unexplained:
        print(f"# used, though the table says that it is rare: {text}")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
