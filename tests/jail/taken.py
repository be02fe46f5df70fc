#!/usr/bin/env python3
"""Usage: taken.py VMM GUESTS

Takes over threads of a running VM, as a guest could that has found a hole: by ptrace, which root may, a thread is
sent to code and arguments of our choice. Then it must not read a file, reach the network, signal another process,
replace the handler of violations, run code from memory that it can write to, or survive.

Prints 'ok N - NAME' or 'not ok N - NAME'. Status 0: all passed; 1: not; 77: threads cannot be traced here.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time

LIMIT = 30  # seconds for one VM
PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 12, 13, 16, 17
WALL = 0x40000000  # of waitpid: threads too

REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
             "ds es fs gs").split()


class Registers(ctypes.Structure):
    """struct user_regs_struct of x86_64."""
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid, data=None):
    if libc.ptrace(request, tid, None, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def mappings(pid):
    """(first, end, permissions, what) of each."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as lines:
        for line in lines:
            where, permissions, *_, what = line.split(maxsplit=5) + ([""] if len(line.split()) < 6 else [])
            first, end = (int(n, 16) for n in where.split("-"))
            yield first, end, permissions, what.strip()


def system_call_instruction(pid):
    """Where code of the C library makes system calls."""
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for first, end, permissions, what in mappings(pid):
            if "x" in permissions and "libc.so" in what:
                memory.seek(first)
                return first + memory.read(end - first).index(b"\x0f\x05")
    raise OSError("no C library is mapped")


def guest_memory(pid):
    """Guest RAM: the largest mapping that can be written to."""
    return max((m for m in mappings(pid) if "w" in m[2]), key=lambda m: m[1] - m[0])[0]


def thread_named(pid, name):
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as comm:
            if comm.read().strip() == name:
                return int(tid)
    raise OSError(f"there is no thread {name}")


def take_over(pid, thread, number, args, code=None):
    """Send a thread to a system call, or to code in guest memory."""
    tid = thread_named(pid, thread)
    regs = Registers()
    ptrace(PTRACE_ATTACH, tid)
    os.waitpid(tid, WALL)
    ptrace(PTRACE_GETREGS, tid, ctypes.byref(regs))
    text = regs.rsp - 1024 & ~15  # below what is in use
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(text)
        memory.write(b"/etc/passwd\0")
        if code:
            memory.seek(guest_memory(pid))
            memory.write(code)
    regs.orig_rax = 2 ** 64 - 1  # what it was in is not begun anew
    regs.rip = guest_memory(pid) if code else system_call_instruction(pid)
    regs.rax = number
    regs.rdi, regs.rsi, regs.rdx, regs.r10 = ([text if a == "/etc/passwd" else a for a in args] + [0] * 4)[:4]
    ptrace(PTRACE_SETREGS, tid, ctypes.byref(regs))
    ptrace(PTRACE_DETACH, tid)


AT_FDCWD = 2 ** 64 - 100
EXIT = b"\x6a\x3c\x58\x31\xff\x0f\x05"  # exit(0), which a vCPU may
VICTIM = os.getpid()

# What is tried: its name, the number and the arguments of the call, and its name in the report.
ATTACKS = [
    ("a file", 257, [AT_FDCWD, "/etc/passwd", 0], "openat"),
    ("the network", 41, [2, 1, 0], "socket"),
    ("a signal to another process", 62, [VICTIM, signal.SIGKILL], "kill"),
    ("a signal to a thread of another process", 234, [VICTIM, VICTIM, signal.SIGKILL], "tgkill"),
    ("another handler of violations", 13, [signal.SIGSYS, 0, 0, 8], "rt_sigaction"),
    ("memory that is run", 9, [0, 4096, 7, 0x22], "mmap"),
    ("a program", 59, ["/etc/passwd"], "execve"),
]


def start(vmm, guests, work):
    """A VM whose guest runs and waits."""
    disk = os.path.join(work, "disk")
    with open(disk, "wb") as file:
        file.truncate(65536)
    process = subprocess.Popen([vmm, "--kernel", os.path.join(guests, "end"), "--append", "by=halt", "--grace", "0",
                                "--disk", disk], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(0.2)  # until the guest has halted
    return process


def judge(process, status, line):
    """A problem, or None."""
    try:
        _, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "it lives on"
    if process.returncode != status or line not in err.decode():
        return f"status {process.returncode}, wanted {status} and '{line}': {err.decode()}"
    return None


def attack(run, thread, number, args, call):
    process = start(*run)
    take_over(process.pid, thread, number, args)
    return judge(process, 125, f"thread {thread if thread != 'vmm' else 'main'} made the forbidden system call {call} (")


def run_own_code(run, thread):
    """Guest memory is where a guest can put code."""
    process = start(*run)
    take_over(process.pid, thread, 0, [], EXIT)
    return judge(process, -signal.SIGSEGV, "")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    failed = count = 0
    with tempfile.TemporaryDirectory() as work:
        run = (*sys.argv[1:], work)
        cases = [(f"{thread}, taken over, does not get {what}", attack, (thread, *rest))
                 for thread in ("vcpu0", "io", "vmm") for what, *rest in ATTACKS]
        cases += [(f"{thread}, taken over, does not run what it wrote", run_own_code, (thread,))
                  for thread in ("vcpu0", "io", "vmm")]
        for name, case, args in cases:
            try:
                problem = case(run, *args)
            except PermissionError as refused:
                print(f"threads cannot be traced: {refused}")
                return 77
            except OSError as failure:
                problem = repr(failure)
            count += 1
            failed += problem is not None
            print(f"{'not ok' if problem else 'ok'} {count} - {name}", flush=True)
            if problem:
                print(f"#   {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
