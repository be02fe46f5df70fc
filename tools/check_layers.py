#!/usr/bin/env python3
"""Check that each module includes only what its layer may see.

LAYERS below is the whole architecture of the process, low to high. Besides it, for every file:
its own header comes first (so each header stands alone), headers of ours are named from the
root, headers do not include each other in a circle, guards follow from the path, and only arch/
and boot/ know the processor.

Prints FILE:LINE: FINDING for each violation. Status 0: none; 1: some; 2: the check cannot run.
"""

import argparse
import pathlib
import re
import sys
from fnmatch import fnmatch

SOURCES = ("vmm", "devices", "boot", "arch")

# Layer: (its modules, what else they may include: layers by name, or headers by pattern).
# A module may always include its own layer. The first layer with a matching pattern counts.
LAYERS = {
    # Words that everything is written in; knows nothing of VMs.
    "base": (
        ["vmm/compiler", "vmm/counter", "vmm/err", "vmm/log", "vmm/num", "vmm/stop", "vmm/config", "vmm/jsontext",
         "vmm/patterns"],
        [],
    ),
    # Guest RAM: the only place where a guest address becomes a pointer.
    "memory": (["vmm/gmem"], ["base"]),
    # Lists of system calls that a thread may make, as a filter that it loads.
    "seccomp": (["vmm/seccomp"], ["base", "arch/signal.h"]),
    # How a thread waits for events, and threads that do just that.
    "loop": (["vmm/loop", "vmm/budget", "vmm/io_thread", "vmm/pace", "vmm/timer"], ["base", "seccomp"]),
    # How a device raises an interrupt: an eventfd.
    "irq": (["vmm/irq"], ["base"]),
    # From a port or an address to a device.
    "bus": (["vmm/bus"], ["base"]),
    # Why the VM ends, and the signs of it.
    "ending": (["vmm/ending", "vmm/panic_watch", "vmm/verdict"], ["base", "loop"]),
    # The host's side of the VM: consoles, terminal, signals, result. Knows no guest.
    "host": (
        ["vmm/chardev", "vmm/endpoint", "vmm/outfile", "vmm/outq", "vmm/terminal", "vmm/caretaker",
         "vmm/signals", "vmm/result", "vmm/conlog", "vmm/passt", "vmm/virtiofsd", "vmm/pidfile", "vmm/service", "vmm/peer",
         "vmm/unixsock", "vmm/connector"],
        # Children keep few rights, and not those of the VM.
        ["base", "seccomp", "loop", "vmm/jail_rights.h"],
    ),
    # Conversations with control clients, and the sockets that carry them. Knows no machine.
    "control": (["vmm/control", "vmm/control_*", "vmm/qmp", "vmm/qmp_*"],
                # It shows the options, as the command line knows them.
                ["base", "loop", "host", "vmm/options.h", "vmm/optlist.h", "vmm/optval.h", "vmm/config_json.h"]),
    # Bytes in vectors of host memory.
    "iov": (["devices/iov"], ["base"]),
    # Rings in guest memory: the one walker of descriptors.
    "virtq": (["devices/virtq"], ["base", "memory", "iov"]),
    # Registers, status machine and interrupts of every virtio device.
    "transport": (
        ["devices/virtio_dev", "devices/virtio_mmio"],
        ["base", "memory", "loop", "irq", "bus", "iov", "virtq"],
    ),
    # Queues that the kernel or another process serves. Knows where guest RAM is, to tell them,
    # so that the device kind whose queues they are need not.
    "vhost": (
        ["devices/vhost", "devices/vhost_*"],
        ["base", "memory", "loop", "virtq", "transport"],
    ),
    # Device kinds and their backends: handed host memory already checked, never a guest address.
    "devices": (
        ["devices/*"],
        ["base", "loop", "irq", "bus", "host", "iov", "virtq", "transport", "vhost"],
    ),
    # From kernel files to a guest that can be entered. Knows no KVM; of the machine it knows where
    # things are.
    "boot": (
        ["boot/*"],
        ["base", "memory", "arch/arch.h", "arch/*/layout.h", "devices/power_regs.h"],
    ),
    # What differs from processor to processor: KVM descriptors, and how a kernel is entered.
    "arch": (["arch/*"], ["base", "memory", "boot/boot.h"]),
    # The command line: knows options and configuration, makes nothing.
    "cli": (
        ["vmm/cli", "vmm/options", "vmm/optlist", "vmm/optnet", "vmm/optdir", "vmm/optdisk", "vmm/optfd", "vmm/optval",
         "vmm/help", "vmm/config_file", "vmm/config_json"],
        ["base"],
    ),
    # The program vmmctl: the other end of a control socket.
    "ctl": (["vmm/ctl", "vmm/ctl_*", "vmm/vmmctl"], ["base", "vmm/terminal.h"]),
    # What the process takes away from itself: knows rights, not VMs.
    "jail": (["vmm/jail", "vmm/jail_*"], ["base", "seccomp"]),
    # The VM: puts all of the above together.
    "machine": (
        ["vmm/machine", "vmm/command", "vmm/command_archive", "vmm/slots", "vmm/payload", "vmm/consoles", "vmm/ports", "vmm/vm", "vmm/vcpu", "vmm/chips", "vmm/metrics", "vmm/monitor", "vmm/run", "vmm/witness", "vmm/reset",
         "vmm/check_host"],
        ["base", "memory", "loop", "irq", "bus", "ending", "host", "control", "iov", "virtq",
         "transport", "vhost", "devices", "boot", "arch", "seccomp", "jail"],
    ),
    # Order of life; the only place that exits.
    "main": (["vmm/main"], ["base", "cli", "host", "jail", "machine"]),
}

