#!/usr/bin/env python3
"""Usage: ganeti.py FOLDER start [--tap NAME] VMM-ARGUMENT...
       ganeti.py FOLDER status | stop [SECONDS]

Runs a VM the way that Ganeti and its like run QEMU's: in the background and paused, with a tap that is
handed over open, the console on a socket, a pidfile and a control socket, all in FOLDER; then it is looked
at and let go. `stop` presses the power button, waits, and ends it for good if that does not help. Only the
standard library is used. The program is $VMM, or vmm."""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000


class Monitor:
    """A conversation over the control socket."""

    def __init__(self, path, seconds=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rwb")
        self.lines.readline()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}).encode())
        self.lines.flush()
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise RuntimeError(f"{command}: the VM has ended")

    def wait_for_end(self):
        """True when the VM has ended, False when that takes too long."""
        try:
            while self.lines.readline():
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            pass
        return True


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return tap


def start(folder, words):
    fds = []
    if words[:1] == ["--tap"]:
        fds = [open_tap(words[1])]
        words = ["--net", f"fd={fds[0]}", *words[2:]]
    # Returns when the VM is ready, or with the status and the message of what went wrong.
    subprocess.run([os.environ.get("VMM", "vmm"), "--daemonize", "--paused", "--log", f"{folder}/log",
                    "--pidfile", f"{folder}/pid", "--control", f"{folder}/qmp",
                    "--serial", f"unix={folder}/console", *words], check=True, pass_fds=fds)
    monitor = Monitor(f"{folder}/qmp")
    status = monitor.execute("query-status")["status"]
    if status != "prelaunch":
        raise RuntimeError(f"the VM is {status}")
    monitor.execute("cont")


def show(folder):
    monitor = Monitor(f"{folder}/qmp")
    print(monitor.execute("query-status")["status"])
    for cpu in monitor.execute("query-cpus-fast"):
        print(f"CPU {cpu['cpu-index']}: thread {cpu['thread-id']}")


def stop(folder, seconds):
    monitor = Monitor(f"{folder}/qmp", seconds)
    monitor.execute("system_powerdown")
    if not monitor.wait_for_end():
        Monitor(f"{folder}/qmp").execute("quit")


def main():
    folder, command, *words = sys.argv[1:]
    if command == "start":
        start(folder, words)
    elif command == "status":
        show(folder)
    elif command == "stop":
        stop(folder, float(words[0]) if words else 60)
    else:
        sys.exit(__doc__)


main()
