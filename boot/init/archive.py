#!/usr/bin/env python3
"""Make the archive that vmm hands to a guest's kernel of the guest's first process.

usage: archive.py PROGRAM NAME: prints a C header with the array NAME_archive, a cpio archive (newc) with
the one file vmm/init in it, compressed by gzip, which every kernel with initial RAM disks can unpack unless
it was told not to. The folder vmm is in an archive before it. A program over 64 KiB is an error.
"""

import gzip
import pathlib
import sys


PROGRAM_MAX = 64 * 1024  # bytes: every start unpacks it, and vmm carries it


def entry(path, mode, data):
    """One file of an archive, padded to 4 bytes. Spec: Linux, buffer-format.rst."""
    name = path.encode() + b"\0"
    fields = (1 if data else 0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def main():
    program, name = sys.argv[1:]
    code = pathlib.Path(program).read_bytes()
    if len(code) > PROGRAM_MAX:
        sys.exit(f"{program}: {len(code)} bytes, {PROGRAM_MAX} at most")
    archive = entry("vmm/init", 0o100755, code) + entry("TRAILER!!!", 0, b"")
    packed = gzip.compress(archive, 9, mtime=0)
    print(f"static const unsigned char {name}_archive[] = {{")
    for at in range(0, len(packed), 16):
        print("\t" + " ".join(f"{byte}," for byte in packed[at:at + 16]))
    print("};")


if __name__ == "__main__":
    main()
