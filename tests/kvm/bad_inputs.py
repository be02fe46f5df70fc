#!/usr/bin/env python3
"""Make the files that vmm is to refuse: usage: bad_inputs.py FOLDER KERNEL

KERNEL is an ELF guest, of which some are altered copies. The others are as empty as they can be: no
guest ever runs.
"""

import os
import random
import struct
import sys

MIB = 1 << 20
EM_AARCH64, ELFCLASS32 = 183, 1
E_CLASS, E_MACHINE, E_PHOFF = 4, 18, 32
P_PADDR, P_SIZE = 24, 56  # in a program header, and of one


def bzimage(version=0x20F, xloadflags=1, init_size=16 * MIB):
    """A kernel as far as its header is concerned, with 64 KiB of code."""
    sectors, code = 4, 0x10000
    b = bytearray((sectors + 1) * 512 + code)
    for form, offset, value in (
        ("B", 0x1F1, sectors),
        ("I", 0x1F4, code // 16),
        ("H", 0x1FE, 0xAA55),
        ("H", 0x200, 0x6AEB),  # the jump that tells where the header ends
        ("4s", 0x202, b"HdrS"),
        ("H", 0x206, version),
        ("B", 0x211, 1),  # LOADED_HIGH
        ("I", 0x22C, 0x7FFFFFFF),  # initrd_addr_max
        ("I", 0x230, 2 * MIB),  # alignment
        ("B", 0x234, 1),  # relocatable
        ("H", 0x236, xloadflags),
        ("I", 0x238, 2047),  # cmdline_size
        ("Q", 0x258, 16 * MIB),  # pref_address
        ("I", 0x260, init_size),
    ):
        struct.pack_into("<" + form, b, offset, value)
    return bytes(b)


def altered(kernel, form, offset, value):
    """The ELF image with one field changed."""
    b = bytearray(kernel)
    struct.pack_into("<" + form, b, offset, value)
    return bytes(b)


def main():
    folder, path = sys.argv[1:]
    with open(path, "rb") as f:
        elf = f.read()
    (headers,) = struct.unpack_from("<Q", elf, E_PHOFF)
    (first,) = struct.unpack_from("<Q", elf, headers + P_PADDR)
    second = headers + P_SIZE + P_PADDR
    files = {
        "empty": b"",
        "random": random.Random(1).randbytes(100000),
        "bz": bzimage(),
        "bz-cut": bzimage()[:30000],
        "bz-old": bzimage(version=0x20B),
        "bz-32": bzimage(xloadflags=0),
        "bz-big": bzimage(init_size=320 * MIB),
        "elf-cut": elf[: len(elf) // 2],
        "elf-32": altered(elf, "B", E_CLASS, ELFCLASS32),
        "elf-arm": altered(elf, "H", E_MACHINE, EM_AARCH64),
        "elf-beyond": altered(elf, "Q", second, 1024 * MIB),
        "elf-gap": altered(elf, "Q", second, 0xD0000000),
        "elf-overlap": altered(elf, "Q", second, first),
        "closed": bzimage(),
        "disk-odd": bytes(1000),
        "disk-closed": bytes(4096),
    }
    for name, contents in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(contents)
    for name in ("closed", "disk-closed"):
        os.chmod(os.path.join(folder, name), 0)
    for name, size in [("initrd-big", 300 * MIB)] + [(f"disk{i}", 4096) for i in range(1, 20)]:
        with open(os.path.join(folder, name), "wb") as f:
            f.truncate(size)
    os.mkdir(os.path.join(folder, "folder"))


if __name__ == "__main__":
    main()