# Who may talk to KVM by itself, or name its requests.
KVM_LAYERS = {"arch", "seccomp", "jail", "machine", "main"}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
PROCESSOR = re.compile(r"\b__(x86_64|i386|aarch64|arm)__\b")


def layer_of(stem):
    """The layer of a module such as "vmm/gmem", or None."""
    for name, (patterns, _) in LAYERS.items():
        if any(fnmatch(stem, pattern) for pattern in patterns):
            return name
    return None


def includes(text):
    """(line number, is ours, header) of each #include."""
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def check_include(stem, number, ours, header, root):
    """Findings about one #include."""
    layer = layer_of(stem)
    if not ours:
        if header == "linux/kvm.h" and layer not in KVM_LAYERS:
            yield number, f"layer {layer} may not include <linux/kvm.h>"
        return
    if not (root / header).is_file():
        yield number, f'"{header}" is not the path of a header from the root'
        return
    target = layer_of(header.removesuffix(".h"))
    if target != layer and not any(target == may or fnmatch(header, may) for may in LAYERS[layer][1]):
        yield number, f'layer {layer} may not include "{header}" of layer {target}'
    if re.match(r"arch/[^/]+/", header) and layer not in ("arch", "boot"):
        yield number, f'"{header}" belongs to one processor: only arch/ and boot/ may know it'


def check_file(path, root):
    """Findings about one file, as (line, text)."""
    name = path.relative_to(root).as_posix()
    stem = name.rsplit(".", 1)[0]
    text = path.read_text()
    if layer_of(stem) is None:
        yield 1, "this module has no layer: give it one in LAYERS of tools/check_layers.py"
        return
    found = list(includes(text))
    for number, ours, header in found:
        yield from check_include(stem, number, ours, header, root)
    if name.endswith(".c") and path.with_suffix(".h").is_file():
        if not found or found[0][2] != stem + ".h":
            yield found[0][0] if found else 1, f'the first include must be "{stem}.h"'
    if name.endswith(".h"):
        guard = re.sub(r"\W", "_", name).upper()
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield 1, f"the include guard must be {guard}"
    if not name.startswith(("arch/", "boot/")):
        for number, line in enumerate(text.splitlines(), 1):
            if PROCESSOR.search(line):
                yield number, "only arch/ and boot/ may ask which processor this is"


def find_circles(graph):
    """(header, the header that closes the circle) for each circle of includes."""
    done, open_path = set(), []

    def visit(header):
        if header in done:
            return
        open_path.append(header)
        for target in sorted(graph.get(header, ())):
            if target in open_path:
                yield header, target
            else:
                yield from visit(target)
        open_path.pop()
        done.add(header)

    for header in sorted(graph):
        yield from visit(header)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=pathlib.Path(__file__).parent.parent, type=pathlib.Path,
                        help="tree to check (default: the one this script is in)")
    root = parser.parse_args().root
    files = sorted(f for d in SOURCES for f in (root / d).rglob("*.[ch]"))
    if not files:
        print(f"check_layers: no C files under {root}", file=sys.stderr)
        return 2
    findings, graph = [], {}
    for path in files:
        name = path.relative_to(root).as_posix()
        findings += [(name, number, text) for number, text in check_file(path, root)]
        if name.endswith(".h"):
            graph[name] = {h for _, ours, h in includes(path.read_text()) if ours}
    findings += [(h, 1, f'includes "{t}", which includes it: a circle') for h, t in find_circles(graph)]
    for name, number, text in findings:
        print(f"{name}:{number}: {text}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
