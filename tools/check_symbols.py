#!/usr/bin/env python3
"""Check that each object exports only names that begin with the name of its source file.

A reader who meets gmem_span() knows that it is in vmm/gmem.c. Reads the objects that
compile_commands.json in the build folder lists for vmm/, devices/, boot/ and arch/.

Prints FILE: FINDING for each violation. Status 0: none; 1: some; 2: the check cannot run.
"""

import argparse
import json
import pathlib
import subprocess
import sys

SOURCES = ("vmm", "devices", "boot", "arch")

# Names that a file may export besides its own prefix. FOLDER/ stands for all files below it.
ALLOWED = {
    "vmm/main.c": ("main",),
    "vmm/vmmctl.c": ("main",),
    # What machine_create() built is set going in a file of its own.
    "vmm/run.c": ("machine_run",),
    # All vCPUs of a VM together.
    "vmm/vcpu.c": ("vcpus_",),
    # The contract of arch/arch.h, spread over the files of an architecture.
    "arch/": ("arch_",),
    # The contract of boot/boot.h.
    "boot/": ("boot_",),
    # The guest's first process has no C library, and begins and calls by its processor's rules.
    "boot/init/string.c": ("mem", "str"),
    "boot/init/x86_64/start.S": ("_start", "sys_"),
}


def may_export(source, symbol):
    """Whether the symbol belongs to the source file, given from the root."""
    stem = pathlib.PurePath(source).stem
    if symbol == stem or symbol.startswith(stem + "_"):
        return True
    return any(
        symbol == name or (name.endswith(("_", "mem", "str")) and symbol.startswith(name))
        for place, names in ALLOWED.items()
        if source == place or (place.endswith("/") and source.startswith(place))
        for name in names)


def exported(obj):
    """Names of the global symbols that an object defines."""
    out = subprocess.run(["nm", "-g", "--defined-only", "-P", str(obj)], check=True, text=True,
                         capture_output=True).stdout
    return [line.split()[0] for line in out.splitlines()]


def objects(build, root):
    """(source from the root, object) of each compilation of the program."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        folder = pathlib.Path(entry["directory"])
        source = (folder / entry["file"]).resolve()
        if not source.is_relative_to(root):
            continue
        name = source.relative_to(root).as_posix()
        obj = folder / entry["output"]
        if name.split("/")[0] in SOURCES and obj.is_file():
            yield name, obj


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=pathlib.Path(__file__).parent.parent, type=pathlib.Path,
                        help="tree that was built (default: the one this script is in)")
    parser.add_argument("build", nargs="?", default="build", type=pathlib.Path,
                        help="build folder (default: build)")
    args = parser.parse_args()
    try:
        found = sorted(set(objects(args.build.resolve(), args.root.resolve())))
    except FileNotFoundError as error:
        print(f"check_symbols: {error}; build first: ninja -C build", file=sys.stderr)
        return 2
    if not found:
        print(f"check_symbols: no objects of {args.root} in {args.build}", file=sys.stderr)
        return 2
    findings = [(source, symbol) for source, obj in found for symbol in exported(obj)
                if not may_export(source, symbol)]
    for source, symbol in findings:
        print(f"{source}: exports {symbol}, whose name does not begin with "
              f"{pathlib.PurePath(source).stem}_: rename it or make it static")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
